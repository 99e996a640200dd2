"""Topics, rules, schedules, state machines and GraphQL APIs in a stack: made, changed, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import LocalAws

pytestmark = pytest.mark.e2e


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def template(name: str) -> dict[str, Any]:
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": {"Ref": "Topic"}}
    states = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": {"who": "${Who}"}, "End": True}}}
    api = {"Fn::GetAtt": ["Api", "ApiId"]}
    definition = "schema { query: Query }\ntype Query { one: Int }\n"
    target = {"Arn": queue, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Input": "{}"}
    resources: dict[str, Any] = {
        "Queue": ("SQS::Queue", {}),
        "Role": ("IAM::Role", {"AssumeRolePolicyDocument": document(trust)}),
        "Topic": ("SNS::Topic", {"DisplayName": "one"}),
        "TopicPolicy": ("SNS::TopicPolicy", {"Topics": [{"Ref": "Topic"}], "PolicyDocument": document(deny)}),
        "Subscription": (
            "SNS::Subscription",
            {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": queue, "FilterPolicy": {"a": ["b"]}},
        ),
        "Bus": ("Events::EventBus", {"Name": name}),
        "Rule": (
            "Events::Rule",
            {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["me"]},
                "Targets": [{"Id": "one", "Arn": queue}],
            },
        ),
        "Schedule": (
            "Scheduler::Schedule",
            {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target},
        ),
        "Machine": (
            "StepFunctions::StateMachine",
            {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "Definition": states,
                "DefinitionSubstitutions": {"Who": "first"},
            },
        ),
        "Api": ("AppSync::GraphQLApi", {"Name": name, "AuthenticationType": "AWS_IAM"}),
        "Schema": ("AppSync::GraphQLSchema", {"ApiId": api, "Definition": definition}),
    }
    outputs = ("Topic", "Subscription", "Rule", "Schedule", "Machine")
    return {
        "Resources": {key: {"Type": f"AWS::{kind}", "Properties": given} for key, (kind, given) in resources.items()},
        "Outputs": {
            **{key: {"Value": {"Ref": key}} for key in outputs},
            "ApiId": {"Value": api},
            "RuleArn": {"Value": {"Fn::GetAtt": ["Rule", "Arn"]}},
        },
    }


def test_what_pushes_is_made_changed_and_removed(local_aws: LocalAws) -> None:
    name = local_aws.name("push")
    wanted = template(name)
    stack = local_aws.deploy(name, wanted)
    assert stack.status == "CREATE_COMPLETE", stack.first_failure()
    made = stack.outputs
    sns, events, scheduler, steps, appsync = (
        local_aws.client(each) for each in ("sns", "events", "scheduler", "stepfunctions", "appsync")
    )
    assert sns.get_topic_attributes(TopicArn=made["Topic"])["Attributes"]["DisplayName"] == "one"
    assert made["RuleArn"].endswith(f":rule/{name}/{made['Rule'].partition('|')[2]}")
    rules = events.list_rules(EventBusName=name)["Rules"]
    assert [json.loads(rule["EventPattern"]) for rule in rules] == [{"source": ["me"]}]
    assert '"first"' in steps.describe_state_machine(stateMachineArn=made["Machine"])["definition"]

    changed = deepcopy(wanted)
    properties = {key: each["Properties"] for key, each in changed["Resources"].items()}
    properties["Topic"]["DisplayName"] = "two"
    properties["Subscription"]["FilterPolicy"] = {"a": ["c"]}
    properties["Rule"]["EventPattern"] = {"source": ["you"]}
    properties["Rule"]["Targets"] = [{"Id": "two", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}]
    properties["Schedule"]["ScheduleExpression"] = "rate(2 hours)"
    properties["Machine"]["DefinitionSubstitutions"] = {"Who": "second"}
    properties["Api"]["AuthenticationType"] = "API_KEY"
    stack = local_aws.update(name, changed)
    assert stack.status == "UPDATE_COMPLETE", stack.first_failure()
    assert stack.outputs == made  # nothing was replaced
    assert sns.get_topic_attributes(TopicArn=made["Topic"])["Attributes"]["DisplayName"] == "two"
    filtered = sns.get_subscription_attributes(SubscriptionArn=made["Subscription"])["Attributes"]["FilterPolicy"]
    assert json.loads(filtered) == {"a": ["c"]}
    (rule,) = events.list_rules(EventBusName=name)["Rules"]
    assert json.loads(rule["EventPattern"]) == {"source": ["you"]}
    targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=name)["Targets"]
    assert [target["Id"] for target in targets] == ["two"]
    assert scheduler.get_schedule(Name=made["Schedule"])["ScheduleExpression"] == "rate(2 hours)"
    assert '"second"' in steps.describe_state_machine(stateMachineArn=made["Machine"])["definition"]
    assert appsync.get_graphql_api(apiId=made["ApiId"])["graphqlApi"]["authenticationType"] == "API_KEY"

    described = local_aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    local_aws.client("cloudformation").delete_stack(StackName=name)
    assert local_aws.wait(described["StackId"]).status == "DELETE_COMPLETE"
    gone: list[Callable[[], Any]] = [
        lambda: sns.get_topic_attributes(TopicArn=made["Topic"]),
        lambda: events.list_rules(EventBusName=name),
        lambda: scheduler.get_schedule(Name=made["Schedule"]),
        lambda: steps.describe_state_machine(stateMachineArn=made["Machine"]),
        lambda: appsync.get_graphql_api(apiId=made["ApiId"]),
    ]
    for call in gone:
        with pytest.raises(ClientError, match=r"NotFound|does not exist|DoesNotExist"):
            call()


def test_a_definition_that_is_none_fails_the_stack_with_its_reason(local_aws: LocalAws) -> None:
    name = local_aws.name("push")
    wanted = template(name)
    wanted["Resources"]["Machine"]["Properties"]["Definition"] = {"StartAt": "Nowhere"}
    stack = local_aws.deploy(name, wanted)
    assert stack.status == "ROLLBACK_COMPLETE"
    assert stack.first_failure()["LogicalResourceId"] == "Machine"
