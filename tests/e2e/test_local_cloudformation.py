"""Stacks on the local AWS, over real sockets with boto3: what CloudFormation does with them on AWS, it does here."""

from __future__ import annotations

import copy
import io
import json
import time
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import LocalAws

pytestmark = pytest.mark.e2e

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READ_QUEUE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


def att(logical_id: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def resource(kind: str, properties: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties or {}, **attributes}


def a_function(**properties: Any) -> dict[str, Any]:
    code = {"ZipFile": "def handler(event, context):\n    return event\n"}
    given = {"Role": att("Role", "Arn"), "Handler": "index.handler", "Runtime": "python3.13", "Code": code}
    return resource("AWS::Lambda::Function", {**given, **properties})


def a_role(actions: list[str] | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions or ["logs:PutLogEvents"], "Resource": "*"}
    policies = [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    return resource("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST, "Policies": policies})


def alias(version: str = "Version") -> dict[str, Any]:
    given = {"Name": "live", "FunctionName": {"Ref": "Function"}, "FunctionVersion": att(version, "Version")}
    return resource("AWS::Lambda::Alias", given)


def log_group() -> dict[str, Any]:
    return resource(
        "AWS::Logs::LogGroup", {"LogGroupName": {"Fn::Sub": "/aws/lambda/${AWS::StackName}"}, "RetentionInDays": 30}
    )


def permission() -> dict[str, Any]:
    source = {"Fn::Sub": "arn:aws:s3:::${AWS::StackName}"}
    given = {"FunctionName": {"Ref": "Alias"}, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    return resource("AWS::Lambda::Permission", {**given, "SourceArn": source})


def bucket() -> dict[str, Any]:
    rules = [{"Name": "prefix", "Value": "input/"}]
    notify = {"Event": "s3:ObjectCreated:*", "Function": {"Ref": "Alias"}, "Filter": {"S3Key": {"Rules": rules}}}
    private = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    given = {
        "BucketName": {"Ref": "AWS::StackName"},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "PublicAccessBlockConfiguration": dict.fromkeys(private, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "NotificationConfiguration": {"LambdaConfigurations": [notify]},
    }
    return resource("AWS::S3::Bucket", given, DependsOn="Permission")


def whole() -> dict[str, Any]:
    """Return a template with every kind of resource that deployments have."""
    secure: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    secure["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    document = {"Version": "2012-10-17", "Statement": [secure]}
    redrive = {"deadLetterTargetArn": att("Dead", "Arn"), "maxReceiveCount": 5}
    named = {"FunctionName": {"Ref": "AWS::StackName"}, "Timeout": 30}
    mapping = {"FunctionName": {"Ref": "Alias"}, "EventSourceArn": att("Queue", "Arn"), "BatchSize": 10}
    retries = {"FunctionName": {"Ref": "Function"}, "Qualifier": "live", "MaximumRetryAttempts": 1}
    return {
        "Description": "all of it",
        "Resources": {
            "LogGroup": log_group(),
            "Role": a_role(READ_QUEUE),
            "Dead": resource("AWS::SQS::Queue", {"MessageRetentionPeriod": 1_209_600}),
            "Queue": resource("AWS::SQS::Queue", {"VisibilityTimeout": "180", "RedrivePolicy": redrive}),
            "QueuePolicy": resource(
                "AWS::SQS::QueuePolicy", {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document}
            ),
            "Function": a_function(**named, Environment={"Variables": {"STAGE": "dev"}}),
            "Version": resource("AWS::Lambda::Version", {"FunctionName": {"Ref": "Function"}}, DeletionPolicy="Retain"),
            "Alias": alias(),
            "Url": resource("AWS::Lambda::Url", {"TargetFunctionArn": {"Ref": "Alias"}, "AuthType": "AWS_IAM"}),
            "Permission": permission(),
            "Mapping": resource("AWS::Lambda::EventSourceMapping", mapping),
            "Retries": resource("AWS::Lambda::EventInvokeConfig", retries, DependsOn="Alias"),
            "Bucket": bucket(),
            "BucketPolicy": resource(
                "AWS::S3::BucketPolicy", {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document}
            ),
        },
        "Outputs": {
            "Url": {"Value": att("Url", "FunctionUrl"), "Description": "where"},
            "Alias": {"Value": {"Ref": "Alias"}},
        },
    }


def queues(count: int = 1, **properties: Any) -> dict[str, Any]:
    return {"Resources": {f"Queue{number}": resource("AWS::SQS::Queue", properties) for number in range(count)}}


def with_bad_function(template: dict[str, Any]) -> dict[str, Any]:
    bad = copy.deepcopy(template)
    bad["Resources"]["Role"] = a_role()
    bad["Resources"]["Bad"] = a_function(Code={"S3Bucket": "no-such-bucket", "S3Key": "code.zip"})
    return bad


def test_a_new_stack_has_all_its_resources_and_takes_less_than_a_few_seconds(local_aws: LocalAws) -> None:
    name = local_aws.name()
    stack = local_aws.deploy(name, whole(), Tags=[{"Key": "team", "Value": "blue"}])
    assert stack.status == "CREATE_COMPLETE"
    assert stack.history("Function") == ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert stack.history(name) == ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert stack.outputs["Alias"].endswith(f":function:{name}:live")
    functions = local_aws.client("lambda")
    url = functions.get_function_url_config(FunctionName=name, Qualifier="live")
    assert stack.outputs["Url"] == url["FunctionUrl"]
    assert url["FunctionUrl"].startswith("http://127.0.0.1:") and url["AuthType"] == "AWS_IAM"
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    assert functions.list_tags(Resource=functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"])[
        "Tags"
    ] == {"team": "blue"}
    mapping = functions.list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"][0]
    assert mapping["FunctionArn"].endswith(f":{name}:live")
    assert functions.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 1
    s3 = local_aws.client("s3")
    assert s3.get_bucket_notification_configuration(Bucket=name)["LambdaFunctionConfigurations"][0][
        "LambdaFunctionArn"
    ].endswith(":live")
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    assert "SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]


def test_an_update_changes_only_what_differs(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, whole())
    changed = whole()
    changed["Resources"]["Function"]["Properties"]["MemorySize"] = 256
    changed["Resources"]["Version2"] = changed["Resources"].pop("Version")
    changed["Resources"]["Alias"]["Properties"]["FunctionVersion"] = att("Version2", "Version")
    changed["Resources"]["Mapping"]["Properties"]["BatchSize"] = 5
    stack = local_aws.update(name, changed)
    assert stack.status == "UPDATE_COMPLETE"
    since = [event["ResourceStatus"] for event in stack.events].index("UPDATE_IN_PROGRESS")
    assert {event["LogicalResourceId"] for event in stack.events[since:]} == {
        name,
        "Function",
        "Version",
        "Version2",
        "Alias",
        "Mapping",
    }
    assert stack.history("Version")[-1] == "DELETE_SKIPPED"
    assert stack.history(name)[-3:] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    functions = local_aws.client("lambda")
    live = functions.get_function_configuration(FunctionName=name, Qualifier="live")
    assert (live["Version"], live["MemorySize"]) == ("2", 256)
    assert functions.get_function_configuration(FunctionName=name, Qualifier="1")["MemorySize"] == 128
    assert functions.list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"][0]["BatchSize"] == 5


def test_a_change_set_shows_what_it_would_do_and_changes_nothing(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, whole())
    changed = whole()
    del changed["Resources"]["Retries"]
    changed["Resources"]["Queue"]["Properties"]["QueueName"] = f"{name}-named"
    changed["Resources"]["New"] = resource("AWS::SQS::Queue")
    client = local_aws.client("cloudformation")
    client.create_change_set(
        StackName=name, ChangeSetName="look", TemplateBody=json.dumps(changed), Capabilities=["CAPABILITY_IAM"]
    )
    found = client.describe_change_set(StackName=name, ChangeSetName="look")
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    changes = {item["ResourceChange"]["LogicalResourceId"]: item["ResourceChange"] for item in found["Changes"]}
    assert {key: (item["Action"], item.get("Replacement")) for key, item in changes.items()} == {
        "New": ("Add", None),
        "Queue": ("Modify", "True"),
        "QueuePolicy": ("Modify", "False"),
        "Mapping": ("Modify", "True"),
        "Retries": ("Remove", None),
    }
    detail = changes["Mapping"]["Details"][0]
    assert (detail["ChangeSource"], detail["CausingEntity"], detail["Evaluation"]) == (
        "ResourceAttribute",
        "Queue.Arn",
        "Dynamic",
    )
    assert detail["Target"] == {"Attribute": "Properties", "Name": "EventSourceArn", "RequiresRecreation": "Always"}
    assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert [item["ChangeSetName"] for item in client.list_change_sets(StackName=name)["Summaries"]][-1] == "look"
    client.delete_change_set(StackName=name, ChangeSetName="look")
    with pytest.raises(client.exceptions.ChangeSetNotFoundException, match=r"ChangeSet \[look\] does not exist"):
        client.describe_change_set(StackName=name, ChangeSetName="look")


def test_the_same_template_again_is_a_change_set_that_failed_with_awss_reason(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, whole())
    client = local_aws.client("cloudformation")
    given = {"StackName": name, "TemplateBody": json.dumps(whole()), "Capabilities": ["CAPABILITY_IAM"]}
    made = client.create_change_set(ChangeSetName="again", **given)
    found = client.describe_change_set(ChangeSetName=made["Id"])
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert (
        found["StatusReason"]
        == "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    with pytest.raises(ClientError, match=r"cannot be executed in its current status of \[FAILED\]"):
        client.execute_change_set(ChangeSetName=made["Id"])
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        client.update_stack(**given)


def test_a_new_stack_that_fails_is_rolled_back_and_names_the_first_cause(local_aws: LocalAws) -> None:
    name = local_aws.name()
    stack = local_aws.deploy(name, with_bad_function(queues(2)))
    assert stack.status == "ROLLBACK_COMPLETE"
    failed = stack.first_failure()
    assert (failed["LogicalResourceId"], failed["ResourceStatus"]) == ("Bad", "CREATE_FAILED")
    assert "S3 Error Code: NoSuchBucket" in failed["ResourceStatusReason"]
    assert "Service: Lambda, Status Code: 400" in failed["ResourceStatusReason"]
    rollback = next(event for event in stack.events if event["ResourceStatus"] == "ROLLBACK_IN_PROGRESS")
    assert (
        rollback["ResourceStatusReason"]
        == "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    )
    assert stack.history("Role")[-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert not local_aws.client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls")
    assert not [role for role in local_aws.client("iam").list_roles()["Roles"] if role["RoleName"].startswith(name)]
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        local_aws.update(name, queues())


def test_a_new_stack_that_fails_can_leave_nothing_at_all(local_aws: LocalAws) -> None:
    name = local_aws.name()
    stack = local_aws.deploy(name, with_bad_function(queues()), OnStackFailure="DELETE")
    assert stack.status == "DELETE_COMPLETE"
    assert "NoSuchBucket" in stack.first_failure()["ResourceStatusReason"]
    with pytest.raises(ClientError, match=f"Stack with id {name} does not exist"):
        local_aws.client("cloudformation").describe_stacks(StackName=name)


def test_an_update_that_fails_puts_everything_back(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, whole())
    sqs, functions = local_aws.client("sqs"), local_aws.client("lambda")
    queue = local_aws.client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId="Queue")
    before = queue["StackResourceDetail"]["PhysicalResourceId"]
    changed = with_bad_function(whole())
    changed["Resources"]["Role"] = a_role([*READ_QUEUE, "s3:GetObject"])
    changed["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 600
    changed["Resources"]["Function"]["Properties"]["Environment"] = {"Variables": {"STAGE": "prod"}}
    changed["Resources"]["Dead"]["Properties"]["QueueName"] = f"{name}-dead"
    changed["Resources"]["Bad"]["DependsOn"] = ["Queue", "Function", "Dead"]
    del changed["Resources"]["LogGroup"]
    stack = local_aws.update(name, changed)
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.first_failure()["LogicalResourceId"] == "Bad"
    assert stack.history(name)[-3:] == [
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=before, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "180"
    assert f"{name}-dead" not in attributes["RedrivePolicy"]
    assert not sqs.list_queues(QueueNamePrefix=f"{name}-dead").get("QueueUrls")
    assert functions.get_function_configuration(FunctionName=name)["Environment"] == {"Variables": {"STAGE": "dev"}}
    assert local_aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    again = local_aws.update(name, {**whole(), "Outputs": {}})
    assert again.status == "UPDATE_COMPLETE" and not again.outputs


def test_a_resource_that_fails_after_it_was_made_is_removed_again(local_aws: LocalAws) -> None:
    name = local_aws.name()
    template = whole()
    del template["Resources"]["Permission"]
    template["Resources"]["Bucket"].pop("DependsOn")
    stack = local_aws.deploy(name, template)
    assert stack.status == "ROLLBACK_COMPLETE"
    assert (
        "Unable to validate the following destination configurations" in stack.first_failure()["ResourceStatusReason"]
    )
    assert name not in [bucket["Name"] for bucket in local_aws.client("s3").list_buckets()["Buckets"]]


def test_deleting_keeps_what_is_to_be_kept(local_aws: LocalAws) -> None:
    name = local_aws.name()
    template = queues(3)
    template["Resources"]["Queue0"].update({"DeletionPolicy": "Retain"})
    template["Resources"]["Queue1"].update({"DeletionPolicy": "RetainExceptOnCreate"})
    local_aws.deploy(name, template)
    client = local_aws.client("cloudformation")
    stack_id = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=name)
    stack = local_aws.wait(stack_id)
    assert stack.status == "DELETE_COMPLETE"
    assert [stack.history(f"Queue{number}")[-1] for number in range(3)] == [
        "DELETE_SKIPPED",
        "DELETE_SKIPPED",
        "DELETE_COMPLETE",
    ]
    left = local_aws.client("sqs").list_queues(QueueNamePrefix=f"{name}-Queue")["QueueUrls"]
    assert sorted(url.split("-Queue")[1][0] for url in left) == ["0", "1"]
    client.delete_stack(StackName=name)


def test_what_is_kept_on_delete_but_not_on_create_goes_when_creation_fails(local_aws: LocalAws) -> None:
    name = local_aws.name()
    template = queues(2)
    template["Resources"]["Queue0"].update({"DeletionPolicy": "Retain"})
    template["Resources"]["Queue1"].update({"DeletionPolicy": "RetainExceptOnCreate"})
    stack = local_aws.deploy(name, with_bad_function(template))
    assert stack.status == "ROLLBACK_COMPLETE"
    assert [stack.history(f"Queue{number}")[-1] for number in range(2)] == ["DELETE_SKIPPED", "DELETE_COMPLETE"]


def test_a_bucket_with_objects_is_not_deleted_until_it_is_empty(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, {"Resources": {"Bucket": resource("AWS::S3::Bucket", {"BucketName": name})}})
    s3, client = local_aws.client("s3"), local_aws.client("cloudformation")
    s3.put_object(Bucket=name, Key="a", Body=b"1")
    client.delete_stack(StackName=name)
    stack = local_aws.wait(name)
    assert stack.status == "DELETE_FAILED"
    assert "not empty" in stack.first_failure()["ResourceStatusReason"]
    assert stack.described["StackStatusReason"].startswith("The following resource(s) failed to delete: [Bucket].")
    s3.delete_object(Bucket=name, Key="a")
    client.delete_stack(StackName=name)
    assert local_aws.wait(stack.described["StackId"]).status == "DELETE_COMPLETE"


def test_two_stacks_do_not_meet(local_aws: LocalAws) -> None:
    first, second = local_aws.name(), local_aws.name()
    assert local_aws.deploy(first, queues()).status == "CREATE_COMPLETE"
    assert local_aws.deploy(second, queues()).status == "CREATE_COMPLETE"
    client = local_aws.client("cloudformation")
    client.delete_stack(StackName=first)
    client.delete_stack(StackName=first)
    assert [item["StackName"] for item in client.describe_stacks(StackName=second)["Stacks"]] == [second]
    assert local_aws.client("sqs").list_queues(QueueNamePrefix=second)["QueueUrls"]
    with pytest.raises(ClientError, match="does not exist"):
        local_aws.client("cloudformation", "eu-west-1").describe_stacks(StackName=second)


def test_a_named_resource_that_would_have_to_be_replaced_is_refused_as_on_aws(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, queues(QueueName=f"{name}.fifo", FifoQueue=True))
    stack = local_aws.update(name, queues(QueueName=f"{name}.fifo"))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        "cannot update a stack when a custom-named resource requires replacing"
        in stack.first_failure()["ResourceStatusReason"]
    )


def test_names_that_are_taken_fail_the_stack(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.client("s3").create_bucket(Bucket=name)
    stack = local_aws.deploy(name, {"Resources": {"Bucket": resource("AWS::S3::Bucket", {"BucketName": name})}})
    assert "HandlerErrorCode: AlreadyExists" in stack.first_failure()["ResourceStatusReason"]
    assert name in [bucket["Name"] for bucket in local_aws.client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("timeout", "actions", "reason"),
    [
        (10, READ_QUEUE, "Queue visibility timeout: 10 seconds is less than Function timeout: 30 seconds"),
        (180, READ_QUEUE[1:], "does not have permissions to call ReceiveMessage on SQS"),
    ],
)
def test_a_queue_that_lambda_could_not_poll_is_refused(
    local_aws: LocalAws, timeout: int, actions: list[str], reason: str
) -> None:
    template = whole()
    template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = timeout
    template["Resources"]["Role"] = a_role(actions)
    stack = local_aws.deploy(local_aws.name(), template)
    assert stack.first_failure()["LogicalResourceId"] == "Mapping"
    assert reason in stack.first_failure()["ResourceStatusReason"]


def test_awss_managed_policies_are_there_and_count(local_aws: LocalAws) -> None:
    template = whole()
    managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
    role = {"AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": [managed]}
    template["Resources"]["Role"] = resource("AWS::IAM::Role", role)
    assert local_aws.deploy(local_aws.name(), template).status == "CREATE_COMPLETE"


def test_managed_policies_of_ones_own_count_and_change(local_aws: LocalAws) -> None:
    name = local_aws.name()

    def template(actions: list[str]) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": actions, "Resource": att("Queue", "Arn")}
        given = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "Roles": [{"Ref": "Role"}]}
        made = whole()
        made["Resources"]["Role"] = resource("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST})
        made["Resources"]["Rights"] = resource("AWS::IAM::ManagedPolicy", given)
        made["Resources"]["Mapping"]["DependsOn"] = "Rights"
        return made

    assert "ReceiveMessage" in local_aws.deploy(name, template(["sqs:Send*"])).first_failure()["ResourceStatusReason"]
    name = local_aws.name()
    assert local_aws.deploy(name, template(["sqs:*"])).status == "CREATE_COMPLETE"
    for number in range(6):  # a policy keeps five versions
        assert local_aws.update(name, template([*READ_QUEUE, f"s3:Get{number}"])).status == "UPDATE_COMPLETE"


def test_a_stack_is_deleted_whole(local_aws: LocalAws) -> None:
    name = local_aws.name()
    template = whole()
    template["Resources"]["Version"].pop("DeletionPolicy")
    stack = local_aws.deploy(name, template)
    client = local_aws.client("cloudformation")
    client.delete_stack(StackName=name)
    assert local_aws.wait(stack.described["StackId"]).status == "DELETE_COMPLETE"
    functions = local_aws.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName=name)
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    assert not [mapping for mapping in mappings if name in mapping["FunctionArn"]]
    assert not local_aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert local_aws.deploy(name, template).status == "CREATE_COMPLETE"


def test_a_role_that_lambda_may_not_assume_is_refused(local_aws: LocalAws) -> None:
    trust = json.loads(json.dumps(TRUST).replace("lambda.", "ec2."))
    template = {
        "Resources": {"Role": resource("AWS::IAM::Role", {"AssumeRolePolicyDocument": trust}), "Function": a_function()}
    }
    stack = local_aws.deploy(local_aws.name(), template)
    assert "cannot be assumed by Lambda" in stack.first_failure()["ResourceStatusReason"]


def test_code_and_layers_come_from_s3(local_aws: LocalAws) -> None:
    name = local_aws.name()
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=name)
    for key in ("one.zip", "two.zip"):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", f"# {key}\ndef handler(event, context):\n    return event\n")
        s3.put_object(Bucket=name, Key=key, Body=content.getvalue())

    def template(key: str) -> dict[str, Any]:
        stored = {"S3Bucket": name, "S3Key": key}
        layer = resource("AWS::Lambda::LayerVersion", {"LayerName": name, "Content": stored})
        function = a_function(FunctionName=name, Handler="app.handler", Code=stored, Layers=[{"Ref": "Layer"}])
        return {"Resources": {"Role": a_role(), "Layer": layer, "Function": function}}

    assert local_aws.deploy(name, template("one.zip")).status == "CREATE_COMPLETE"
    functions = local_aws.client("lambda")
    before = functions.get_function_configuration(FunctionName=name)
    stack = local_aws.update(name, template("two.zip"))
    after = functions.get_function_configuration(FunctionName=name)
    assert before["CodeSha256"] != after["CodeSha256"]
    assert (before["Layers"][0]["Arn"][-2:], after["Layers"][0]["Arn"][-2:]) == (":1", ":2")
    # The former layer version goes only after the function has let go of it.
    order = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in stack.events]
    assert order.index(("Function", "UPDATE_COMPLETE")) < order.index(("Layer", "DELETE_COMPLETE"))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{", "Template format error: JSON not well-formed"),
        ("Resources: [", "Template format error: YAML not well-formed"),
        ({"Resources": {}}, "At least one Resources member must be defined"),
        ({"Resources": {"A": resource("AWS::Nope::Thing")}}, r"Unrecognized resource types: \[AWS::Nope::Thing\]"),
        ({"Resources": {"A": resource("AWS::SQS::Queue", {"QueueName": {"Ref": "B"}})}}, r"Unresolved resource dependencies \[B\]"),
        (
            {"Resources": {name: resource("AWS::SQS::Queue", {"QueueName": att(other, "QueueName")}) for name, other in ("AB", "BA")}},
            r"Circular dependency between resources: \[A, B\]",
        ),
        ({"Resources": {"R": a_role()}}, r"Requires capabilities : \[CAPABILITY_IAM\]"),
        ({"Parameters": {"P": {"Type": "String"}}, **queues()}, r"Parameters: \[P\] must have values"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_is_refused_before_anything_is_made(
    local_aws: LocalAws, template: Any, message: str
) -> None:
    client = local_aws.client("cloudformation")
    name = local_aws.name()
    text = template if isinstance(template, str) else json.dumps(template)
    with pytest.raises(ClientError, match=message):
        client.create_stack(StackName=name, TemplateBody=text)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName=name)


def test_an_unknown_property_fails_its_resource(local_aws: LocalAws) -> None:
    stack = local_aws.deploy(local_aws.name(), queues(Colour="blue"))
    reason = stack.first_failure()["ResourceStatusReason"]
    assert (
        reason
        == "Properties validation failed for resource Queue0 with message: #: extraneous key [Colour] is not permitted"
    )


def test_create_update_and_describe_without_change_sets(local_aws: LocalAws) -> None:
    name = local_aws.name()
    client = local_aws.client("cloudformation")
    template = queues(VisibilityTimeout={"Ref": "Seconds"})
    template["Parameters"] = {"Seconds": {"Type": "Number", "Default": "60"}}
    template["Outputs"] = {"Queue": {"Value": {"Ref": "Queue0"}}}
    client.create_stack(StackName=name, TemplateBody=json.dumps(template), EnableTerminationProtection=True)
    with pytest.raises(client.exceptions.AlreadyExistsException):
        client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    queue = local_aws.wait(name).outputs["Queue"]
    given = [{"ParameterKey": "Seconds", "ParameterValue": "90"}]
    client.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=given)
    stack = local_aws.wait(name)
    assert stack.status == "UPDATE_COMPLETE"
    assert stack.described["Parameters"] == given
    seconds = local_aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
    assert seconds["Attributes"] == {"VisibilityTimeout": "90"}
    assert client.get_template(StackName=name)["TemplateBody"] == template
    assert client.list_stack_resources(StackName=name)["StackResourceSummaries"][0]["PhysicalResourceId"] == queue
    assert client.describe_stack_resources(PhysicalResourceId=queue)["StackResources"][0]["StackName"] == name
    assert name in [
        item["StackName"] for item in client.list_stacks(StackStatusFilter=["UPDATE_COMPLETE"])["StackSummaries"]
    ]
    assert client.validate_template(TemplateBody=json.dumps(template))["Parameters"][0]["DefaultValue"] == "60"
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        client.delete_stack(StackName=name)
    client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=stack.described["StackId"], WaiterConfig={"Delay": 1})


def test_a_stack_with_fourteen_resources_is_quick(local_aws: LocalAws) -> None:
    local_aws.deploy(local_aws.name(), whole())
    began = time.monotonic()
    local_aws.deploy(local_aws.name(), whole())
    assert time.monotonic() - began < 5  # some 0.3 s on a laptop: this is about sleeps, not speed


def versioned(code: str, version: str = "Version", **attributes: Any) -> dict[str, Any]:
    """Return a function with a version and an alias to it, as SAM makes them: another version is another resource."""
    function = a_function(FunctionName={"Ref": "AWS::StackName"}, Code={"ZipFile": code})
    published = resource("AWS::Lambda::Version", {"FunctionName": {"Ref": "Function"}}, **attributes)
    resources = {"Role": a_role(), "Function": function, version: published, "Alias": alias(version)}
    return {"Resources": resources}


def test_a_version_of_what_was_published_already_fails_as_on_aws(local_aws: LocalAws) -> None:
    name = local_aws.name()
    assert local_aws.deploy(name, versioned("def handler(event, context): return 1\n")).status == "CREATE_COMPLETE"
    functions = local_aws.client("lambda")
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    functions.update_function_configuration(FunctionName=name, Timeout=9)
    functions.update_function_configuration(FunctionName=name, Timeout=3)
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    stack = local_aws.update(name, versioned("def handler(event, context): return 1\n", "Version2"))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.first_failure()["LogicalResourceId"] == "Version2"
    expected = "A version for this Lambda function exists ( 1 ). Modify the function to create a new version."
    assert expected in stack.first_failure()["ResourceStatusReason"]
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    assert local_aws.update(name, versioned("def handler(event, context): return 2\n", "Version2")).status == (
        "UPDATE_COMPLETE"
    )
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"


def test_every_setting_of_a_function_makes_another_version(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, versioned("def handler(event, context): return 1\n"))
    functions = local_aws.client("lambda")
    settings: list[dict[str, Any]] = [
        {"Description": "new"},
        {"Environment": {"Variables": {"A": "1"}}},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"TracingConfig": {"Mode": "Active"}},
        {"LoggingConfig": {"LogGroup": "other"}},
    ]
    for number, setting in enumerate(settings, 2):
        functions.update_function_configuration(FunctionName=name, **setting)
        assert functions.publish_version(FunctionName=name, Description="own")["Version"] == str(number), setting
        assert functions.publish_version(FunctionName=name)["Version"] == str(number)


def test_a_mapping_that_is_given_another_alias_keeps_the_alias(local_aws: LocalAws) -> None:
    name = local_aws.name()
    local_aws.deploy(name, whole())
    functions = local_aws.client("lambda")
    mapping = functions.list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"][0]
    functions.create_alias(FunctionName=name, Name="next", FunctionVersion="1")
    answer = functions.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=f"{name}:next", BatchSize=3)
    found = functions.get_event_source_mapping(UUID=mapping["UUID"])
    assert answer["FunctionArn"] == found["FunctionArn"] == mapping["FunctionArn"].replace(":live", ":next")
    assert found["BatchSize"] == 3


def test_retain_except_on_create_removes_even_what_is_to_be_retained(local_aws: LocalAws) -> None:
    name = local_aws.name()
    template = queues(1)
    template["Resources"]["Queue0"]["DeletionPolicy"] = "Retain"
    bad = with_bad_function(template)
    stack = local_aws.deploy(name, bad, retain_except_on_create=True)
    assert stack.status == "ROLLBACK_COMPLETE"
    assert stack.history("Queue0")[-1] == "DELETE_COMPLETE"
    assert not local_aws.client("sqs").list_queues(QueueNamePrefix=f"{name}-Queue").get("QueueUrls")


def test_retain_except_on_create_keeps_what_was_there_before(local_aws: LocalAws) -> None:
    name = local_aws.name()
    first = versioned("def handler(event, context): return 1\n", DeletionPolicy="Retain")
    local_aws.deploy(name, first)
    functions = local_aws.client("lambda")

    def versions() -> list[str]:
        found = functions.list_versions_by_function(FunctionName=name)["Versions"]
        return [version["Version"] for version in found if version["Version"] != "$LATEST"]

    second = versioned("def handler(event, context): return 2\n", "Version2", DeletionPolicy="Retain")
    bad = with_bad_function(second)
    bad["Resources"]["Bad"]["DependsOn"] = "Version2"
    assert local_aws.update(name, bad).status == "UPDATE_ROLLBACK_COMPLETE"
    assert versions() == ["1", "2"]
    # What the failed update has left stands in the way of the same code, as on AWS ...
    again = local_aws.update(name, second)
    reasons = [
        event.get("ResourceStatusReason", "") for event in again.events if "Version2" in event["LogicalResourceId"]
    ]
    assert any("A version for this Lambda function exists ( 2 )" in reason for reason in reasons)
    functions.delete_function(FunctionName=name, Qualifier="2")
    # ... and with RetainExceptOnCreate it leaves nothing.
    assert local_aws.update(name, bad, retain_except_on_create=True).status == "UPDATE_ROLLBACK_COMPLETE"
    assert versions() == ["1"]
    assert local_aws.update(name, second).status == "UPDATE_COMPLETE"


def kept_bucket(name: Any, policy: str = "RetainExceptOnCreate", **properties: Any) -> dict[str, Any]:
    given = {"BucketName": name, **properties}
    return {"Resources": {"Bucket": resource("AWS::S3::Bucket", given, DeletionPolicy=policy)}}


def actions(local_aws: LocalAws, stack: str) -> list[tuple[str, str | None]]:
    described = local_aws.client("cloudformation").describe_change_set(StackName=stack, ChangeSetName="look")
    changes = [change["ResourceChange"] for change in described["Changes"]]
    return [(change["Action"], change.get("PhysicalResourceId")) for change in changes]


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_bucket_that_exists_is_imported_as_it_is(local_aws: LocalAws, policy: str) -> None:
    name = local_aws.name()
    template = kept_bucket(name, policy)
    local_aws.deploy(name, template)
    s3, client = local_aws.client("s3"), local_aws.client("cloudformation")
    s3.put_object(Bucket=name, Key="a", Body=b"1")
    client.delete_stack(StackName=name)
    template = kept_bucket(name, policy, VersioningConfiguration={"Status": "Enabled"})
    template["Outputs"] = {"Arn": {"Value": att("Bucket", "Arn")}}
    given = {"TemplateBody": json.dumps(template), "ChangeSetName": "look", "ImportExistingResources": True}
    client.create_change_set(StackName=name, ChangeSetType="CREATE", **given)
    assert actions(local_aws, name) == [("Import", name)]
    assert client.describe_change_set(StackName=name, ChangeSetName="look")["ImportExistingResources"] is True
    tags = [{"Key": "team", "Value": "blue"}]
    stack = local_aws.deploy(name, template, ImportExistingResources=True, Tags=tags)
    assert stack.status == "CREATE_COMPLETE"
    assert stack.history("Bucket") == ["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"]
    assert stack.outputs["Arn"] == f"arn:aws:s3:::{name}"
    assert s3.get_object(Bucket=name, Key="a")["Body"].read() == b"1"
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)


def test_an_import_that_is_rolled_back_leaves_the_bucket(local_aws: LocalAws) -> None:
    name = local_aws.name()
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=name)
    bad = with_bad_function(kept_bucket(name))
    bad["Resources"]["Bad"]["DependsOn"] = "Bucket"
    stack = local_aws.deploy(name, bad, retain_except_on_create=True, ImportExistingResources=True)
    assert stack.status == "ROLLBACK_COMPLETE"
    assert stack.history("Bucket")[-1] == "IMPORT_ROLLBACK_COMPLETE"
    other = local_aws.name()
    local_aws.deploy(other, queues())
    template = {"Resources": {**queues()["Resources"], **bad["Resources"]}}
    stack = local_aws.update(other, template, retain_except_on_create=True, ImportExistingResources=True)
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    stack = local_aws.update(
        other, {"Resources": {**queues()["Resources"], **kept_bucket(name)["Resources"]}}, ImportExistingResources=True
    )
    assert stack.status == "UPDATE_COMPLETE" and stack.history("Bucket")[-1] == "IMPORT_COMPLETE"


def test_what_does_not_fulfil_awss_rules_is_not_imported(local_aws: LocalAws) -> None:
    name = local_aws.name()
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=name)
    cases = [
        kept_bucket(name, "Delete"),
        kept_bucket({"Fn::Sub": name}),
        {**kept_bucket({"Ref": "Name"}), "Parameters": {"Name": {"Type": "String", "Default": name}}},
    ]
    for template in cases:
        stack = local_aws.deploy(local_aws.name(), template, ImportExistingResources=True)
        assert f"{name} already exists" in stack.first_failure()["ResourceStatusReason"]
    owner = local_aws.name()
    assert local_aws.deploy(owner, kept_bucket(name), ImportExistingResources=True).status == "CREATE_COMPLETE"
    stack = local_aws.deploy(local_aws.name(), kept_bucket(name), ImportExistingResources=True)
    assert f"{name} already exists" in stack.first_failure()["ResourceStatusReason"]


def test_a_queue_that_exists_is_neither_imported_nor_taken_over(local_aws: LocalAws) -> None:
    """A queue is identified by its URL, which is read-only: AWS does not import it by its name."""
    name = local_aws.name()
    template = queues(QueueName=name)
    template["Resources"]["Queue0"]["DeletionPolicy"] = "Retain"
    local_aws.client("sqs").create_queue(QueueName=name)
    stack = local_aws.deploy(local_aws.name(), template, ImportExistingResources=True)
    reason = stack.first_failure()["ResourceStatusReason"]
    assert f"Resource of type 'AWS::SQS::Queue' with identifier '{name}' already exists." in reason
    assert local_aws.client("sqs").list_queues(QueueNamePrefix=name)["QueueUrls"]
