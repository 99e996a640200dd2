"""Project -> what its function reaches outside of the bundle: models in S3, the network, the file system; as little as each needs. Pure."""

from __future__ import annotations

import re
from typing import Any

from slsdeploy.types import Project, S3Object, S3Origin
from slsdeploy_runtime.events import Wiring

# Names the project's folder that stands for the file system; only functions of the local AWS have it.
LOCAL_FOLDER = "SLSDEPLOY_LOCAL_FILE_SYSTEM"
# Names the program that the local AWS runs a function's containers with.
LOCAL_ENGINE = "SLSDEPLOY_LOCAL_ENGINE"

Statement = dict[str, Any]

_DESCRIBE = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]


def wire(project: Project) -> Wiring:
    """Return the function's properties that connect it, what its role is allowed for it, and which folder the local AWS is to mount."""
    vpc, system, properties = project.config.vpc, project.config.file_system, dict[str, Any]()
    if vpc is not None:
        properties["VpcConfig"] = {"SubnetIds": list(vpc.subnets), "SecurityGroupIds": list(vpc.security_groups)}
    if system is not None:
        properties["FileSystemConfigs"] = [{"Arn": system.arn, "LocalMountPath": system.mount}]
    return Wiring(
        properties=properties,
        statements=[*_of_models(project), *_of_network(project), *_of_file_system(project)],
        environment=_local(project),
    )


def _local(project: Project) -> dict[str, Any]:
    system = project.config.file_system
    folder = {LOCAL_FOLDER: str(project.root / system.local)} if project.local and system else {}
    return {**folder, **({LOCAL_ENGINE: project.engine} if project.engine else {})}


def _of_models(project: Project) -> list[Statement]:
    """Let it read its models in S3, and nothing else there.

    Who asks for a version needs GetObjectVersion and not GetObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    by_action: dict[str, list[Any]] = {}
    for model in project.models:
        for file in model.origin.files if isinstance(model.origin, S3Origin) else ():
            found = by_action.setdefault("s3:GetObjectVersion" if file.object.version else "s3:GetObject", [])
            if (arn := _object(file.object)) not in found:
                found.append(arn)
    return [
        {"Sid": f"ReadModels{'Versions' if action.endswith('Version') else ''}", **_allowed([action], resources)}
        for action, resources in by_action.items()
    ]


def _object(of: S3Object) -> dict[str, Any]:
    """Return an object's ARN; what has a meaning in a policy is written so that it means itself.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
    """
    key = re.sub(r"[$*?]", lambda found: f"${{{found[0]}}}", of.key)
    return {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Object}", {"Object": f"{of.bucket}/{key}"}]}


def _of_network(project: Project) -> list[Statement]:
    """Let Lambda, which uses the function's role for it, make the function's network interfaces; the function's own code may not.

    What lists takes no resource but "*", and interfaces are named once they are there:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html. Calls from the function's code, and only those, carry its ARN:
    https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    """
    if project.config.vpc is None:
        return []
    interfaces = {"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"}
    function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}"
    own_code = {"ArnEquals": {"lambda:SourceFunctionArn": {"Fn::Sub": function}}}
    return [
        {"Sid": "FindItsNetwork", **_allowed(_DESCRIBE, "*")},
        {"Sid": "JoinItsNetwork", **_allowed(_INTERFACES, interfaces)},
        {
            "Sid": "NotByItsCode",
            "Effect": "Deny",
            "Action": sorted([*_DESCRIBE, *_INTERFACES]),
            "Resource": "*",
            "Condition": own_code,
        },
    ]


def _of_file_system(project: Project) -> list[Statement]:
    """Let it read through the access point, whichever file system that belongs to; not write.

    https://docs.aws.amazon.com/efs/latest/ug/access-points-iam-policy.html
    """
    system = project.config.file_system
    if system is None:
        return []
    any_of_them = re.sub(":access-point/.*", ":file-system/*", system.arn)
    condition = {"StringEquals": {"elasticfilesystem:AccessPointArn": system.arn}}
    mount = _allowed(["elasticfilesystem:ClientMount"], any_of_them)
    return [{"Sid": "ReadItsFileSystem", **mount, "Condition": condition}]


def _allowed(actions: list[str], resource: Any) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}
