"""Tables in S3 when something else goes wrong than a row: the time, the network, the model, the user's functions, the upload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import numpy as np
import pytest

from slsdeploy_runtime import s3_upload
from slsdeploy_runtime.events import Site
from slsdeploy_runtime.events import s3 as s3_event_source
from slsdeploy_runtime.s3_objects import ObjectsFailed
from slsdeploy_runtime.s3_reader import Found, ObjectChanged, ObjectReader
from tests.runtime import bundles, s3_server
from tests.runtime.conftest import REGION, Serve, logs, metrics, recorded
from tests.runtime.test_once import ONCE, table
from tests.runtime.test_outputs import messages, output, queue
from tests.runtime.test_s3 import arrived
from tests.runtime.test_s3_rows import BUCKET, Tables, keys, lines, npy, predicted, s3

__all__ = ["s3", "table"]


@pytest.fixture
def bad_s3() -> Iterator[s3_server.S3]:
    with s3_server.running() as server:
        yield server


def reader(server: s3_server.S3, content: bytes, size: int, held: int = 1) -> ObjectReader:
    client = boto3.client("s3", region_name=REGION, endpoint_url=server.endpoint)
    return ObjectReader(Found(client, "b", "k", server.put("b/k", content), len(content), "", {}), size, held)


def test_ranges_are_asked_for_in_turn_and_again_when_they_are_cut(bad_s3: s3_server.S3) -> None:
    content = np.random.default_rng(0).bytes(1_000_000)
    stream = reader(bad_s3, content, 300_000)
    bad_s3.faults.cuts.extend([0, 100_000])
    assert stream.read() == content
    assert [asked.start for asked in bad_s3.asked] == [0, 0, 0, 300_000, 600_000, 900_000]
    assert {asked.headers["If-Match"] for asked in bad_s3.asked} == {bad_s3.etag("b/k")}


def test_some_ranges_are_held_for_who_reads_in_several_places(bad_s3: s3_server.S3) -> None:
    stream = reader(bad_s3, bytes(1_000_000), 100_000, held=2)
    for step in range(10):
        for base in (0, 500_000):
            stream.seek(base + step * 10_000)
            assert len(stream.read(10_000) or b"") == 10_000
    assert len(bad_s3.asked) == 2
    assert stream.seek(-10, 2) == 999_990 and len(stream.read(20) or b"") == 10


def test_an_object_that_is_replaced_midway_is_an_error(bad_s3: s3_server.S3) -> None:
    stream = reader(bad_s3, bytes(1000), 100)
    stream.read(100)
    bad_s3.put("b/k", bytes(2000))
    with pytest.raises(ObjectChanged, match="s3://b/k was replaced or deleted while it was read"):
        stream.read(100)


class Wrapped:
    """S3 in which one call does something else."""

    def __init__(self, client: Any, **instead: Any) -> None:
        self._client, self._instead = client, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._client, name)


def test_a_table_that_takes_too_long_stops_before_lambda_ends_it(serve: Serve, s3: Any) -> None:
    function = serve(bundles.slow(), events=[bundles.event("s3")], handler=SLOW)
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1\n" * 100_000)
    with pytest.raises(
        ObjectsFailed, match=r"before Lambda would: [\d,]+ rows were done, .* of 200,000 bytes read; nothing"
    ):
        function(arrived("input/a.csv"), 2)
    assert function.store.context.get_remaining_time_in_millis() > 0
    assert keys(s3) == []


SLOW = """
import time

def predict(model, inputs):
    time.sleep(0.002 * len(inputs["x"]))
    return {"y": inputs["x"]}
"""


def test_long_results_are_uploaded_in_parts(serve: Serve, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def upload_part(**given: Any) -> Any:
        sizes.append(len(given["Body"]))
        return s3.upload_part(**given)

    client = Wrapped(s3, upload_part=upload_part)
    function = serve(bundles.double((-1, 400)), events=[bundles.event("s3")], client=lambda _: client)
    s3.put_object(Bucket=BUCKET, Key="input/a.npy", Body=npy(np.full((4000, 400), 1 / 3, np.float32)))
    function(arrived("input/a.npy"))
    assert len(lines(s3, "output/input/a.npy.jsonl")) == 4000
    assert len(sizes) > 1 and all(s3_upload.PART <= size < 2 * s3_upload.PART for size in sizes[:-1])


def test_an_upload_that_fails_leaves_nothing(serve: Serve, s3: Any) -> None:
    calls = []

    def upload_part(**given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise ConnectionError("the network is gone")
        return s3.upload_part(**given)

    client = Wrapped(s3, upload_part=upload_part)
    function = serve(bundles.double((-1, 400)), events=[bundles.event("s3")], client=lambda _: client)
    s3.put_object(Bucket=BUCKET, Key="input/a.npy", Body=npy(np.full((9000, 400), 1 / 3, np.float32)))
    with pytest.raises(ObjectsFailed, match="the network is gone"):
        function(arrived("input/a.npy"))
    assert keys(s3) == []
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_errors_that_cannot_be_written_leave_no_results(serve: Serve, s3: Any) -> None:
    def put_object(**given: Any) -> Any:
        if given["Key"].endswith(".errors.jsonl"):
            raise ConnectionError("the network is gone")
        return s3.put_object(**given)

    function = serve(events=[bundles.event("s3")], client=lambda _: Wrapped(s3, put_object=put_object))
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n1\n")
    with pytest.raises(ObjectsFailed, match="the network is gone"):
        function(arrived("input/a.csv"))
    assert keys(s3) == []


@pytest.mark.parametrize("max_batch", [None, 2])
def test_a_row_that_the_model_refuses_fails_alone(serve: Serve, s3: Any, max_batch: int | None) -> None:
    settings = {"lookup": {"max_batch": max_batch}}
    tables = Tables(serve(bundles.lookup(), events=[bundles.event("s3")], settings=settings), s3)
    results, errors = tables("a.csv", b"0\n1\n7\n2\n0\n9\n")
    assert predicted(results) == [(1, [0.0, 0.5]), (2, [1.0, 1.5]), (4, [2.0, 2.5]), (5, [0.0, 0.5])]
    assert [error["line"] for error in errors] == [3, 6]


def test_a_fixed_batch_gets_all_rows(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.double((4, 2)), events=[bundles.event("s3")]), s3)
    results, _ = tables("a.csv", b"1,2\n" * 1003)
    assert predicted(results) == [(line, [2.0, 4.0]) for line in range(1, 1004)]


def test_a_model_that_does_not_answer_row_by_row_fails_each(serve: Serve, s3: Any) -> None:
    function = serve(bundles.total(), events=[bundles.event("s3")])
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n")
    with pytest.raises(ObjectsFailed, match="model 'total' does not take rows"):
        function(arrived("input/a.csv"))


def test_a_preprocess_gets_whole_objects_unless_it_is_told_to_get_rows(serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"width,height\n1,2\n")
    function = serve(events=[bundles.event("s3")], handler=WHOLE)
    assert function(arrived("input/a.csv"))["written"] == [f"s3://{BUCKET}/output/input/a.csv.json"]


WHOLE = """
import numpy as np

def preprocess(request):
    assert request.data == b"width,height\\n1,2\\n"
    return {"x": np.ones((1, 2), np.float32)}
"""


def test_a_preprocess_gets_rows_when_it_is_told_to(serve: Serve, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables(serve(events=[bundles.event("s3", split="rows")], handler=ROWS), s3)
    results, errors = tables("a.csv", b"width,height\n1,2\n3\nx,y\n5,6\n", Metadata={"by": "me"})
    assert results == [{"line": 2, "y": [2.0, 4.0]}, {"line": 5, "y": [10.0, 12.0]}]
    assert [(error["line"], error["error"]) for error in errors] == [
        (3, "row: found 1 columns, expected 2, as in the header"),
        (4, "ValueError: could not convert string to float: 'x'"),
    ]
    (metric,) = metrics(capsys.readouterr().out)
    assert (metric["Errors"], metric["BadInputs"]) == ([1.0, 1.0], [1.0])


ROWS = """
import numpy as np

def preprocess(request):
    assert (request.source, request.meta["key"], request.meta["metadata"]) == ("s3", "input/a.csv", {"by": "me"})
    assert request.meta["line"] > 1
    return {"x": np.array([[float(request.data["width"]), float(request.data["height"])]], np.float32)}

def postprocess(outputs):
    return {"y": outputs["y"][0]}
"""


def test_a_preprocess_that_fails_on_every_row_fails_the_object(serve: Serve, s3: Any) -> None:
    function = serve(events=[bundles.event("s3", split="rows")], handler="def preprocess(request):\n    return 3\n")
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n3,4\n")
    with pytest.raises(
        ObjectsFailed, match="not one of 2 rows could be answered; the first: HandlerError: preprocess returned"
    ):
        function(arrived("input/a.csv"))
    assert keys(s3) == []


def test_a_postprocess_answers_each_row(serve: Serve, s3: Any) -> None:
    handler = (
        "def postprocess(outputs):\n    assert outputs['y'].shape == (1, 2)\n    return float(outputs['y'].sum())\n"
    )
    tables = Tables(serve(events=[bundles.event("s3")], handler=handler), s3)
    assert tables("a.csv", b"1,2\n3,4\n")[0] == [{"line": 1, "result": 6.0}, {"line": 2, "result": 14.0}]


def test_a_fallback_answers_rows(serve: Serve, s3: Any) -> None:
    settings = {"lookup": {"fallback": {"outputs": {"row": [0, 0]}}}}
    tables = Tables(serve(bundles.lookup(), events=[bundles.event("s3")], settings=settings, handler=FAILING), s3)
    results, _ = tables("a.csv", b"0\n7\n")
    assert results[0] == {"line": 1, "predictions": [[0.0, 0.5]]}
    assert results[1]["predictions"] == [[0.0, 0.0]] and results[1]["fallback"]["reason"] == "error"


FAILING = """
def predict(model, inputs):
    if 7 in inputs["index"]:
        raise RuntimeError("seven")
    return model.run(inputs)
"""


def test_a_model_that_cannot_be_loaded_is_no_rows_fault(serve: Serve, s3: Any) -> None:
    function = serve(events=[bundles.event("s3")], settings={"double": {"load": "lazy", "path": "models/absent.onnx"}})
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n3,4\n")
    with pytest.raises(ObjectsFailed, match=r"could not be loaded|absent"):
        function(arrived("input/a.csv"))
    assert keys(s3) == []


def test_a_folder_names_the_model(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.double(), bundles.divide(), events=[bundles.event("s3")]), s3)
    assert predicted(tables("divide/a.csv", b"a,b\n4,2\n")[0]) == [(2, {"quotient": 2.0, "total": 6.0})]
    assert predicted(tables("double/a.csv", b"4,2\n")[0]) == [(1, [8.0, 4.0])]


def test_a_media_type_tells_a_table_too_and_none_splits_nothing(serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="input/table", Body=b"1,2\n", ContentType="text/csv; charset=utf-8")
    assert serve(events=[bundles.event("s3")])(arrived("input/table"))["tables"][0]["rows"] == 1


def test_nothing_is_split_when_it_is_not_wanted(serve: Serve, s3: Any) -> None:
    function = serve(events=[bundles.event("s3", split="none")])
    s3.put_object(Bucket=BUCKET, Key="input/a.jsonl", Body=b'{"instances": [[1, 2]]}', ContentType="application/json")
    assert function(arrived("input/a.jsonl")) == {
        "written": [f"s3://{BUCKET}/output/input/a.jsonl.json"],
        "skipped": [],
    }


def test_a_queue_gets_back_the_message_of_a_table_that_failed(serve: Serve, s3: Any) -> None:
    function = serve(events=[bundles.event("s3", via="sqs")])
    event = recorded("s3_via_sqs")
    notification = json.dumps(arrived("input/a.npy", "input/b.csv"))
    record = event["Records"][0]
    event["Records"] = [
        {**record, "body": notification},
        {**record, "messageId": "2", "body": json.dumps(arrived("input/b.csv"))},
    ]
    s3.put_object(Bucket=BUCKET, Key="input/a.npy", Body=b"junk")
    s3.put_object(Bucket=BUCKET, Key="input/b.csv", Body=b"1,2\n")
    answer = function(event)
    assert answer["batchItemFailures"] == [{"itemIdentifier": record["messageId"]}]
    assert [table["rows"] for table in answer["tables"]] == [1]


def test_only_the_first_failures_are_logged(serve: Serve, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables(serve(events=[bundles.event("s3")]), s3)
    tables("a.csv", b"1,2\n" + b"1\n" * 5000)
    output = capsys.readouterr().out
    assert len([line for line in logs(output) if line["message"] == "bad input"]) == 10
    for name in ("Errors", "BadInputs"):
        assert sum(sum(metric.get(name, [])) for metric in metrics(output)) == 5000


def test_word_of_a_table_goes_where_the_projects_answers_go(serve: Serve, s3: Any) -> None:
    url = queue("answers")
    environment = {"SLSDEPLOY_OUTPUT_QUEUE_URL": url}
    function = serve(events=[bundles.event("s3")], output=output("sqs"), environment=environment)
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n1\n")
    function(arrived("input/a.csv"))
    (said,) = messages(url)
    assert (said["results"], said["rows"], said["failed"]) == (f"s3://{BUCKET}/output/input/a.csv.jsonl", 2, 1)
    assert len(lines(s3, "output/input/a.csv.jsonl")) == 1


def test_a_table_that_is_told_of_twice_is_predicted_once(serve: Serve, s3: Any, table: Any) -> None:
    function = serve(events=[bundles.event("s3")], environment=ONCE)
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n")
    assert function(arrived("input/a.csv"))["tables"][0]["rows"] == 1
    assert function(arrived("input/a.csv")) == {"written": [], "skipped": []}


def test_a_table_that_failed_is_predicted_when_it_comes_again(serve: Serve, s3: Any, table: Any) -> None:
    function = serve(events=[bundles.event("s3")], environment=ONCE)
    s3.put_object(Bucket=BUCKET, Key="input/a.npy", Body=b"junk")
    with pytest.raises(ObjectsFailed):
        function(arrived("input/a.npy"))
    s3.put_object(Bucket=BUCKET, Key="input/a.npy", Body=npy(np.ones((3, 2), np.float32)))
    assert function(arrived("input/a.npy"))["tables"][0]["rows"] == 3


def test_a_model_that_takes_long_to_load_is_waited_for(serve: Serve, s3: Any) -> None:
    function = serve(events=[bundles.event("s3")], handler=LATE)
    s3.put_object(Bucket=BUCKET, Key="input/a.csv", Body=b"1,2\n" * 10_000)
    # were the first portion's 4 s to count for the others, too, 13 s would not do; theirs may be a second
    assert function(arrived("input/a.csv"), 13)["tables"][0]["rows"] == 10_000


LATE = """
import time
first = [4]

def predict(model, inputs):
    time.sleep(first.pop() if first else 0)
    return model.run(inputs)
"""


def test_a_model_with_a_time_limit_gets_as_many_rows_as_a_request(serve: Serve, s3: Any) -> None:
    handler = "def predict(model, inputs):\n    assert len(inputs['x']) <= 3\n    return model.run(inputs)\n"
    settings = {"double": {"timeout": 5, "max_batch": 3}}
    tables = Tables(serve(events=[bundles.event("s3")], handler=handler, settings=settings), s3)
    results, errors = tables("a.csv", b"1,2\n" * 100)
    assert (len(results), errors) == (100, [])


@pytest.mark.parametrize(
    ("options", "is_refused"),
    [
        ({"suffix": ".jsonl", "prefix": "", "output_prefix": ""}, True),
        ({"suffix": ".jsonl", "prefix": "", "output_prefix": "out/"}, True),
        ({"suffix": ".jsonl", "prefix": "", "output_prefix": "out/", "split": "none"}, False),
        ({"suffix": ".csv", "prefix": "", "output_prefix": "out/"}, False),
        ({"suffix": ".jsonl", "output_bucket": "another"}, False),
    ],
)
def test_results_of_tables_never_trigger_again(options: Any, is_refused: bool) -> None:
    if not is_refused:
        assert s3_event_source.Trigger(**options).suffix
        return
    with pytest.raises(ValueError, match=r"output_prefix: results under .* would trigger the function again"):
        s3_event_source.Trigger(**options)


@pytest.mark.parametrize(("split", "splits"), [("auto", False), ("rows", True), ("none", False)])
def test_who_splits_nothing_may_remove_nothing(split: Any, splits: bool) -> None:
    site = Site("Function", 30, "S3Trigger", functions=("preprocess",))
    wiring = s3_event_source.wire(s3_event_source.Trigger(split=split), site)
    actions = {action for statement in wiring.late_statements for action in statement["Action"]}
    assert ("s3:DeleteObject" in actions, "s3:AbortMultipartUpload" in actions) == (splits, splits)
    assert ("LifecycleConfiguration" in wiring.resources["S3TriggerBucket"]["Properties"]) == splits
