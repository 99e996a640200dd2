"""AWS::S3::Bucket, AWS::S3::BucketPolicy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names


@dataclass(frozen=True, slots=True)
class _Setting:
    """One property of a bucket: the calls that set it and that take it away, and how its value is written for the API."""

    put: str
    parameter: str
    shape: Callable[[Any], Any]
    remove: str = ""
    empty: Any = None


def _encryption(value: Any) -> Any:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            **({"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(value: Any) -> Any:
    """Write rules as the API has them; the days to expire and the prefix are nested there."""
    rules = []
    for rule in value["Rules"]:
        made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
        if "Id" in rule:
            made["ID"] = rule["Id"]
        if "ExpirationInDays" in rule:
            made["Expiration"] = {"Days": rule["ExpirationInDays"]}
        if "NoncurrentVersionExpiration" in rule:
            made["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
        if "AbortIncompleteMultipartUpload" in rule:
            made["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
        rules.append(made)
    return {"Rules": rules}


# by CloudFormation's word, what is not the API's too
_CORS = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}


def _cors(value: Any) -> Any:
    rules = [{_CORS.get(name, name): item for name, item in rule.items()} for rule in value["CorsRules"]]
    return {"CORSRules": rules}


def _notifications(value: Any) -> Any:
    """Write notifications as the API has them: one list per kind of destination, the filter's rules a level deeper."""
    kinds = {
        "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
        "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
    }
    made: dict[str, Any] = {}
    for name, (api_name, destination, api_destination) in kinds.items():
        made[api_name] = [
            {
                api_destination: item[destination],
                "Events": [item["Event"]],
                **({"Filter": {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}} if "Filter" in item else {}),
            }
            for item in value.get(name) or []
        ]
    if "EventBridgeConfiguration" in value:
        made["EventBridgeConfiguration"] = {}
    return {name: item for name, item in made.items() if item != []}


def _same(value: Any) -> Any:
    return value


_SETTINGS: Mapping[str, _Setting] = {
    "VersioningConfiguration": _Setting(
        "put_bucket_versioning", "VersioningConfiguration", _same, empty={"Status": "Suspended"}
    ),
    "BucketEncryption": _Setting(
        "put_bucket_encryption", "ServerSideEncryptionConfiguration", _encryption, "delete_bucket_encryption"
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "put_public_access_block", "PublicAccessBlockConfiguration", _same, "delete_public_access_block"
    ),
    "OwnershipControls": _Setting(
        "put_bucket_ownership_controls", "OwnershipControls", _same, "delete_bucket_ownership_controls"
    ),
    "LifecycleConfiguration": _Setting(
        "put_bucket_lifecycle_configuration", "LifecycleConfiguration", _lifecycle, "delete_bucket_lifecycle"
    ),
    "CorsConfiguration": _Setting("put_bucket_cors", "CORSConfiguration", _cors, "delete_bucket_cors"),
    "Tags": _Setting("put_bucket_tagging", "Tagging", lambda tags: {"TagSet": tags}, "delete_bucket_tagging"),
    "NotificationConfiguration": _Setting(
        "put_bucket_notification_configuration", "NotificationConfiguration", _notifications, empty={}
    ),
}


class Bucket(ResourceType):
    """A bucket; like on AWS, one that holds objects cannot be deleted."""

    type = "AWS::S3::Bucket"
    # Recorded only: the last line.
    properties = (
        names(
            """
        BucketName ObjectLockEnabled AccessControl AccelerateConfiguration LoggingConfiguration
        IntelligentTieringConfigurations
        """
        )
        | _SETTINGS.keys()
    )
    replaced_by = names("BucketName ObjectLockEnabled")
    named_by = imported_by = "BucketName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("BucketName", 63, lower=True)
        place = None if request.region == "us-east-1" else {"LocationConstraint": request.region}
        locked = request.properties.get("ObjectLockEnabled")
        # us-east-1 answers 200 when one's own bucket is there already; CloudFormation looks first.
        if self.exists(request, name):
            raise request.refused(f"{name} already exists", "AlreadyExists")
        request.call(
            "s3", "create_bucket", Bucket=name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=locked
        )
        return name

    def exists(self, request: Request, physical_id: str) -> bool:
        return any(bucket["Name"] == physical_id for bucket in request.call("s3", "list_buckets")["Buckets"])

    def configure(self, request: Request, physical_id: str) -> None:
        self.update(request, physical_id, {})

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        for name, setting in _SETTINGS.items():
            value = request.properties.get(name)
            if value == former.get(name):
                continue
            if value is None and setting.remove:
                request.remove("s3", setting.remove, Bucket=physical_id)
            else:
                written = setting.empty if value is None else setting.shape(value)
                request.call("s3", setting.put, Bucket=physical_id, **{setting.parameter: written})

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("s3", "delete_bucket", Bucket=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {
            "Arn": f"arn:aws:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.s3.{request.region}.amazonaws.com",
        }


class BucketPolicy(ResourceType):
    """A bucket's policy."""

    type = "AWS::S3::BucketPolicy"
    properties = names("Bucket PolicyDocument")
    required = properties
    replaced_by = names("Bucket")

    def create(self, request: Request) -> str:
        self.update(request, request.properties["Bucket"], {})
        return str(request.properties["Bucket"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        document = request.properties["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        request.call("s3", "put_bucket_policy", Bucket=physical_id, Policy=text)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("s3", "delete_bucket_policy", Bucket=physical_id)


TYPES = (Bucket(), BucketPolicy())
