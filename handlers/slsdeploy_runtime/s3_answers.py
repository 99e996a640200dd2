"""Answers as objects of S3, each at the place that follows from what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime.http_body import JSON

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Failures, Outgoing
    from slsdeploy_runtime.s3_event import Place

LARGEST = 5 * 1024**3  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html


class Objects(NamedTuple):
    """The way of answers to objects: `place` says where by a record's id. They go one by one, and so are in order."""

    client: Any
    place: Callable[[str], Place]
    entries: int = 1
    bytes: int = LARGEST
    largest: int = LARGEST
    is_ordered: bool = False

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Write the answers. One that is written again is there once."""
        for each in answers:
            bucket, key = self.place(each.id)
            self.client.put_object(Bucket=bucket, Key=key, Body=each.body, ContentType=JSON)
        return {}
