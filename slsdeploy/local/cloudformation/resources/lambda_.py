"""AWS::Lambda::Function, Version, Alias and LayerVersion. What calls functions is in `lambda_events.py`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.errors import ResourceFailed
from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes, tag_map

_CONFIGURATION = names(
    """
    DeadLetterConfig Description Environment EphemeralStorage FileSystemConfigs Handler ImageConfig KmsKeyArn
    Layers LoggingConfig MemorySize Role Runtime SnapStart Timeout TracingConfig VpcConfig
    """
)
# What a setting becomes again when it is taken out of the template.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-function.html
_DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "ImageConfig": {},
    "Layers": [],
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "DeadLetterConfig": {},
    "FileSystemConfigs": [],
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}


class Function(ResourceType):
    """A function; its code comes from S3, or from the template as text."""

    type = "AWS::Lambda::Function"
    properties = _CONFIGURATION | names(
        """
        Architectures Code FunctionName PackageType ReservedConcurrentExecutions CodeSigningConfigArn
        RecursiveLoop RuntimeManagementConfig Tags TenancyConfig CapacityProviderConfig
        """
    )
    required = names("Code Role")
    replaced_by = names("FunctionName PackageType TenancyConfig")
    named_by = "FunctionName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("FunctionName", 64)
        given = request.pick(*_CONFIGURATION, "Architectures", "PackageType")
        given["KMSKeyArn"] = given.pop("KmsKeyArn", None)
        code = _code(request)
        request.call(
            "lambda",
            "create_function",
            FunctionName=name,
            Code=code,
            Tags=tag_map(request.properties.get("Tags")),
            **given,
        )
        return name

    def configure(self, request: Request, physical_id: str) -> None:
        if (reserved := request.properties.get("ReservedConcurrentExecutions")) is not None:
            request.call(
                "lambda", "put_function_concurrency", FunctionName=physical_id, ReservedConcurrentExecutions=reserved
            )

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        steps = [self._update_code, self._update_settings]
        if len(given.get("Layers") or ()) < len(former.get("Layers") or ()):
            steps.reverse()  # what was in layers may be in the code now: never both at once, which may be too large
        for step in steps:
            step(request, physical_id, former)
        if "ReservedConcurrentExecutions" in former and "ReservedConcurrentExecutions" not in given:
            request.call("lambda", "delete_function_concurrency", FunctionName=physical_id)
        self.configure(request, physical_id)
        self._tag(request, physical_id, former)

    def _update_settings(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        changed = {
            name: given.get(name, _DEFAULTS.get(name)) for name in _CONFIGURATION if given.get(name) != former.get(name)
        }
        if changed:
            changed["KMSKeyArn"] = changed.pop("KmsKeyArn", None)
            request.call("lambda", "update_function_configuration", FunctionName=physical_id, **changed)

    def _update_code(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        if any(given.get(name) != former.get(name) for name in ("Code", "Architectures")):
            architectures = given.get("Architectures", ["x86_64"])
            request.call(
                "lambda",
                "update_function_code",
                FunctionName=physical_id,
                Architectures=architectures,
                **_code(request),
            )

    def _tag(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        added, gone = tag_changes(former, request.properties)
        arn = self.attributes(request, physical_id)["Arn"]
        if gone:
            request.call("lambda", "untag_resource", Resource=arn, TagKeys=gone)
        if added:
            request.call("lambda", "tag_resource", Resource=arn, Tags=added)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("lambda", "delete_function", FunctionName=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": f"arn:aws:lambda:{request.region}:{request.account}:function:{physical_id}"}


class Version(ResourceType):
    """A published version; every change publishes another."""

    type = "AWS::Lambda::Version"
    properties = names(
        """
        CodeSha256 Description FunctionName ProvisionedConcurrencyConfig RuntimePolicy FunctionScalingConfig
        """
    )
    required = names("FunctionName")
    replaced_by = properties

    def create(self, request: Request) -> str:
        given = request.pick("CodeSha256", "Description", "FunctionName")
        found = request.call("lambda", "list_versions_by_function", FunctionName=given["FunctionName"])
        published = request.call("lambda", "publish_version", **given)
        if any(version["Version"] == published["Version"] for version in found["Versions"]):
            message = f"A version for this Lambda function exists ( {published['Version']} ). "
            raise request.refused(f"{message}Modify the function to create a new version.", "AlreadyExists")
        return str(published["FunctionArn"])

    def delete(self, request: Request, physical_id: str) -> None:
        function, _, version = physical_id.rpartition(":")
        request.remove("lambda", "delete_function", FunctionName=function, Qualifier=version)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Version": physical_id.rpartition(":")[2], "FunctionArn": physical_id}


class Alias(ResourceType):
    """An alias: a name for a version, which invokes and URLs hold on to."""

    type = "AWS::Lambda::Alias"
    properties = names("Description FunctionName FunctionVersion Name ProvisionedConcurrencyConfig RoutingConfig")
    required = names("FunctionName FunctionVersion Name")
    replaced_by = names("FunctionName Name")

    def create(self, request: Request) -> str:
        given = request.pick("Description", "FunctionName", "FunctionVersion", "Name")
        return str(request.call("lambda", "create_alias", **given, RoutingConfig=_routing(request))["AliasArn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = {"Description": "", **request.pick("Description", "FunctionName", "FunctionVersion", "Name")}
        request.call("lambda", "update_alias", **given, RoutingConfig=_routing(request) or {})

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("lambda", "delete_alias", **request.pick("FunctionName", "Name"))

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"AliasArn": physical_id}


class LayerVersion(ResourceType):
    """A version of a layer; every change publishes another."""

    type = "AWS::Lambda::LayerVersion"
    properties = names("CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo")
    required = names("Content")
    replaced_by = properties

    def create(self, request: Request) -> str:
        given = request.pick("CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LicenseInfo")
        name = request.properties.get("LayerName", request.logical_id)
        return str(request.call("lambda", "publish_layer_version", LayerName=name, **given)["LayerVersionArn"])

    def delete(self, request: Request, physical_id: str) -> None:
        layer, _, version = physical_id.rpartition(":")
        request.remove("lambda", "delete_layer_version", LayerName=layer, VersionNumber=int(version))

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"LayerVersionArn": physical_id}


def _code(request: Request) -> dict[str, Any]:
    code = dict(request.properties["Code"])
    code.pop("SourceKMSKeyArn", None)
    if not isinstance(text := code.get("ZipFile"), str):
        return code
    name = {"python": "index.py", "nodejs": "index.js"}.get(
        str(request.properties.get("Runtime", "")).rstrip("0123456789.x")
    )
    if name is None:
        raise ResourceFailed("ZipFile can only be used when Runtime is set to one of the Node.js or Python runtimes.")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return {**code, "ZipFile": content.getvalue()}


def _routing(request: Request) -> dict[str, Any] | None:
    weights = (request.properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
    if not weights:
        return None
    return {
        "AdditionalVersionWeights": {str(item["FunctionVersion"]): float(item["FunctionWeight"]) for item in weights}
    }


TYPES = (Function(), Version(), Alias(), LayerVersion())
