"""AWS::ApiGatewayV2::Api and Stage: an HTTP API described by OpenAPI, answered on a loopback port of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slsdeploy.local.cloudformation.errors import ResourceFailed
from slsdeploy.local.cloudformation.resources import Request, ResourceType, names

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"


def methods_of(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    """Yield each method of an OpenAPI document: ("ANY", "/{proxy+}", its integration, whether requests are to be signed)."""
    schemes = (body.get("components") or {}).get("securitySchemes") or body.get("securityDefinitions") or {}
    signed = {name for name, scheme in schemes.items() if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4"}
    for path, methods in (body.get("paths") or {}).items():
        for method, said in methods.items():
            if not isinstance(said, dict) or INTEGRATION not in said:
                continue
            needed = {name for each in said.get("security", ()) for name in each}
            if needed - signed:
                raise ResourceFailed(f"The local AWS knows AWS_IAM authorizers only, not {', '.join(sorted(needed))}")
            yield "ANY" if method == ANY else method.upper(), path, said[INTEGRATION], bool(needed)


class Api(ResourceType):
    """An HTTP API; `Ref` is its id."""

    type = "AWS::ApiGatewayV2::Api"
    properties = names(
        """
        ApiKeySelectionExpression BasePath Body BodyS3Location CorsConfiguration CredentialsArn Description
        DisableExecuteApiEndpoint DisableSchemaValidation FailOnWarnings IpAddressType Name ProtocolType RouteKey
        RouteSelectionExpression Tags Target Version
        """
    )

    def create(self, request: Request) -> str:
        made = request.call("apigatewayv2", "create_api", ProtocolType="HTTP", **_settings(request))
        return str(made["ApiId"])

    def configure(self, request: Request, physical_id: str) -> None:
        api = {"ApiId": physical_id}
        for method, path, integration, is_signed in methods_of(request.properties.get("Body") or {}):
            made = request.call(
                "apigatewayv2",
                "create_integration",
                **api,
                IntegrationType=str(integration.get("type", "")).upper(),
                IntegrationUri=integration.get("uri"),
                PayloadFormatVersion=integration.get("payloadFormatVersion"),
            )
            request.call(
                "apigatewayv2",
                "create_route",
                **api,
                RouteKey=path if path == "$default" else f"{method} {path}",
                AuthorizationType="AWS_IAM" if is_signed else "NONE",
                Target=f"integrations/{made['IntegrationId']}",
            )

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        api, settings = {"ApiId": physical_id}, _settings(request)
        request.call("apigatewayv2", "update_api", **api, **settings)
        if "CorsConfiguration" not in settings:
            request.remove("apigatewayv2", "delete_cors_configuration", **api)
        for route in request.call("apigatewayv2", "get_routes", **api)["Items"]:
            request.remove("apigatewayv2", "delete_route", **api, RouteId=route["RouteId"])
        for each in request.call("apigatewayv2", "get_integrations", **api)["Items"]:
            request.remove("apigatewayv2", "delete_integration", **api, IntegrationId=each["IntegrationId"])
        self.configure(request, physical_id)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("apigatewayv2", "delete_api", ApiId=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        endpoint = f"https://{physical_id}.execute-api.{request.region}.amazonaws.com"
        return {"ApiId": physical_id, "ApiEndpoint": endpoint}


class Stage(ResourceType):
    """A stage of an HTTP API; `Ref` is its name."""

    type = "AWS::ApiGatewayV2::Stage"
    properties = names(
        """
        AccessLogSettings AccessPolicyId ApiId AutoDeploy ClientCertificateId DefaultRouteSettings DeploymentId
        Description RouteSettings StageName StageVariables Tags
        """
    )
    required = names("ApiId StageName")
    replaced_by = names("ApiId StageName")

    def create(self, request: Request) -> str:
        self._make(request)
        return str(request.properties["StageName"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Make it anew under its name, as moto changes none."""
        self.delete(request, physical_id)
        self._make(request)

    def _make(self, request: Request) -> None:
        given = request.pick("ApiId", "StageName", "AutoDeploy", "Description", "StageVariables")
        request.call("apigatewayv2", "create_stage", **given)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove(
            "apigatewayv2", "delete_stage", ApiId=request.properties["ApiId"], StageName=request.properties["StageName"]
        )


def _settings(request: Request) -> dict[str, Any]:
    """Return what an API has beside its routes: the properties', else the document's."""
    given = request.properties
    body = given.get("Body") or {}
    info = body.get("info") or {}
    cors = given.get("CorsConfiguration") or {
        name[:1].upper() + name[1:]: value for name, value in (body.get("x-amazon-apigateway-cors") or {}).items()
    }
    settings = {"Name": given.get("Name") or info.get("title"), "Description": given.get("Description")}
    return {**settings, **({"CorsConfiguration": cors} if cors else {})}


TYPES = (Api(), Stage())
