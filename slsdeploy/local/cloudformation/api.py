"""CloudFormation's API: one method per operation, the call's parameters in, a dict as AWS answers out.

What it refuses, it refuses in AWS's words (`Refused`). The Query protocol around it is `slsdeploy/local/query.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlparse

from slsdeploy.local.cloudformation import describe, yaml_tags
from slsdeploy.local.cloudformation.change_sets import ChangeSets
from slsdeploy.local.cloudformation.changes import compare, has_changes
from slsdeploy.local.cloudformation.desired import check_name, make_desired, template_text
from slsdeploy.local.cloudformation.engine import Engine
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.records import Stack, Stacks
from slsdeploy.local.cloudformation.template import required_capabilities

Given = Mapping[str, Any]
Answer = dict[str, Any]
_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "UPDATE_FAILED",
    "CREATE_FAILED",
)


class CloudFormation:
    """The service, for every region. `client(region, service)` gives boto3 clients of the local AWS.

    `localized` writes an output's addresses as they are here.
    """

    def __init__(
        self, account: str, client: Callable[[str, str], Any], localized: Callable[[str], str] = lambda text: text
    ) -> None:
        self.stacks = Stacks(account)
        self.engine = Engine(account, client)
        self._localized = localized
        self._client = client
        self._change_sets = ChangeSets(self.stacks, self.engine, self.fetch)
        self.operations: dict[str, Callable[[str, Given], Answer]] = {
            "CreateStack": self.create_stack,
            "UpdateStack": self.update_stack,
            "DeleteStack": self.delete_stack,
            "DescribeStacks": self.describe_stacks,
            "ListStacks": self.list_stacks,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "ListStackResources": self.list_stack_resources,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "ValidateTemplate": self.validate_template,
            "UpdateTerminationProtection": self.update_termination_protection,
            "ListExports": self.list_exports,
            **self._change_sets.operations,
        }

    def answer(self, operation: str, region: str, given: Given) -> Answer:
        """Answer one call. Raises Refused."""
        if operation not in self.operations:
            raise Refused(f"The local AWS does not emulate cloudformation:{operation}", "InvalidAction")
        return self.operations[operation](region, given)

    def fetch(self, region: str, url: str) -> str:
        """Read a template from S3, from either form of an object's URL. Raises Refused."""
        parts = urlparse(url)
        host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
        bucket, _, key = path.partition("/")
        if ".s3" in host:
            bucket, key = host.split(".s3")[0], path
        try:
            found: bytes = self._client(region, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except Exception as error:
            raise Refused(f"S3 error: {error}") from error
        return found.decode()

    def create_stack(self, region: str, given: Given) -> Answer:
        name = given["StackName"]
        check_name(name)
        with self.stacks.lock:
            if self.stacks.find(region, name) is not None:
                raise Refused(f"Stack [{name}] already exists", "AlreadyExistsException")
            stack = self.stacks.draft(region, name)
            desired = make_desired(given, stack, self.stacks.account, lambda url: self.fetch(region, url))
            compare(stack, desired)
            self.stacks.add(stack)
        stack.protected = bool(given.get("EnableTerminationProtection"))
        self.engine.create(stack, desired)
        return {"StackId": stack.id}

    def update_stack(self, region: str, given: Given) -> Answer:
        stack = self.stacks.get(region, given["StackName"])
        with stack.lock:
            if stack.status not in _UPDATABLE:
                raise Refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            desired = make_desired(given, stack, self.stacks.account, lambda url: self.fetch(region, url))
            if not has_changes(stack, desired, compare(stack, desired)):
                raise Refused("No updates are to be performed.")
            self.engine.update(stack, desired)
        return {"StackId": stack.id}

    def delete_stack(self, region: str, given: Given) -> Answer:
        stack = self.stacks.find(region, given["StackName"])
        if stack is None or stack.status in ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"):
            return {}
        # AWS breaks a creation off; here it takes a second at most, so it may come to its end.
        stack.wait_while("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", seconds=60)
        with stack.lock:
            if stack.protected:
                raise Refused(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.busy:
                raise Refused(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
            retain = given.get("RetainResources") or ()
            if retain and stack.status != "DELETE_FAILED":
                raise Refused(
                    f"Invalid operation on stack [{stack.id}]. "
                    "Only delete operations on stacks in DELETE_FAILED state can retain resources."
                )
            self.engine.delete(stack, retain, given.get("ClientRequestToken"))
        return {}

    def describe_stacks(self, region: str, given: Given) -> Answer:
        if name := given.get("StackName"):
            return {"Stacks": [self._shown(self.stacks.get(region, name))]}
        return {
            "Stacks": [self._shown(stack) for stack in self.stacks.all(region) if stack.status != "DELETE_COMPLETE"]
        }

    def _shown(self, stack: Stack) -> Answer:
        outputs = [{**each, "OutputValue": self._localized(each["OutputValue"])} for each in stack.outputs]
        return {**describe.stack(stack), "Outputs": outputs or None}

    def list_stacks(self, region: str, given: Given) -> Answer:
        wanted = given.get("StackStatusFilter") or ()
        found = [stack for stack in self.stacks.all(region) if not wanted or stack.status in wanted]
        return {"StackSummaries": [describe.summary(stack) for stack in found]}

    def describe_stack_events(self, region: str, given: Given) -> Answer:
        stack = self._existing(region, given)
        return {"StackEvents": [describe.event(event, stack) for event in reversed(list(stack.events))]}

    def describe_stack_resource(self, region: str, given: Given) -> Answer:
        stack = self._existing(region, given)
        name = given["LogicalResourceId"]
        if name not in stack.resources:
            raise Refused(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": describe.resource(stack.resources[name], stack)}

    def describe_stack_resources(self, region: str, given: Given) -> Answer:
        physical_id = given.get("PhysicalResourceId")
        stack = self._owner(region, physical_id) if physical_id else self._existing(region, given)
        only = given.get("LogicalResourceId")
        found = [item for item in list(stack.resources.values()) if only in (None, item.logical_id)]
        return {"StackResources": [describe.resource(item, stack) for item in found]}

    def list_stack_resources(self, region: str, given: Given) -> Answer:
        stack = self._existing(region, given)
        return {"StackResourceSummaries": [describe.resource(item, stack) for item in list(stack.resources.values())]}

    def get_template(self, region: str, given: Given) -> Answer:
        if name := given.get("ChangeSetName"):
            _, change_set = self._change_sets.find(region, given.get("StackName"), name)
            text = change_set.desired.template.text
        else:
            stack = self._existing(region, given)
            text = stack.current.template.text if stack.current else "{}"
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, region: str, given: Given) -> Answer:
        current = self._existing(region, given).current if given.get("StackName") else None
        text = current.template.text if current else template_text(given, None, lambda url: self.fetch(region, url))
        body = yaml_tags.load(text)
        types = sorted({item["Type"] for item in (body.get("Resources") or {}).values()})
        return {
            **_validated(text),
            "ResourceTypes": types,
            "Version": str(body.get("AWSTemplateFormatVersion", "2010-09-09")),
        }

    def validate_template(self, region: str, given: Given) -> Answer:
        text = template_text(given, None, lambda url: self.fetch(region, url))
        answer = _validated(text)
        stack = self.stacks.draft(region, "validated")
        values = [
            {"ParameterKey": item["ParameterKey"], "ParameterValue": item["DefaultValue"] or ""}
            for item in answer["Parameters"]
        ]
        every = {"TemplateBody": text, "Parameters": values, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
        make_desired(every, stack, self.stacks.account, str)
        return answer

    def update_termination_protection(self, region: str, given: Given) -> Answer:
        stack = self._existing(region, given)
        stack.protected = bool(given["EnableTerminationProtection"])
        return {"StackId": stack.id}

    def list_exports(self, region: str, given: Given) -> Answer:
        found = [
            (stack, output) for stack in self.stacks.all(region) for output in stack.outputs if "ExportName" in output
        ]
        return {
            "Exports": [
                {"ExportingStackId": s.id, "Name": o["ExportName"], "Value": o["OutputValue"]} for s, o in found
            ]
        }

    def _existing(self, region: str, given: Given) -> Stack:
        stack = self.stacks.find(region, given["StackName"])
        if stack is None:
            raise Refused(f"Stack [{given['StackName']}] does not exist")
        return stack

    def _owner(self, region: str, physical_id: str) -> Stack:
        for stack in self.stacks.all(region):
            if any(item.physical_id == physical_id for item in list(stack.resources.values())):
                return stack
        raise Refused(f"Stack for {physical_id} does not exist")


def _validated(text: str) -> Answer:
    """Return what ValidateTemplate says of a template: its parameters and the capabilities it needs."""
    body = yaml_tags.load(text)
    capabilities = required_capabilities(text)
    return {
        "Description": body.get("Description"),
        "Parameters": [
            {
                "ParameterKey": name,
                "DefaultValue": None if "Default" not in item else str(item["Default"]),
                "ParameterType": item.get("Type", "String"),
                "NoEcho": bool(item.get("NoEcho", False)),
                "Description": item.get("Description"),
            }
            for name, item in (body.get("Parameters") or {}).items()
        ],
        "Capabilities": capabilities,
        "CapabilitiesReason": "The following resource(s) require capabilities: [AWS::IAM]" if capabilities else None,
    }
