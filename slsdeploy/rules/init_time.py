"""The models take longer to load than Lambda's init phase allows."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import measurements
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle, S3Origin

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
_SECONDS = 10.0
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html: or the function's timeout, if that is longer
_SNAPSHOT_SECONDS = 130.0
_IMPORTS = 0.2  # seconds: Python, numpy, onnxruntime, the runtime
_DOWNLOAD = 75e6  # bytes a second from S3: what a function's network gives at its steadiest, 600 Mbit/s


class InitTime(BundleRule):
    """The models that are loaded at start take longer than Lambda's init phase allows: 10 seconds.

    An estimate: what loading took when it was measured at the build, and fetching what comes from S3. With SnapStart it is 130 seconds.

    Why: Lambda starts the function again, inside of the first request then, at that request's cost and within its timeout. slsdeploy goes
    on loading while that request waits, so that it works, and is slow.

    Mend: let models be loaded when they are asked (load = "lazy"), make them smaller (quantize = "int8"), or start from a snapshot:
    snap_start = true.

    Example:
        model = "s3://models/large.onnx"  # 2 GB to fetch
        ephemeral_storage = 4096
    """

    id = "init-time"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        config = subject.project.config
        limit = max(_SNAPSHOT_SECONDS, config.timeout) if config.snap_start else _SECONDS
        eager = {model.name for model in subject.project.models if model.load == "eager"}
        loaded = sum(
            row.session_ms / 1000
            for model, row in measurements.measured(subject.project, bundle)
            if model.name in eager
        )
        pairs = zip(subject.project.models, bundle.models, strict=True)
        fetched = sum(info.bytes for model, info in pairs if model.name in eager and isinstance(model.origin, S3Origin))
        seconds = _IMPORTS + loaded + fetched / _DOWNLOAD
        if seconds > limit:
            parts = f"{loaded:,.1f} s to load" + (f", {fetched / _DOWNLOAD:,.1f} s to fetch" if fetched else "")
            message = f"starting takes about {seconds:,.0f} s ({parts}); Lambda's init phase has {limit:g} s"
            hint = 'set load = "lazy" for models that may wait' + (
                "" if config.snap_start else ", or snap_start = true"
            )
            key = ("models",) if config.models else ("model",)
            yield self.setting(subject, key, message, hint)
