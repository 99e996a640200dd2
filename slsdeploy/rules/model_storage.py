"""Models that are fetched from S3 do not fit into the function's /tmp."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes
from slsdeploy.types import ModelInfo, S3Origin

MB = 1024**2
LARGEST = 10240  # MB
_SPARE = 64  # MB, for the file system itself and whatever else writes there


class ModelStorage(Rule):
    """Models that are fetched from S3 do not fit into the function's /tmp.

    Each must fit beside those that are loaded at start; lazy ones may take turns, at the price of being fetched again, of which this warns.

    Why: /tmp is where they are fetched to, and a full one ends the start of the function.

    Mend: raise `ephemeral_storage` (10,240 MB at most), or serve the model from a file system (`efs:`).

    Example:
        model = "s3://models/large.onnx"  # 2 GB
        ephemeral_storage = 512
    """

    id = "model-storage"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        sizes = {"eager": [0], "lazy": [0]}
        for model in subject.project.models:
            info = subject.models.get(model.name)
            if isinstance(model.origin, S3Origin) and isinstance(info, ModelInfo):
                sizes[model.load].append(info.bytes)
        least, all_of_them = sum(sizes["eager"]) + max(sizes["lazy"]), sum(sizes["eager"]) + sum(sizes["lazy"])
        room = subject.project.config.ephemeral_storage
        if least > room * MB:
            message = f"the models in S3 are {megabytes(least)}; /tmp, where they are fetched to, has {room:,} MB"
            yield self.setting(subject, ("ephemeral_storage",), message, _hint(least))
        elif all_of_them > (room - _SPARE) * MB:
            what = f"the models in S3 are {megabytes(all_of_them)}, and /tmp has {room:,} MB"
            message = f"{what}: they hardly fit, and one that makes room for another is fetched again"
            yield self.setting(subject, ("ephemeral_storage",), message, _hint(all_of_them), "warning")


def _hint(size: int) -> str:
    need = math.ceil(size / MB) + _SPARE
    if need > LARGEST:
        return f"no more than {LARGEST:,} MB can be had: use a smaller model, or a file system (efs:)"
    return f"set ephemeral_storage to {need}"
