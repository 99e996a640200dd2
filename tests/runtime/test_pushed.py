"""What SNS, EventBridge, schedules and Step Functions send: recorded events to exact answers, and what fails."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from slsdeploy_runtime.dispatch import UnknownEvent
from slsdeploy_runtime.pushed import EventsFailed
from slsdeploy_runtime.request import BadInput
from tests.runtime import bundles
from tests.runtime.conftest import Serve, logs, metrics, recorded

ANSWER = {"predictions": [[2.0, 4.0]]}
META = "def preprocess(request):\n    raise ValueError(repr((request.source, dict(request.meta), request.data)))\n"


def meta_of(function: Any, event: Any) -> Any:
    """Return what `preprocess` is given: source, meta and data."""
    with pytest.raises(ValueError) as raised:
        function(event)
    return eval(str(raised.value))


def notifications(*messages: str) -> Any:
    event = recorded("sns_notification")
    (record,) = event["Records"]
    records = [deepcopy(record) for _ in messages]
    for index, (record, message) in enumerate(zip(records, messages, strict=True)):
        record["Sns"]["Message"] = message
        record["Sns"]["MessageId"] = str(index) * bool(index) or record["Sns"]["MessageId"]
    return {"Records": records}


@pytest.mark.parametrize(
    ("event", "source", "options", "answer"),
    [
        ("sns_notification", "sns", {}, {"answers": [ANSWER]}),
        ("eventbridge", "eventbridge", {"pattern": {"source": ["com.example.flowers"]}}, ANSWER),
        ("schedule", "schedule", {}, ANSWER),
        ("schedule_rule", "schedule", {"input": {"instances": [[1, 2]]}}, ANSWER),
        ("schedule_default", "schedule", {"input": {"instances": [[1, 2]]}}, ANSWER),
        ("stepfunctions", "stepfunctions", {}, ANSWER),
    ],
)
def test_a_recorded_event_is_predicted(
    event: str, source: str, options: dict[str, Any], answer: Any, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(events=[bundles.event(source, **options)])(recorded(event)) == answer
    assert logs(capsys.readouterr().out) == []


def test_preprocess_gets_what_stands_beside_a_notification(serve: Serve) -> None:
    function = serve(events=[bundles.event("sns")], handler=META)
    assert meta_of(function, recorded("sns_notification")) == (
        "sns",
        {
            "message_id": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
            "topic": "arn:aws:sns:us-east-2:123456789012:flowers",
            "subject": "a flower",
            "timestamp": "2019-01-02T12:45:07.000Z",
            "attributes": {"Colour": "blue", "Petals": "AQID"},
        },
        {"instances": [[1, 2]]},
    )
    # without a subject SNS sends null; with a preprocess, a message need not be JSON
    event = notifications("seven petals")
    event["Records"][0]["Sns"]["Subject"] = None
    _, meta, data = meta_of(function, event)
    assert (meta["subject"], data) == ("", b"seven petals")


def test_preprocess_gets_what_stands_beside_an_event(serve: Serve) -> None:
    source, meta, data = meta_of(serve(events=[bundles.event("eventbridge")], handler=META), recorded("eventbridge"))
    assert (source, data) == ("eventbridge", {"instances": [[1, 2]]})
    assert meta == {
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "source": "com.example.flowers",
        "detail_type": "Inference Request",
        "time": "2017-12-22T18:43:48Z",
        "account": "111122223333",
        "region": "us-west-1",
        "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    }


def test_preprocess_gets_what_stands_beside_a_states_input(serve: Serve) -> None:
    source, meta, data = meta_of(
        serve(events=[bundles.event("stepfunctions")], handler=META), recorded("stepfunctions")
    )
    assert (source, data) == ("stepfunctions", {"instances": [[1, 2]]})
    assert meta == {
        "execution": recorded("stepfunctions")["Execution"]["Id"],
        "start_time": "2019-03-26T20:14:13.192Z",
        "state": "Predict",
        "retry_count": 0,
    }


def test_a_bad_message_is_raised_so_that_it_is_tried_again(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve(events=[bundles.event("sns")])
    with pytest.raises(BadInput, match="body: not JSON"):
        function(notifications("{"))
    output = capsys.readouterr().out
    assert [line["where"] for line in logs(output)] == ["message 95df01b4-ee98-5cb9-9903-4c221d41eb5e"]
    assert metrics(output)[-1]["BadInputs"] == [1.0]
    with pytest.raises(EventsFailed, match=r"1 of 2 failed; the first: body: found nothing \(it is empty\)"):
        function(notifications("", '{"instances": [[1, 2]]}'))
    assert function(recorded("sns_notification")) == {"answers": [ANSWER]}


@pytest.mark.parametrize(
    ("path", "detail", "message"),
    [
        (
            "$.detail.request",
            {"instances": [[1, 2]]},
            r"\$\.detail\.request: found nothing, expected the inference request",
        ),
        ("$.detail.request.body", {"request": "text"}, r"\$\.detail\.request\.body: found nothing"),
        ("$.detail", [], "body: found a list of 0"),
    ],
)
def test_an_event_without_a_request_is_raised(path: str, detail: Any, message: str, serve: Serve) -> None:
    function = serve(events=[bundles.event("eventbridge", input_path=path)])
    with pytest.raises(BadInput, match=message):
        function({**recorded("eventbridge"), "detail": detail})


def test_a_path_leads_to_the_request(serve: Serve) -> None:
    event = {**recorded("eventbridge"), "detail": {"request": {"instances": [[1, 2]]}}}
    assert serve(events=[bundles.event("eventbridge", input_path="$.detail.request")])(event) == ANSWER


def test_rules_of_two_triggers_are_told_apart(serve: Serve) -> None:
    events = [
        bundles.event("eventbridge", "One", pattern={"source": ["a"]}, input_path="$.detail.a"),
        bundles.event("eventbridge", "Two", pattern={"source": [{"prefix": "com."}]}),
    ]
    function = serve(events=events)
    assert function(recorded("eventbridge")) == ANSWER
    event = {**recorded("eventbridge"), "source": "a", "detail": {"a": {"instances": [[1, 2]]}}}
    assert function(event) == ANSWER


def test_a_state_fails_by_the_name_of_what_went_wrong(serve: Serve) -> None:
    function = serve(events=[bundles.event("stepfunctions")])
    with pytest.raises(BadInput, match="found the text 'a', expected numbers"):
        function({**recorded("stepfunctions"), "Input": {"instances": [["a", 1]]}})
    # who invokes the function directly is answered, unless the project says otherwise
    assert function({"instances": [["a", 1]]})["error"]["type"] == "BadInput"


def test_plain_events_raise_when_the_project_says_so(serve: Serve) -> None:
    function = serve(events=[bundles.event("stepfunctions", plain_events="raise")])
    with pytest.raises(BadInput):
        function({"instances": [["a", 1]]})
    assert function({"instances": [[1, 2]]}) == ANSWER
    assert function({"slsdeploy": "ready"})["ready"] is True


@pytest.mark.parametrize("event", ["sns_notification", "eventbridge", "schedule", "s3_via_eventbridge"])
def test_what_no_trigger_is_for_is_raised_not_answered(event: str, serve: Serve) -> None:
    with pytest.raises(UnknownEvent, match="this function has no trigger for"):
        serve(events=[bundles.event("http")])(recorded(event))
