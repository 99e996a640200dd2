"""Names that a zip, or Lambda's file system, cannot hold."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject

# Linux's: https://man7.org/linux/man-pages/man7/path_resolution.7.html
_NAME = 255
_PATH = 4095 - len("/var/task/")


class FileName(Rule):
    """A file that ships has a name that a bundle cannot hold, or hardly.

    Names are UTF-8, of at most 255 bytes each. Control characters and backslashes are a warning: they are taken, and rarely meant.

    Why: a zip's names are UTF-8; Lambda unpacks them on Linux, where a longer name cannot be.

    Mend: rename the file, or leave it out with `exclude`.

    Example:
        include = ["*.txt"], and a file whose name has the byte FF
    """

    id = "file-name"
    link = "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for path in subject.contents.files:
            encoded = path.encode("utf-8", "surrogateescape")
            if not _is_text(encoded):
                yield self.finding(f"the name of {printable(path)} is not UTF-8", "rename it")
            elif len(encoded) > _PATH or any(len(name) > _NAME for name in encoded.split(b"/")):
                message = f"the name of {printable(path)[:60]}... is longer than Linux takes"
                yield self.finding(message, f"rename it: {_NAME} bytes each, {_PATH:,} for the path", path)
            elif "\\" in path or not path.isprintable():
                message = f"the name of {printable(path)} has a character that hardly any tool expects"
                yield self.finding(message, "rename it", path, "warning")


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
