"""SnapStart is on, together with something that Lambda does not have with it."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

STORAGE = 512


class SnapStart(Rule):
    """SnapStart is on, together with something that Lambda does not have with it.

    Why: a snapshot holds no file system of elsewhere, and no more of `/tmp` than every function has: Lambda refuses such a function.

    Mend: leave out one of the two. A model need not be on a file system: it may come from the bundle or from S3.

    Example:
        snap_start = true
        ephemeral_storage = 1024
    """

    id = "snap-start"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        if not config.snap_start:
            return
        if config.ephemeral_storage > STORAGE:
            message = f"snap_start does not go with ephemeral_storage = {config.ephemeral_storage}: Lambda takes at most {STORAGE}"
            yield self.setting(subject, ("ephemeral_storage",), message, "leave out one of the two")
        if config.file_system is not None:
            hint = "leave out snap_start, or let the model come from the bundle or from S3"
            message = "snap_start does not go with [file_system]: Lambda refuses EFS"
            yield self.setting(subject, ("file_system",), message, hint)
