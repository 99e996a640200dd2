"""`--html FILE`: where a page is written, checked before anything is done for it; and the writing."""

from __future__ import annotations

from pathlib import Path

from slsdeploy.errors import ProjectError


def place(html: str) -> Path:
    """Return the file's absolute path. Raises ProjectError when no file can be there."""
    path = Path(html).absolute()
    if path.is_dir() or not path.parent.is_dir():
        found = "is a folder" if path.is_dir() else f"would be in {path.parent}, which is no folder"
        raise ProjectError(f"{html} {found}", "--html takes the file that the page is written to", "--html")
    return path


def write(path: Path, text: str) -> None:
    """Write a page. Raises ProjectError when that may not be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise ProjectError(message, "name another file", "--html") from error
