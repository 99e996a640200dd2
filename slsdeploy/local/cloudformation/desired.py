"""The parameters of CreateStack, UpdateStack and CreateChangeSet -> what the stack shall become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from slsdeploy.local.cloudformation import parameters, yaml_tags
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.records import Desired, Stack
from slsdeploy.local.cloudformation.template import read, required_capabilities

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_BODY = 51_200
MAX_OBJECT = 1_048_576
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")


def check_name(name: str) -> None:
    """Refuse a stack's name that AWS would refuse."""
    if not _NAME.fullmatch(name):
        raise Refused(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def make_desired(given: Mapping[str, Any], stack: Stack, account: str, fetch: Callable[[str], str]) -> Desired:
    """Read what the call says; `fetch(url)` reads a template from S3. Raises Refused."""
    text = template_text(given, stack.current, fetch)
    _check_capabilities(text, given.get("Capabilities") or ())
    values = _values(given.get("Parameters") or (), stack.current)
    # Tags that are not given stay; an empty list takes them away.
    tags = stack.current.tags if given.get("Tags") is None and stack.current is not None else given.get("Tags")
    return Desired(
        template=read(text, values, _pseudo(stack, account)),
        parameters=_shown(text, values),
        tags=tuple({"Key": tag["Key"], "Value": tag["Value"]} for tag in tags or ()),
        capabilities=tuple(given.get("Capabilities") or ()),
        role_arn=given.get("RoleARN"),
        on_failure=_on_failure(given),
        retain_except_on_create=bool(given.get("RetainExceptOnCreate")),
        token=given.get("ClientRequestToken") or given.get("ClientToken"),
    )


def template_text(given: Mapping[str, Any], current: Desired | None, fetch: Callable[[str], str]) -> str:
    """Return the template that a call means: in the call, in S3, or the one the stack has."""
    if body := given.get("TemplateBody"):
        if len(body.encode()) > MAX_BODY:
            raise Refused(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_BODY}"
            )
        return str(body)
    if url := given.get("TemplateURL"):
        text = fetch(url)
        if len(text.encode()) > MAX_OBJECT:
            raise Refused(f"Template may not exceed {MAX_OBJECT} bytes in size.")
        return text
    if given.get("UsePreviousTemplate") and current is not None:
        return current.template.text
    raise Refused("Either Template URL or Template Body must be specified.")


def _check_capabilities(text: str, given: Any) -> None:
    for needed in required_capabilities(text):
        enough = {needed, "CAPABILITY_NAMED_IAM"}
        if not enough & set(given):
            raise Refused(f"Requires capabilities : [{needed}]", "InsufficientCapabilitiesException")


def _values(given: Any, current: Desired | None) -> dict[str, str]:
    former = {item["ParameterKey"]: item["ParameterValue"] for item in current.parameters} if current else {}
    found = {}
    for item in given:
        key = item["ParameterKey"]
        if item.get("UsePreviousValue"):
            if key not in former:
                raise Refused(
                    f"Invalid input for parameter key {key}. "
                    "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                )
            found[key] = former[key]
        else:
            found[key] = item.get("ParameterValue", "")
    return found


def _shown(text: str, given: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    declared = yaml_tags.load(text).get("Parameters") or {}
    parameters.values(declared, given)
    return tuple(
        {"ParameterKey": name, "ParameterValue": str(given.get(name, item.get("Default", "")))}
        for name, item in declared.items()
    )


def _pseudo(stack: Stack, account: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": stack.region,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }


def _on_failure(given: Mapping[str, Any]) -> str:
    if given.get("DisableRollback"):
        return "DO_NOTHING"
    return str(given.get("OnFailure") or given.get("OnStackFailure") or "ROLLBACK")
