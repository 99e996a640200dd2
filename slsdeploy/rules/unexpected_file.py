"""Files among the code that a function hardly ever needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes

_LARGE = 20 * 1024**2
_KINDS = {
    "a notebook": (".ipynb",),
    "a model of a training framework": (
        ".pt",
        ".pth",
        ".ckpt",
        ".h5",
        ".hdf5",
        ".keras",
        ".safetensors",
        ".pb",
        ".tflite",
    ),
    "an archive": (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl", ".egg"),
    "a database or a data set": (".parquet", ".feather", ".arrow", ".sqlite", ".sqlite3", ".db", ".mdb", ".npz"),
    "a log or a copy": (".log", ".bak", ".orig", ".swp", ".tmp"),
}
_DATA = "a database or a data set"
_MUCH = 5 * 1024**2  # less than that may well be a table that the handler looks things up in
_MODEL = "a model that the project does not serve"


class UnexpectedFile(Rule):
    """Something ships with the code that a function hardly ever needs.

    Notebooks, archives, models of training frameworks, ONNX models that are not the project's, data of more than 5 MiB, and whatever
    is larger than 20 MiB.

    Why: it takes room, makes each deployment of the code slower, and often was not meant to be published.

    Mend: leave it out with `exclude`, or narrow `include`. If the handler needs it, let the rule pass: `[check] ignore`.

    Example:
        include = ["*"], and explore.ipynb
    """

    id = "unexpected-file"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for path, content in subject.contents.files.items():
            kind = _kind(PurePosixPath(path.lower()), content.bytes)
            if kind:
                message = f"{printable(path)} ships with the code: {kind}, {megabytes(content.bytes)}"
                yield self.finding(message, f'leave it out if the handler does not read it: exclude = ["{path}"]', path)


def _kind(path: PurePosixPath, size: int) -> str:
    if path.suffix == ".onnx":
        return _MODEL
    kind = next((kind for kind, suffixes in _KINDS.items() if path.suffix in suffixes), "")
    if size > _LARGE:
        return kind or "a large file"
    return "" if kind == _DATA and size < _MUCH else kind
