"""Step Functions: a state machine whose task asks the model. Its input is the request; a failure is a state's, by its own name.

The task sends its input in a small envelope, with what Step Functions says of the execution; by that it is told from a direct event,
whose bad input is answered. Here it is raised, as `BadInput`: `Catch` and `Retry` go by that name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, file_option, model_option, option
from slsdeploy_runtime.names import Created, check_names, taken_twice
from slsdeploy_runtime.resources import caller_role

# what Lambda itself may fail with for a moment:
# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
TRANSIENT = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
FUNCTION = "Function"
# What a task may return, 256 KiB, with what Step Functions puts around it until OutputPath takes it off:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
ANSWER_BYTES = 256 * 1024 - 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A state machine, made around one task that asks the model, or after a definition of your own.

    Raises ValueError for what Step Functions refuses.
    """

    type: Literal["stepfunctions"] = "stepfunctions"
    state_machine_name: str | None = option(
        None, "the name of the state machine to create; default: CloudFormation finds one"
    )
    definition: str | None = file_option(
        None, "a file with the states language (JSON), ${Function} where it names the function; default: one task"
    )
    state_machine_type: Literal["STANDARD", "EXPRESS"] = option("STANDARD", "long-lived, or quick and cheap")
    model: str | None = model_option("request")
    plain_events: Literal["answer", "raise"] = option(
        "answer",
        'what bad input gets when a definition sends the input as it is ("Payload.$": "$"): an answer with an `error`, '
        "as everybody who invokes the function directly, or an error BadInput, which everybody gets then",
    )

    def __post_init__(self) -> None:
        check_names(self)

    def creates(self) -> Sequence[Created]:
        """Return the state machine, if it has a name."""
        name = self.state_machine_name
        return [] if name is None else [Created("state machine", name, "state_machine_name")]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the state machine, and a role of its own that may call this function only. Raises ValueError for a bad definition."""
    name, role = f"{site.trigger}StateMachine", f"{site.trigger}Role"
    machine: dict[str, Any] = {
        "Definition": _definition(trigger, site),
        "DefinitionSubstitutions": {FUNCTION: site.alias},
        "StateMachineType": trigger.state_machine_type,
        "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
    }
    if trigger.state_machine_name:
        machine["StateMachineName"] = trigger.state_machine_name
    return Wiring(
        resources={
            name: {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
            role: caller_role("states.amazonaws.com", site.alias),
        },
        outputs={"StateMachineArn": {"Ref": name}},
    )


def _definition(trigger: Trigger, site: Site) -> dict[str, Any]:
    if trigger.definition is None:
        return {"Comment": "Ask the model", "StartAt": "Predict", "States": {"Predict": task()}}
    text = site.texts.get("definition", "")
    try:
        made: Any = json.loads(text)
    except ValueError as error:
        raise ValueError(f"definition: {trigger.definition} is not JSON: {error}") from None
    if not isinstance(made, dict) or not {"StartAt", "States"} <= made.keys():
        raise ValueError(f"definition: {trigger.definition} is no state machine: it must have StartAt and States")
    if f"${{{FUNCTION}}}" not in text:
        raise ValueError(
            f"definition: {trigger.definition} does not name ${{{FUNCTION}}}: no state would ask the model"
        )
    return made


def task() -> dict[str, Any]:
    """Return the state that asks the model: its input is the request, its output the answer."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": f"${{{FUNCTION}}}",
            "Payload": {
                "Input.$": "$",
                "Execution": {"Id.$": "$$.Execution.Id", "StartTime.$": "$$.Execution.StartTime"},
                "State": {"Name.$": "$$.State.Name", "RetryCount.$": "$$.State.RetryCount"},
            },
        },
        "OutputPath": "$.Payload",
        "Retry": [{"ErrorEquals": [*TRANSIENT], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2}],
        "End": True,
    }


def matches(event: Any, source: Source) -> bool:
    """Say whether a state machine's task sent this; with `plain_events = "raise"`, whether anybody may have."""
    if not isinstance(event, dict):
        return False
    execution = event.get("Execution")
    if "Input" in event and isinstance(execution, dict) and "Id" in execution:
        return True
    from slsdeploy_runtime.events import direct

    return source.options.plain_events == "raise" and "slsdeploy" not in event and direct.matches(event, source)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the task. Raises BadInput for the caller's mistake, and whatever else went wrong: the state fails by that name."""
    from slsdeploy_runtime.request import Request

    execution: Mapping[str, Any] = event.get("Execution") or {}
    state: Mapping[str, Any] = event.get("State") or {}
    meta = {
        "execution": execution.get("Id", ""),
        "start_time": execution.get("StartTime", ""),
        "state": state.get("Name", ""),
        "retry_count": state.get("RetryCount", 0),
    }
    try:
        asked = event["Input"] if execution else event
        answer = service.outcome(Request(asked, source="stepfunctions", meta=meta, model=source.options.model or ""))
        if answer.fits(ANSWER_BYTES):
            return answer.value
        from slsdeploy_runtime import large

        # no URL: a later state reads the object, perhaps long after
        return large.answer(service, answer.value, "stepfunctions", ANSWER_BYTES, with_url=False)
    except Exception as error:
        service.telemetry.failure(error, f"execution {meta['execution']}")
        raise


def sample(body: Any, placed: Placed) -> Any:
    """Return what the task sends."""
    arn = placed.outputs.get("StateMachineArn", "").replace(":stateMachine:", ":execution:")
    return {
        "Input": body,
        "Execution": {"Id": f"{arn}:sample", "StartTime": "1970-01-01T00:00:00.000Z"},
        "State": {"Name": "Predict", "RetryCount": 0},
    }
