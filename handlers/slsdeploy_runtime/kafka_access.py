"""How Lambda's pollers reach a Kafka cluster and sign in, and what the function's role needs for that. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/msk-permissions.html, https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-permissions.html
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from slsdeploy_runtime.events import Site
from slsdeploy_runtime.resources import allow

_CLUSTER = r"arn:(aws[a-z-]*):kafka:([a-z0-9-]+):(\d{12}):cluster/([A-Za-z0-9-]{1,64})/([a-f0-9-]+)"
_CREDENTIALS_ARN = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S{1,160}"
_MSK_SIGNS_IN = ("IAM_AUTH", "SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH")

# For the pollers' interfaces in the cluster's network; EC2 takes no resource for what lists, and names interfaces when they are there.
NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]


class Access(Protocol):
    """A trigger of a Kafka cluster, as far as it says where that is and how to sign in."""

    @property
    def cluster(self) -> str | None: ...

    @property
    def bootstrap_servers(self) -> tuple[str, ...]: ...

    @property
    def topics(self) -> tuple[str, ...]: ...

    @property
    def authentication(self) -> str | None: ...

    @property
    def secret(self) -> str | None: ...

    @property
    def server_root_ca_certificate(self) -> str | None: ...

    @property
    def consumer_group_id(self) -> str | None: ...


def check(trigger: Access) -> None:
    """Raise ValueError for a cluster that is none or two, or a way to sign in that it does not have."""
    if (trigger.cluster is None) == (not trigger.bootstrap_servers):
        found = "both" if trigger.cluster else "neither"
        raise ValueError(
            f"cluster: found {found} of cluster (MSK) and bootstrap_servers (your own), expected one of them"
        )
    for option in ("secret", "server_root_ca_certificate"):
        given = getattr(trigger, option)
        if given is not None and not re.fullmatch(_CREDENTIALS_ARN, given):
            raise ValueError(f'{option}: found "{given}", expected the ARN of a Secrets Manager secret')
    if (trigger.secret is None) != (trigger.authentication in (None, "IAM_AUTH")):
        raise ValueError("secret: expected with every authentication but IAM_AUTH, and only then")
    if trigger.cluster is not None:
        _check_msk(trigger, trigger.cluster)
    elif trigger.authentication == "IAM_AUTH":
        raise ValueError("authentication: found IAM_AUTH, which is for MSK (cluster = ARN)")


def _check_msk(trigger: Access, cluster: str) -> None:
    if not re.fullmatch(_CLUSTER, cluster):
        raise ValueError(f'cluster: found "{cluster}", expected the ARN of an MSK cluster')
    if trigger.authentication not in (None, *_MSK_SIGNS_IN):
        raise ValueError(f"authentication: found {trigger.authentication}; for MSK expected {', '.join(_MSK_SIGNS_IN)}")
    if trigger.server_root_ca_certificate is not None:
        raise ValueError("server_root_ca_certificate: found one for MSK, whose certificates Lambda trusts already")


def source(trigger: Access, site: Site) -> dict[str, Any]:
    """Return the properties of the mapping that say where the cluster is and how Lambda signs in.

    Raises ValueError for a cluster of one's own that is neither signed in to nor in a network.
    """
    group = {} if trigger.consumer_group_id is None else {"ConsumerGroupId": trigger.consumer_group_id}
    signs_in = []
    if trigger.authentication not in (None, "IAM_AUTH"):
        signs_in.append({"Type": trigger.authentication, "URI": trigger.secret})
    if trigger.cluster is not None:
        # with IAM nothing is said: https://docs.aws.amazon.com/lambda/latest/dg/msk-cluster-auth.html
        return _given(
            EventSourceArn=trigger.cluster,
            SourceAccessConfigurations=signs_in,
            AmazonManagedKafkaEventSourceConfig=group,
        )
    if trigger.server_root_ca_certificate is not None:
        signs_in.append({"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": trigger.server_root_ca_certificate})
    signs_in += [{"Type": "VPC_SUBNET", "URI": f"subnet:{subnet}"} for subnet in site.subnets]
    signs_in += [{"Type": "VPC_SECURITY_GROUP", "URI": f"security_group:{name}"} for name in site.security_groups]
    if not signs_in:
        raise ValueError(
            "bootstrap_servers: expected authentication and a secret, or [vpc] with the cluster's network, or both"
        )
    return _given(
        SelfManagedEventSource={"Endpoints": {"KafkaBootstrapServers": list(trigger.bootstrap_servers)}},
        SourceAccessConfigurations=signs_in,
        SelfManagedKafkaEventSourceConfig=group,
    )


def _given(**properties: Any) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value}


def statements(trigger: Access, site: Site) -> list[dict[str, Any]]:
    """Return what the role needs: the cluster, the secrets, and where the cluster is in a network, interfaces there."""
    found: list[dict[str, Any]] = []
    if trigger.cluster is not None:
        describe = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
        if trigger.authentication == "SASL_SCRAM_512_AUTH":
            describe.append("kafka:ListScramSecrets")
        found.append(allow(f"{site.trigger}FindsTheCluster", describe, trigger.cluster))
    if trigger.authentication == "IAM_AUTH" and trigger.cluster is not None:
        found += _iam(trigger, site)
    secrets = [each for each in (trigger.secret, trigger.server_root_ca_certificate) if each is not None]
    if secrets:
        found.append(allow(f"{site.trigger}SignsIn", ["secretsmanager:GetSecretValue"], secrets))
    if trigger.cluster is not None or site.subnets:
        found += [allow(f"{site.trigger}JoinsTheNetwork", NETWORK, "*"), _not_by_its_code(site)]
    return found


def _not_by_its_code(site: Site) -> dict[str, Any]:
    """Keep the function's own code from what its pollers need.

    https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    """
    function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}"
    return {
        **allow(f"{site.trigger}NotByItsCode", NETWORK, "*"),
        "Effect": "Deny",
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": {"Fn::Sub": function}}},
    }


def _iam(trigger: Access, site: Site) -> list[dict[str, Any]]:
    """https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html#kafka-actions."""
    cluster = str(trigger.cluster)
    topic = f"{cluster.replace(':cluster/', ':topic/')}/{trigger.topics[0]}"
    # the group that Lambda makes is named after the mapping, which is not known here
    group = f"{cluster.replace(':cluster/', ':group/')}/{trigger.consumer_group_id or '*'}"
    return [
        allow(
            f"{site.trigger}Connects",
            ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"],
            cluster,
        ),
        allow(f"{site.trigger}Reads", ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], topic),
        allow(f"{site.trigger}JoinsItsGroup", ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"], group),
    ]
