"""The function's Python is deprecated by Lambda, or will be soon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from slsdeploy.rules.rule import Finding, Rule, Subject

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
DATES = {"3.12": date(2028, 10, 31), "3.13": date(2029, 6, 30), "3.14": date(2029, 6, 30)}
_SOON = timedelta(days=180)  # when AWS begins to tell those who use it


class PythonDeprecated(Rule):
    """The function's Python is deprecated by Lambda, or will be within half a year.

    A version that Lambda does not know at all is refused in slsdeploy.toml. With SOURCE_DATE_EPOCH that is the day that counts.

    Why: a deprecated runtime gets no security updates; some weeks later Lambda creates no functions with it, and then updates none.

    Mend: raise `python`, and try the function with it: `slsdeploy up --local`.

    Example:
        python = "3.12"  # after October 2028
    """

    id = "python-deprecated"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtime-deprecation-levels"

    def check(self, subject: Subject) -> Iterator[Finding]:
        python = subject.project.config.python
        end, today = DATES[python], _today()
        if today + _SOON < end:
            return
        said = "deprecated" if today >= end else "deprecates"
        newer = [version for version, day in DATES.items() if day > end]
        hint = f'set python = "{newer[-1]}"' if newer else "update slsdeploy: it may know newer ones"
        yield self.setting(subject, ("python",), f"Lambda {said} Python {python} on {end}", hint)


def _today() -> date:
    """Return the day, in UTC; that of the sources where a build is to be the same every day: https://reproducible-builds.org/specs/source-date-epoch/."""
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    is_meant = said.isascii() and said.isdecimal() and len(said) < 12  # later than the year 5000 nobody builds
    return datetime.fromtimestamp(int(said), UTC).date() if is_meant else datetime.now(UTC).date()
