"""What a module reads of the clock or of chance when it is imported stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import own_modules
from slsdeploy.bundle.import_time import Reading
from slsdeploy.rules.rule import Finding, Rule, Severity, Subject


class ClockAtImport(Rule):
    """The handler reads the clock, or asks for chance, while it is imported.

    The handler's own imports within the project count too. Chance without SnapStart is a note: each environment has its own.

    Why: a module is imported once, when an execution environment starts: the value is hours old later. With SnapStart it is imported once
    for all environments: the same random numbers and identifiers in each of them.

    Mend: read it in `preprocess`, `predict` or `postprocess`, for each request.

    Example:
        TODAY = datetime.date.today()

        def preprocess(request):
            return {"day": TODAY}
    """

    id = "clock-at-import"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        project, files = subject.project, subject.contents.files
        if project.handler is None:
            return
        for path in own_modules.imported(project.handler.path.relative_to(project.root).as_posix(), files):
            for reading in files[path].readings:
                yield self._judged(reading, path, bool(project.config.snap_start))

    def _judged(self, reading: Reading, path: str, is_snapshot: bool) -> Finding:
        if is_snapshot:
            told = "is the same in every environment that starts from the snapshot"
        elif reading.kind == "clock":
            told = "is that of the environment's start, for as long as it lives"
        else:
            told = "is drawn once for each environment, not for each request"
        message = f"{reading.call} is called while {path} is imported: what it says {told}"
        severity: Severity | None = None if is_snapshot or reading.kind == "clock" else "note"
        return self.finding(message, "call it in a function, for each request", path, severity, reading.line)
