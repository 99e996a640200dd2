"""`idempotent` -> the table in which the function marks what it has answered, and that it may use it. Pure.

Only for triggers that may deliver twice and wait for no answer: a caller that asks again wants to be answered again.
"""

from __future__ import annotations

from slsdeploy.types import Project
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.resources import allow

TABLE = "IdempotencyTable"
# Whoever calls by these waits for the answer. Others, those of installed packages too, may deliver twice.
CALLED = frozenset({"direct", "http", "stepfunctions", "appsync"})
# what Powertools' DynamoDBPersistenceLayer calls
_ACTIONS = [f"dynamodb:{action}Item" for action in ("Get", "Put", "Update", "Delete")]


def is_of_use(project: Project) -> bool:
    """Say whether the project has a trigger that may deliver twice."""
    return any(trigger.options.type not in CALLED for trigger in project.triggers)


def wire(project: Project) -> Wiring:
    """Return the table, which goes with the stack: it holds no data of the user's own."""
    seconds = project.config.idempotency_seconds
    if seconds is None or not is_of_use(project):
        return Wiring()
    table = {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
            "SSESpecification": {"SSEEnabled": True},
        },
    }
    return Wiring(
        resources={TABLE: table},
        # late: the role need not wait for the table
        late_statements=[allow("MarksWhatIsDone", _ACTIONS, {"Fn::GetAtt": [TABLE, "Arn"]})],
        environment={
            "SLSDEPLOY_IDEMPOTENCY_TABLE": {"Ref": TABLE},
            "SLSDEPLOY_IDEMPOTENCY_SECONDS": str(seconds),
        },
        outputs={TABLE: {"Ref": TABLE}},
    )
