"""AWS::Kinesis::Stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes

_HOURS = 24  # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html


class Stream(ResourceType):
    """A data stream; `Ref` is its name."""

    type = "AWS::Kinesis::Stream"
    # Recorded only: the last line.
    properties = names(
        """
        Name RetentionPeriodHours ShardCount StreamEncryption StreamModeDetails Tags
        DesiredShardLevelMetrics MaxRecordSizeInKiB WarmThroughputMiBps
        """
    )
    replaced_by = names("Name")
    named_by = imported_by = "Name"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("Name", 128)
        given = request.pick("ShardCount", "StreamModeDetails")
        if not given:
            given = {"ShardCount": 1}
        request.call("kinesis", "create_stream", StreamName=name, **given)
        return name

    def exists(self, request: Request, physical_id: str) -> bool:
        return physical_id in request.call("kinesis", "list_streams")["StreamNames"]

    def configure(self, request: Request, physical_id: str) -> None:
        self._set(request, physical_id, {})

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        count = request.properties.get("ShardCount")
        mode = request.properties.get("StreamModeDetails")
        if mode is not None and mode != former.get("StreamModeDetails"):
            request.call(
                "kinesis", "update_stream_mode", StreamARN=self._arn(request, physical_id), StreamModeDetails=mode
            )
        if count is not None and count != former.get("ShardCount"):
            options = {"TargetShardCount": count, "ScalingType": "UNIFORM_SCALING"}
            request.call("kinesis", "update_shard_count", StreamName=physical_id, **options)
        self._set(request, physical_id, former)

    def _set(self, request: Request, name: str, former: Mapping[str, Any]) -> None:
        before = int(former.get("RetentionPeriodHours", _HOURS))
        hours = int(request.properties.get("RetentionPeriodHours", _HOURS))
        if hours != before:
            call = "increase_stream_retention_period" if hours > before else "decrease_stream_retention_period"
            request.call("kinesis", call, StreamName=name, RetentionPeriodHours=hours)
        was, wanted = former.get("StreamEncryption"), request.properties.get("StreamEncryption")
        if wanted and wanted != was:
            request.call("kinesis", "start_stream_encryption", StreamName=name, **wanted)
        elif was and not wanted:
            request.call("kinesis", "stop_stream_encryption", StreamName=name, **was)
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("kinesis", "remove_tags_from_stream", StreamName=name, TagKeys=gone)
        if added:
            request.call("kinesis", "add_tags_to_stream", StreamName=name, Tags=added)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("kinesis", "delete_stream", StreamName=physical_id, EnforceConsumerDeletion=True)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": self._arn(request, physical_id)}

    def _arn(self, request: Request, name: str) -> str:
        return f"arn:aws:kinesis:{request.region}:{request.account}:stream/{name}"


TYPES = (Stream(),)
