"""A bundle's bill of materials -> beside its image in a registry. What a registry refuses of it stops nothing: the image is there.

Decision (2026-11): that it was refused is remembered beside the bundle, on this machine, and tried again by the next deployments of the
same image, a few times: a registry that knows no referrers is not asked for ever. To ask the registry each time whether it is attached
would make every deployment without a change slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import assets, oci
from slsdeploy.errors import SlsdeployError

if TYPE_CHECKING:
    from slsdeploy.artifacts import ImageObject
    from slsdeploy.oci import Image, Pushed, Reference
    from slsdeploy.tools import Tools

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_FILE = "sbom.not-attached"
_TRIES = 3


def attach(image: Image, sbom: Path, to: Reference, tools: Tools) -> Pushed | None:
    """Attach it to an image that was pushed there; say in a note why not, and return None, where that cannot be."""
    referrer = oci.referrer(image, sbom.read_bytes(), MEDIA_TYPE, sbom.name)
    missing = _Missing.of(sbom, to)
    try:
        with tools.reporter.step(
            "attach bill of materials", sum(blob.descriptor.size for blob in referrer.blobs)
        ) as task:
            pushed = tools.images.attach(referrer, to, task)
    except SlsdeployError as error:
        tools.reporter.note(f"the bill of materials is not attached to the image: {error.message}")
        missing.add()
        return None
    missing.forget()
    return pushed


def attach_again(item: ImageObject, tools: Tools) -> Pushed | None:
    """Attach it to an image that is there, if that failed before."""
    missing = _Missing.of(item.sbom, item.reference)
    if not 0 < missing.tries < _TRIES:
        return None
    return attach(item.image.read(), item.sbom, item.reference, tools)


@dataclass(frozen=True, slots=True)
class _Missing:
    """A file beside the bill of materials: a line with the repository for each time that it could not be attached."""

    path: Path
    to: str

    @classmethod
    def of(cls, sbom: Path, to: Reference) -> _Missing:
        return cls(sbom.with_name(_FILE), f"{to.host}/{to.repository}")

    @property
    def tries(self) -> int:
        return self._lines().count(self.to)

    def add(self) -> None:
        self._write([*self._lines(), self.to])

    def forget(self) -> None:
        if self.tries:
            self._write([line for line in self._lines() if line != self.to])

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _write(self, lines: list[str]) -> None:
        assets.write_atomically(self.path, "".join(f"{line}\n" for line in lines).encode())
