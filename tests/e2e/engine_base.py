"""An image with a Python of this machine, for tests that cannot pull one: the interpreter, its library, what they are linked to."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import urllib3

from slsdeploy import oci

_SKIPPED = ("test", "tests", "idlelib", "site-packages", "__pycache__", "config-")
_LINKED = re.compile(r"=> (/\S+)|^\s+(/\S+ld-linux\S+)", re.MULTILINE)
# numpy and onnxruntime want them
_MORE = ("libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "librt.so.1", "libdl.so.2", "libpthread.so.0")


def push(host: str, repository: str, interpreter: Path, architecture: str, folder: Path) -> str:
    """Push the image to a registry on loopback; return its reference."""
    layer = folder / "base.tar.gz"
    diff_id = _pack(interpreter, layer)
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": [f"PATH={interpreter.parent}"], "Cmd": ["python3"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    content = layer.read_bytes()
    said = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": _blob(host, repository, config, oci.OCI_CONFIG),
        "layers": [_blob(host, repository, content, oci.OCI_LAYER)],
    }
    _ask(host, "PUT", f"{repository}/manifests/1", json.dumps(said).encode(), oci.OCI_MANIFEST)
    return f"{host}/{repository}:1"


def _blob(host: str, repository: str, content: bytes, media_type: str) -> dict[str, Any]:
    digest = oci.digest_of(content)
    _ask(host, "POST", f"{repository}/blobs/uploads/?digest={digest}", content, "application/octet-stream")
    return oci.Descriptor(media_type, digest, len(content)).document()


def _ask(host: str, method: str, path: str, body: bytes, content_type: str) -> None:
    url = f"http://{host}/v2/{path}"
    answer = urllib3.request(method, url, body=body, headers={"Content-Type": content_type}, retries=False)
    assert answer.status == 201, answer.data


def _pack(interpreter: Path, path: Path) -> str:
    prefix = interpreter.parent.parent
    library = next((prefix / "lib").glob("python3.*/os.py")).parent
    extensions = list((library / "lib-dynload").glob("*.so"))
    plain = path.with_suffix("")
    with tarfile.open(plain, "w") as archive:
        archive.add(interpreter, arcname=str(interpreter))
        if not (interpreter.parent / "python3").samefile(interpreter) or interpreter.name != "python3":
            link = tarfile.TarInfo(str(interpreter.parent / "python3"))
            link.type, link.linkname = tarfile.SYMTYPE, interpreter.name
            archive.addfile(link)
        archive.add(library, filter=_wanted)
        for linked in sorted(_linked([interpreter, *extensions])):
            archive.add(linked.resolve(), arcname=str(linked))
    digest = oci.digest_of(plain.read_bytes())
    subprocess.run(["gzip", "--fast", "--no-name", str(plain)], check=True)
    return digest


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(member.name).name
    return None if name.startswith(_SKIPPED) else member


def _linked(files: list[Path]) -> set[Path]:
    said = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    found = {Path(match[1] or match[2]) for match in _LINKED.finditer(said)}
    folders = {each.parent for each in found}
    return found | {folder / name for folder in folders for name in _MORE if (folder / name).exists()}
