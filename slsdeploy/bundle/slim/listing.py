"""The installer's RECORD of each package -> a list of its files alone, for `importlib.metadata.files()`.

Packages look for their own libraries there. Hashes and sizes go: those of console scripts are another on each machine. A file that a cut
takes later stays listed: who asks is not told of what is not there.
"""

from __future__ import annotations

import csv

from slsdeploy.bundle.slim.installed import Installed


def write(installed: Installed) -> None:
    """Write the list of each package that has a RECORD anew."""
    for each in installed.distributions:
        record = installed.root / each.info / "RECORD"
        if record.is_file():
            with record.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                rows = csv.writer(stream, lineterminator="\n")
                rows.writerows((path, "", "") for path in sorted(each.files & installed.files.keys()))
