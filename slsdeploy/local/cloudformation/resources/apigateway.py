"""AWS::ApiGateway::RestApi, Deployment and Stage: a REST API described by OpenAPI, answered on a loopback port of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_map
from slsdeploy.local.cloudformation.resources.apigatewayv2 import methods_of


class RestApi(ResourceType):
    """A REST API; `Ref` is its id."""

    type = "AWS::ApiGateway::RestApi"
    properties = names(
        """
        ApiKeySourceType BinaryMediaTypes Body BodyS3Location CloneFrom Description DisableExecuteApiEndpoint
        EndpointAccessMode EndpointConfiguration FailOnWarnings MinimumCompressionSize Mode Name Parameters Policy
        SecurityPolicy Tags
        """
    )
    tags = True

    def create(self, request: Request) -> str:
        given = request.properties
        body = given.get("Body") or {}
        endpoint = {"types": list((given.get("EndpointConfiguration") or {}).get("Types", ["EDGE"]))}
        made = request.call(
            "apigateway",
            "create_rest_api",
            name=given.get("Name") or (body.get("info") or {}).get("title"),
            description=given.get("Description"),
            endpointConfiguration=endpoint,
            tags=tag_map(given.get("Tags")) or None,
        )
        return str(made["id"])

    def configure(self, request: Request, physical_id: str) -> None:
        api = {"restApiId": physical_id}
        _set_binary(request, physical_id)
        for method, path, integration, is_signed in methods_of(request.properties.get("Body") or {}):
            place = {**api, "resourceId": _resource(request, physical_id, path), "httpMethod": method}
            kind = "AWS_IAM" if is_signed else "NONE"
            request.call("apigateway", "put_method", **place, authorizationType=kind)
            request.call(
                "apigateway",
                "put_integration",
                **place,
                type=str(integration.get("type", "")).upper(),
                integrationHttpMethod=integration.get("httpMethod"),
                uri=integration.get("uri"),
            )

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        api = {"restApiId": physical_id}
        for item in request.call("apigateway", "get_resources", **api)["items"]:
            if item["path"] != "/":
                request.remove("apigateway", "delete_resource", **api, resourceId=item["id"])
                continue
            for method in item.get("resourceMethods") or ():
                request.remove("apigateway", "delete_method", **api, resourceId=item["id"], httpMethod=method)
        name = request.properties.get("Name")
        if name and name != former.get("Name"):
            change = {"op": "replace", "path": "/name", "value": name}
            request.call("apigateway", "update_rest_api", **api, patchOperations=[change])
        self.configure(request, physical_id)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("apigateway", "delete_rest_api", restApiId=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        found = request.call("apigateway", "get_resources", restApiId=physical_id)["items"]
        return {
            "RestApiId": physical_id,
            "RootResourceId": next((each["id"] for each in found if each["path"] == "/"), ""),
        }


class Deployment(ResourceType):
    """What a REST API was at a time; here it is only a number."""

    type = "AWS::ApiGateway::Deployment"
    properties = names("DeploymentCanarySettings Description RestApiId StageDescription StageName")
    required = names("RestApiId")
    replaced_by = properties

    def create(self, request: Request) -> str:
        given = request.properties
        api = {"restApiId": given["RestApiId"], "description": given.get("Description")}
        return str(request.call("apigateway", "create_deployment", **api)["id"])

    def delete(self, request: Request, physical_id: str) -> None:
        api = request.properties["RestApiId"]
        request.remove("apigateway", "delete_deployment", restApiId=api, deploymentId=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"DeploymentId": physical_id}


class Stage(ResourceType):
    """A stage of a REST API; `Ref` is its name."""

    type = "AWS::ApiGateway::Stage"
    properties = names(
        """
        AccessLogSetting CacheClusterEnabled CacheClusterSize CanarySetting ClientCertificateId DeploymentId Description
        DocumentationVersion MethodSettings RestApiId StageName Tags TracingEnabled Variables
        """
    )
    required = names("RestApiId StageName")
    replaced_by = names("RestApiId StageName")
    tags = True

    def create(self, request: Request) -> str:
        given = request.properties
        request.call(
            "apigateway",
            "create_stage",
            **_stage(request),
            deploymentId=given.get("DeploymentId"),
            variables=given.get("Variables"),
            description=given.get("Description"),
            tags=tag_map(given.get("Tags")) or None,
        )
        return str(given["StageName"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        changes = [{"op": "replace", "path": "/deploymentId", "value": given.get("DeploymentId")}]
        old, new = former.get("Variables") or {}, given.get("Variables") or {}
        changes += [{"op": "replace", "path": f"/variables/{name}", "value": value} for name, value in new.items()]
        changes += [{"op": "remove", "path": f"/variables/{name}"} for name in old if name not in new]
        request.call("apigateway", "update_stage", **_stage(request), patchOperations=changes)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("apigateway", "delete_stage", **_stage(request))


def _stage(request: Request) -> dict[str, Any]:
    return {"restApiId": request.properties["RestApiId"], "stageName": request.properties["StageName"]}


def _set_binary(request: Request, api: str) -> None:
    """Say which types are binary: beside the creation, where moto would not hear it."""
    wanted = list(request.properties.get("BinaryMediaTypes") or ())
    former = request.call("apigateway", "get_rest_api", restApiId=api).get("binaryMediaTypes") or ()
    changes = [("remove", each) for each in former if each not in wanted]
    changes += [("add", each) for each in wanted if each not in former]
    for operation, kind in changes:
        path = f"/binaryMediaTypes/{kind.replace('/', '~1')}"
        change = {"op": operation, "path": path, "value": kind}
        request.call("apigateway", "update_rest_api", restApiId=api, patchOperations=[change])


def _resource(request: Request, api: str, path: str) -> str:
    """Return the id of the resource at a path, made with what is above it where it is not there."""
    found = {each["path"]: each["id"] for each in request.call("apigateway", "get_resources", restApiId=api)["items"]}
    at, parent = "", str(found["/"])
    for part in path.strip("/").split("/") if path != "/" else ():
        at += f"/{part}"
        if at not in found:
            place = {"restApiId": api, "parentId": parent, "pathPart": part}
            found[at] = request.call("apigateway", "create_resource", **place)["id"]
        parent = str(found[at])
    return parent


TYPES = (RestApi(), Deployment(), Stage())
