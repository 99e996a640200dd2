"""Messages come in smaller batches than the model is set to take."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class BatchSize(Rule):
    """Messages come in smaller batches than the model is set to take.

    Only where nothing but queues and streams calls the function, and `max_batch` is set.

    Why: the records of an invocation are stacked for one run of the model; a run never gets more than `batch_size` of them, so that a
    larger `max_batch` does nothing.

    Mend: raise `batch_size` (above 10, a queue needs a window too), or leave `max_batch` out.

    Example:
        max_batch = 64

        [[trigger]]
        type = "sqs"
        batch_size = 10
    """

    id = "batch-size"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        sizes = [getattr(trigger, "batch_size", None) for trigger in config.trigger]
        if config.max_batch is None or not sizes or None in sizes:
            return
        largest = max(size for size in sizes if size is not None)
        if largest < config.max_batch:
            message = f"max_batch = {config.max_batch}, and no trigger hands over more than {largest} records at once"
            hint = "raise batch_size to that, or leave out max_batch"
            yield self.setting(subject, ("trigger", sizes.index(largest), "batch_size"), message, hint)
