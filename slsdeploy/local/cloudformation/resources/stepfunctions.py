"""AWS::StepFunctions::StateMachine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.errors import ResourceFailed
from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes


class StateMachine(ResourceType):
    """A state machine; `Ref` is its ARN."""

    type = "AWS::StepFunctions::StateMachine"
    properties = names(
        """
        Definition DefinitionString DefinitionS3Location DefinitionSubstitutions StateMachineName StateMachineType RoleArn
        LoggingConfiguration TracingConfiguration EncryptionConfiguration Tags
        """
    )
    required = names("RoleArn")
    replaced_by = names("StateMachineName StateMachineType")
    named_by = "StateMachineName"
    tags = True

    def create(self, request: Request) -> str:
        given = request.properties
        tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in given.get("Tags") or ()]
        made = request.call(
            "stepfunctions",
            "create_state_machine",
            name=request.name("StateMachineName", 80),
            definition=_definition(request),
            roleArn=given["RoleArn"],
            type=given.get("StateMachineType"),
            tags=tags or None,
        )
        return str(made["stateMachineArn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        request.call(
            "stepfunctions",
            "update_state_machine",
            stateMachineArn=physical_id,
            definition=_definition(request),
            roleArn=request.properties["RoleArn"],
        )
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("stepfunctions", "untag_resource", resourceArn=physical_id, tagKeys=gone)
        if added:
            tags = [{"key": key, "value": value} for key, value in added.items()]
            request.call("stepfunctions", "tag_resource", resourceArn=physical_id, tags=tags)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("stepfunctions", "delete_state_machine", stateMachineArn=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": physical_id, "Name": physical_id.rpartition(":")[2]}


def _definition(request: Request) -> str:
    """Return the definition as text, with what the template puts into its `${...}`."""
    given = request.properties
    if "Definition" in given:
        text = json.dumps(given["Definition"])
    elif "DefinitionString" in given:
        text = str(given["DefinitionString"])
    else:
        raise ResourceFailed(
            "the local AWS takes Definition or DefinitionString of a state machine, not DefinitionS3Location"
        )
    values = given.get("DefinitionSubstitutions") or {}
    return re.sub(r"\$\{([A-Za-z0-9_]+)\}", lambda found: str(values.get(found[1], found[0])), text)


TYPES = (StateMachine(),)
