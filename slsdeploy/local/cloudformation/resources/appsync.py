"""AWS::AppSync::GraphQLApi, GraphQLSchema, ApiKey, DataSource, Resolver: recorded. No query is answered here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_map


class GraphQLApi(ResourceType):
    """A GraphQL API; `Ref` is its ARN."""

    type = "AWS::AppSync::GraphQLApi"
    properties = names(
        """
        AdditionalAuthenticationProviders ApiType AuthenticationType EnhancedMetricsConfig EnvironmentVariables IntrospectionConfig
        LambdaAuthorizerConfig LogConfig Name OpenIDConnectConfig OwnerContact QueryDepthLimit ResolverCountLimit Tags
        UserPoolConfig Visibility XrayEnabled MergedApiExecutionRoleArn
        """
    )
    required = names("AuthenticationType Name")
    tags = True

    def create(self, request: Request) -> str:
        given = request.properties
        made = request.call(
            "appsync",
            "create_graphql_api",
            name=given["Name"],
            authenticationType=given["AuthenticationType"],
            tags=tag_map(given.get("Tags")) or None,
        )
        return str(made["graphqlApi"]["arn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        settings = {"name": given["Name"], "authenticationType": given["AuthenticationType"]}
        request.call("appsync", "update_graphql_api", apiId=_id_of(physical_id), **settings)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("appsync", "delete_graphql_api", apiId=_id_of(physical_id))

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        api_id = _id_of(physical_id)
        url = f"https://{api_id}.appsync-api.{request.region}.amazonaws.com/graphql"
        return {"Arn": physical_id, "ApiId": api_id, "GraphQLUrl": url}


class GraphQLSchema(ResourceType):
    """An API's schema."""

    type = "AWS::AppSync::GraphQLSchema"
    properties = names("ApiId Definition DefinitionS3Location")
    required = names("ApiId")
    replaced_by = names("ApiId")

    def create(self, request: Request) -> str:
        self.update(request, "", {})
        return f"{request.properties['ApiId']}GraphQLSchema"

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        definition = str(request.properties.get("Definition", "")).encode()
        request.call("appsync", "start_schema_creation", apiId=request.properties["ApiId"], definition=definition)

    def delete(self, request: Request, physical_id: str) -> None:
        """Leave it to the API, which it goes with."""


class ApiKey(ResourceType):
    """A key to an API."""

    type = "AWS::AppSync::ApiKey"
    properties = names("ApiId ApiKeyId Description Expires")
    required = names("ApiId")
    replaced_by = names("ApiId")

    def create(self, request: Request) -> str:
        given = request.properties
        made = request.call(
            "appsync",
            "create_api_key",
            apiId=given["ApiId"],
            description=given.get("Description"),
            expires=given.get("Expires"),
        )
        return str(made["apiKey"]["id"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        words = {"description": given.get("Description"), "expires": given.get("Expires")}
        request.call("appsync", "update_api_key", apiId=given["ApiId"], id=physical_id, **words)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("appsync", "delete_api_key", apiId=request.properties["ApiId"], id=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"ApiKey": physical_id, "ApiKeyId": physical_id}


class DataSource(ResourceType):
    """What a resolver asks; known to this stack only."""

    type = "AWS::AppSync::DataSource"
    properties = names(
        """
        ApiId Description DynamoDBConfig ElasticsearchConfig EventBridgeConfig HttpConfig LambdaConfig MetricsConfig Name
        OpenSearchServiceConfig RelationalDatabaseConfig ServiceRoleArn Type
        """
    )
    required = names("ApiId Name Type")
    replaced_by = names("ApiId Name")

    def create(self, request: Request) -> str:
        return str(self.attributes(request, "")["DataSourceArn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def delete(self, request: Request, physical_id: str) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        name = str(request.properties["Name"])
        arn = (
            f"arn:aws:appsync:{request.region}:{request.account}:apis/{request.properties['ApiId']}/datasources/{name}"
        )
        return {"Name": name, "DataSourceArn": arn}


class Resolver(ResourceType):
    """What a field is resolved by; known to this stack only."""

    type = "AWS::AppSync::Resolver"
    properties = names(
        """
        ApiId CachingConfig Code CodeS3Location DataSourceName FieldName Kind MaxBatchSize MetricsConfig PipelineConfig
        RequestMappingTemplate RequestMappingTemplateS3Location ResponseMappingTemplate ResponseMappingTemplateS3Location
        Runtime SyncConfig TypeName
        """
    )
    required = names("ApiId FieldName TypeName")
    replaced_by = required

    def create(self, request: Request) -> str:
        given = request.properties
        path = f"apis/{given['ApiId']}/types/{given['TypeName']}/resolvers/{given['FieldName']}"
        return f"arn:aws:appsync:{request.region}:{request.account}:{path}"

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def delete(self, request: Request, physical_id: str) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        given = request.properties
        return {"ResolverArn": physical_id, "TypeName": given["TypeName"], "FieldName": given["FieldName"]}


def _id_of(arn: str) -> str:
    return arn.rpartition("/")[2]


TYPES = (GraphQLApi(), GraphQLSchema(), ApiKey(), DataSource(), Resolver())
