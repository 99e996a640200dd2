"""A small Docker-compatible engine: it understands `version`, `build` and `save` as far as our Dockerfiles need them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slsdeploy import oci
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ToolError
from slsdeploy.tools import Completed

OK = Completed(0, "", "")


class Engine:
    """Builds from a base's configuration: FROM, ARG, COPY, CMD, ENTRYPOINT, WORKDIR; any RUN fails.

    `modern` saves as Docker has since version 25, and `packed` its layers gzipped. `gone` says nothing but that.
    """

    def __init__(
        self, base: Mapping[str, Any], layers: Sequence[bytes], *, modern: bool = False, gone: str = ""
    ) -> None:
        self.base = base
        self.layers = list(layers)
        self.modern = modern
        self.gone = gone
        self.calls: list[Sequence[str]] = []
        self.arguments: dict[str, str] = {}
        self.flags: list[str] = []
        self.built: tuple[dict[str, Any], list[bytes]] | None = None

    def __call__(self, argv: Sequence[str]) -> Completed:
        self.calls.append(argv)
        if self.gone:
            return Completed(1, "", self.gone)
        command = argv[1]
        if command == "build":
            return self._build(argv[2:])
        if command == "save":
            self._save(Path(argv[argv.index("--output") + 1]))
        return OK if command in ("version", "save") else Completed(1, "", f"unknown command: {command}")

    def _build(self, argv: Sequence[str]) -> Completed:
        self.flags = [word for word in argv if word.startswith("--") and "=" in word]
        argv = [word for word in argv if word not in self.flags]
        options = dict(zip(argv[:-1:2], argv[1:-1:2], strict=True))
        assert options["--platform"] == f"linux/{self.base['architecture']}"
        self.arguments = dict([options["--build-arg"].split("=", 1)]) if "--build-arg" in options else {}
        config: dict[str, Any] = {**self.base, "config": dict(self.base["config"]), "created": "2026-01-01T00:00:00Z"}
        layers: list[bytes] = list(self.layers)
        history: list[dict[str, Any]] = []
        for line in Path(options["--file"]).read_text().splitlines():
            word, _, rest = line.partition(" ")
            if word == "RUN":
                return Completed(1, f"Step : {line}", "exec: nothing: no such file")
            if word == "COPY":
                source, target = rest.split()
                layers.append(_tar(Path(argv[-1], source), target.strip("/")))
                history.append({"created": "2026-01-01T00:00:00Z", "created_by": line})
            if word in ("CMD", "ENTRYPOINT"):
                config["config"][word.capitalize()] = json.loads(rest)
            if word == "WORKDIR":
                config["config"]["WorkingDir"] = rest
                history.append({"created": "2026-01-01T00:00:00Z", "created_by": line, "empty_layer": True})
        config["rootfs"] = {"type": "layers", "diff_ids": [oci.digest_of(layer) for layer in layers]}
        config["history"] = history
        config["container"] = "of the day"
        self.built = config, layers
        Path(options["--iidfile"]).write_text(_hex(json.dumps(config).encode()))
        return OK

    def _save(self, path: Path) -> None:
        assert self.built is not None
        config, layers = json.dumps(self.built[0]).encode(), self.built[1]
        place = f"blobs/sha256/{_hex(config)}" if self.modern else f"{_hex(config)}.json"
        names = [f"blobs/sha256/{_hex(layer)}" if self.modern else f"{_hex(layer)}/layer.tar" for layer in layers]
        contents = {place: config, **dict(zip(names, layers, strict=True))}
        said = [{"Config": place, "RepoTags": None, "Layers": names}]
        with tarfile.open(path, "w") as archive:
            for name, content in {**contents, "manifest.json": json.dumps(said).encode()}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def _tar(source: Path, target: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            name = f"{target}/{path.relative_to(source)}" if source.is_dir() else target
            entry = archive.gettarinfo(path, name)
            entry.mtime = 0
            assert not entry.isdir() or entry.mode & 0o777 == 0o755, f"{name}: Lambda's user could not read it"
            archive.addfile(entry, io.BytesIO(path.read_bytes()) if entry.isreg() else None)
    return stream.getvalue()


def _hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class EngineShell(SystemShell):
    """The real shell, but for the engines: a name without one is of a program that is not there."""

    def __init__(self, **engines: Engine) -> None:
        self.engines = engines

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        if not re.fullmatch("docker|podman", argv[0]):
            return super().run(argv, **options)
        if argv[0] not in self.engines:
            raise ToolError(f"there is no program {argv[0]}")
        return self.engines[argv[0]](argv)
