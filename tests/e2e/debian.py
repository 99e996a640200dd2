"""Another distribution to build upon: Debian trixie with CPython 3.13 and nothing of Lambda, made by `debootstrap` once and kept.

As a layer it has no devices and no hard links; pages for people and caches, which nobody needs here, are left out.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slsdeploy import oci
from slsdeploy.assets import cache_dir
from tests.e2e.emulator import Unavailable

# The user's own, whatever a test sets later: it is made once, not once per test run.
CACHE = cache_dir()
HERE = {"x86_64": "amd64"}.get(platform.machine(), "arm64")
SUITE = "trixie"
PYTHON = "3.13"  # which trixie has
_PACKAGES = "python3,ca-certificates"
_SECONDS = 900  # half a minute where nothing else runs
_LEFT_OUT = (
    "./dev/*",
    "./var/cache/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
    "./usr/share/doc/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
)
_TAR = ("tar", "--create", "--sort=name", "--numeric-owner", "--hard-dereference")


@dataclass(frozen=True, slots=True)
class RootLayer:
    """The root file system as a layer: a gzipped tar, and the digest of the tar in it ("sha256:...")."""

    path: Path
    diff_id: str


def root_layer(cache: Path = CACHE) -> RootLayer:
    """Return the layer, making it the first time; one process does, the others wait for it. Raises Unavailable."""
    program = shutil.which("debootstrap")
    if program is None:
        raise Unavailable("debootstrap is not installed")
    if os.geteuid() != 0:
        raise Unavailable("debootstrap and chroot want root")
    folder = cache / "debian"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{SUITE}-{platform.machine()}.tar.gz"
    description = path.with_suffix(".json")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not description.is_file():
            description.write_text(json.dumps({"diff_id": _make(program, path)}))
    return RootLayer(path, json.loads(description.read_text())["diff_id"])


def _make(program: str, path: Path) -> str:
    # the layer is put in place whole, and described last
    with tempfile.TemporaryDirectory(prefix="slsdeploy-debian-") as scratch:
        root, draft = Path(scratch, "root"), Path(scratch, "layer")
        _run([program, "--variant=minbase", f"--include={_PACKAGES}", SUITE, str(root)])
        if not (root / f"usr/bin/python{PYTHON}").exists():
            raise Unavailable(f"{SUITE} has another Python than {PYTHON}")
        diff_id = pack(root, draft)
        shutil.move(draft, path)
    return diff_id


def _run(argv: list[str]) -> None:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"debootstrap did not end within {_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise Unavailable(f"debootstrap failed: {said[-1]}") from error


def pack(root: Path, target: Path) -> str:
    """Write the root file system as a gzipped tar; return the digest of the tar."""
    digest = hashlib.sha256()
    argv = [*_TAR, *(f"--exclude={each}" for each in _LEFT_OUT), "-C", str(root), "."]
    with gzip.open(target, "wb", compresslevel=1) as packed, subprocess.Popen(argv, stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        while block := tar.stdout.read(1 << 20):
            digest.update(block)
            packed.write(block)
    if tar.returncode:
        raise Unavailable(f"tar ended with {tar.returncode}")
    return f"sha256:{digest.hexdigest()}"


def write_image(
    folder: Path, layers: list[tuple[bytes | Path, str]], settings: object, architecture: str = HERE
) -> None:
    """Write an OCI image layout by hand, tagged `base`: layers (gzipped, with the digests of their tars) and a container's settings."""
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": _put(place, _json(config), oci.OCI_CONFIG),
        "layers": [_put(place, content, oci.OCI_LAYER) for content, _ in layers],
    }
    entry = _put(place, _json(manifest), oci.OCI_MANIFEST)
    named = {**entry, "annotations": {"org.opencontainers.image.ref.name": "base"}}
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def _put(place: Path, content: bytes | Path, media_type: str) -> dict[str, object]:
    if isinstance(content, bytes):
        digest, size = oci.digest_of(content), len(content)
        (place / digest.removeprefix("sha256:")).write_bytes(content)
    else:
        with content.open("rb") as stream:
            digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        size = content.stat().st_size
        (place / digest.removeprefix("sha256:")).symlink_to(content)
    return {"mediaType": media_type, "digest": digest, "size": size}


def _json(document: object) -> bytes:
    return json.dumps(document).encode()
