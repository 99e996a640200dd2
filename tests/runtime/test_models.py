"""Several models in one function: when each is loaded, who asks it, and which go when memory is short."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import memory, store
from slsdeploy_runtime.model import ModelError, get_model
from slsdeploy_runtime.s3_objects import ObjectsFailed
from slsdeploy_runtime.unavailable import LoadFailed, StillLoading
from tests.runtime import bundles, staged
from tests.runtime.conftest import Function, Serve, logs, recorded
from tests.runtime.several import ANSWER, INPUTS, ROW, fail, http, meet, three, wait

LAZY = {"load": "lazy"}
TO_A = {"fallback": {"model": "a"}}


class Bucket:
    """S3, as far as the s3 trigger uses it: the objects of one bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}

    def get_object(self, Key: str, **_: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key].encode()), "ContentType": "application/json"}

    def put_object(self, Key: str, Body: bytes, **_: Any) -> None:
        self.objects[Key] = Body.decode()


class NoThread:
    """A thread of a process that may have no more."""

    def __init__(self, **_: Any) -> None: ...

    def start(self) -> None:
        fail("can't start new thread")


class Clock:
    """Time that a test lets pass."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(store, "monotonic", clock)
    return clock


def test_eager_models_are_loaded_at_start_lazy_ones_at_their_first_request(serve: Serve) -> None:
    function = three(serve, "b", "c")
    assert staged.loads == ["a"]
    assert function({"model": "c", **ROW}) == ANSWER
    assert function({"model": "c", **ROW}) == ANSWER
    assert staged.loads == ["a", "c"]


def test_nothing_but_a_request_wakes_a_lazy_model(serve: Serve) -> None:
    function = three(serve, "a", "b", "c", events=[bundles.event("http")])
    for path in ("/v2/models/b", "/v2/models/b/ready", "/v2/health/ready", "/openapi.json"):
        assert function(http(path, method="GET"))["statusCode"] == 200, path
    model = get_model("b")
    assert (model.name, model.batch, model.inputs[0].name) == ("b", -1, "x")
    function({"slsdeploy": "ready"})
    assert staged.loads == []
    assert model.run(INPUTS)["y"].tolist() == [[2.0, 4.0]]
    assert staged.loads == ["b"]


def test_the_path_names_the_model(serve: Serve) -> None:
    function = three(serve, "a", "b", "c", events=[bundles.event("http")])
    assert json.loads(function(http("/predict/c", ROW))["body"]) == ANSWER
    assert staged.runs == ["c"]
    missing = function(http("/predict/d", ROW))
    assert (missing["statusCode"], json.loads(missing["body"])["error"]) == (
        404,
        "there is no model 'd'; there is 'a', 'b', 'c'",
    )


def test_a_body_that_names_another_model_than_its_path_is_refused(serve: Serve) -> None:
    function = three(serve, "a", "b", "c", events=[bundles.event("http")])
    refused = function(http("/predict/c", {"model": "b", **ROW}))
    assert (refused["statusCode"], json.loads(refused["body"])["error"]) == (
        400,
        "model: found the text 'b', expected 'c'",
    )


def test_preprocess_is_told_which_model_it_works_for(serve: Serve) -> None:
    handler = "def preprocess(request):\n    return {'x': [[float(len(request.model)), ord(request.model)]]}\n"
    function = three(serve, "b", handler=handler, events=[bundles.event("http")])
    assert function({"model": "b"}) == {"outputs": {"y": [[2.0, 196.0]]}}
    assert function({}) == {"outputs": {"y": [[2.0, 194.0]]}}
    assert json.loads(function(http("/predict/c", {}))["body"]) == {"outputs": {"y": [[2.0, 198.0]]}}


def test_two_requests_at_once_for_a_lazy_model_load_it_once_and_both_get_it(serve: Serve) -> None:
    function = three(serve, "b")
    is_loading, go_on = threading.Event(), threading.Event()
    staged.on_load["b"] = lambda: meet(is_loading, go_on)
    answers: list[Any] = []
    askers = [threading.Thread(target=lambda: answers.append(get_model("b").run(INPUTS))) for _ in "12"]
    for asker in askers:
        asker.start()
    assert is_loading.wait(10)
    go_on.set()
    for asker in askers:
        asker.join(10)
    assert [answer["y"].tolist() for answer in answers] == [[[2.0, 4.0]]] * 2
    assert staged.loads.count("b") == 1
    assert function({"model": "b", **ROW}) == ANSWER


class TestMemory:
    """Models of 4 MB each, and 10 MB for all of them."""

    SIZES = {name: {"bytes": 4 * memory.MB} for name in "abc"}

    @pytest.fixture
    def function(self, serve: Serve) -> Function:
        return three(serve, "a", "b", "c", settings=self.SIZES, model_memory=10)

    def loaded(self, function: Function) -> str:
        return "".join(name for name, model in function.models.items() if model.is_loaded)

    def ask(self, function: Function, *names: str) -> None:
        for name in names:
            assert function({"model": name, **ROW}) == ANSWER

    def test_the_least_recently_used_goes(self, function: Function, capsys: pytest.CaptureFixture[str]) -> None:
        self.ask(function, *"abac")
        assert self.loaded(function) == "ac"
        (line,) = logs(capsys.readouterr().out)
        assert (line["message"], line["models"], line["to_load"]) == ("models evicted", ["b"], "c")
        self.ask(function, "b")
        assert (self.loaded(function), staged.loads) == ("bc", ["a", "b", "c", "b"])

    def test_a_model_in_use_stays(self, function: Function, capsys: pytest.CaptureFixture[str]) -> None:
        self.ask(function, "a", "b")
        is_running, go_on = threading.Event(), threading.Event()
        staged.on_run["a"] = lambda _: meet(is_running, go_on)
        runner = threading.Thread(target=lambda: get_model("a").run(INPUTS))
        runner.start()
        assert is_running.wait(10)
        self.ask(function, "b", "c")
        assert self.loaded(function) == "ac"
        self.ask(function, "b")
        assert self.loaded(function) == "ab"
        go_on.set()
        runner.join(10)

    def test_one_that_does_not_fit_alone_is_loaded_with_a_warning(
        self, serve: Serve, capsys: pytest.CaptureFixture[str]
    ) -> None:
        function = three(serve, "a", "b", "c", settings={**self.SIZES, "c": {"bytes": 11 * memory.MB}}, model_memory=10)
        self.ask(function, *"abc")
        assert self.loaded(function) == "c"
        evicted, warned = logs(capsys.readouterr().out)
        assert evicted["models"] == ["a", "b"]
        assert (warned["level"], warned["model"], warned["needs_mb"], warned["may_have_mb"]) == ("WARNING", "c", 11, 10)
        self.ask(function, "a")
        assert self.loaded(function) == "a"

    def test_eager_models_do_not_push_each_other_out(self, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
        function = three(serve, settings=self.SIZES, model_memory=10)
        assert self.loaded(function) == "ab"
        (line,) = logs(capsys.readouterr().out)
        assert (line["message"], line["model"]) == ("eager models do not fit together: one is left for later", "c")
        self.ask(function, "c")
        assert self.loaded(function) == "bc"

    def test_without_a_budget_it_is_what_the_functions_memory_leaves(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = (memory.resident() / memory.MB + 9) / 0.9  # 10 percent are kept for requests
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(round(whole)))
        function = three(serve, "a", "b", "c", settings=self.SIZES)
        self.ask(function, *"abc")
        assert self.loaded(function) == "bc"

    @pytest.mark.parametrize(
        "said", ["Exception during initialization: std::bad_alloc", "Failed to allocate memory for 1"]
    )
    def test_memory_used_up_by_a_load_evicts_the_others_and_loads_once_more(
        self, function: Function, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.ask(function, "a")
        staged.on_load["b"] = lambda: fail(said) if get_model("a").is_loaded else None
        self.ask(function, "b")
        assert (self.loaded(function), staged.loads) == ("b", ["a", "b", "b"])
        (line,) = logs(capsys.readouterr().out)
        assert (line["message"], line["models"]) == ("memory is used up: models evicted", ["a"])

    def test_memory_used_up_by_a_run_evicts_the_others_and_runs_once_more(self, function: Function) -> None:
        self.ask(function, "a", "b")
        staged.on_run["b"] = lambda _: fail("Failed to allocate memory") if get_model("a").is_loaded else None
        self.ask(function, "b")
        assert self.loaded(function) == "b"

    def test_when_that_does_not_help_the_request_fails_and_the_next_works(
        self, function: Function, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.ask(function, "a")
        staged.on_load["b"] = lambda: fail("std::bad_alloc")
        with pytest.raises(
            LoadFailed, match=r"'b' cannot be loaded: RuntimeError: std::bad_alloc .memory is used up: raise"
        ):
            function({"model": "b", **ROW})
        self.ask(function, "a")
        assert staged.loads == ["a", "b", "b", "a"]
        assert [line["message"] for line in logs(capsys.readouterr().out)] == [
            "memory is used up: models evicted",
            "model cannot be loaded",
            "failed",
        ]


class TestLoading:
    """Loads that fail, or take long."""

    def test_a_load_that_failed_is_tried_again_after_a_pause(
        self, serve: Serve, clock: Clock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        function = three(serve, "b")
        staged.on_load["b"] = lambda: fail("not today")
        for seconds, tries in ((0, 1), (0.9, 1), (0.2, 2), (1.9, 2), (0.2, 3)):
            clock.now += seconds
            with pytest.raises(LoadFailed, match=r"model 'b' cannot be loaded: RuntimeError: not today"):
                function({"model": "b", **ROW})
            assert staged.loads.count("b") == tries
        del staged.on_load["b"]
        clock.now += 4.1
        assert function({"model": "b", **ROW}) == ANSWER
        told = [line for line in logs(capsys.readouterr().out) if line["message"] == "model cannot be loaded"]
        assert [line["next_try_in_seconds"] for line in told] == [1.0, 2.0, 4.0]  # said once for each try
        assert "not today" in told[0]["exception"]

    def test_a_pause_is_a_minute_at_most(self, serve: Serve, clock: Clock) -> None:
        function = three(serve, "b")
        staged.on_load["b"] = lambda: fail("not today")
        for _ in range(9):
            clock.now += 60.1
            with pytest.raises(LoadFailed):
                function({"model": "b", **ROW})
        assert staged.loads.count("b") == 9

    def test_over_http_it_is_a_503_that_says_when_to_ask_again(self, serve: Serve) -> None:
        function = three(serve, "b", events=[bundles.event("http")])
        staged.on_load["b"] = lambda: fail("/opt/models/b.onnx is broken")
        answer = function(http("/predict/b", ROW))
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
        assert json.loads(answer["body"]) == {"error": "model 'b' cannot be loaded"}
        assert function(http("/v2/models/b/ready", method="GET"))["statusCode"] == 400
        assert function(http("/v2/models/a/ready", method="GET"))["statusCode"] == 200
        assert function(http("/v2/health/ready", method="GET"))["statusCode"] == 400
        assert function(http("/predict/a", ROW))["statusCode"] == 200

    def test_a_request_waits_for_a_load_as_long_as_it_has_time_and_the_load_goes_on(self, serve: Serve) -> None:
        function = three(serve, "b", events=[bundles.event("http")])
        go_on = threading.Event()
        staged.on_load["b"] = lambda: wait(go_on)
        answer = function(http("/predict/b", ROW), seconds=0.6)
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "2")
        assert json.loads(answer["body"]) == {"error": "model 'b' is still loading: ask again"}
        assert function(http("/v2/models/b/ready", method="GET"))["statusCode"] == 400
        with pytest.raises(StillLoading, match="model 'b' is still loading"):
            function({"model": "b", **ROW}, seconds=0.6)
        go_on.set()
        assert function({"model": "b", **ROW}) == ANSWER
        assert staged.loads.count("b") == 1

    def test_without_a_thread_to_be_had_it_is_loaded_all_the_same(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        function = three(serve, "b")
        monkeypatch.setattr(store, "Thread", NoThread)
        assert function({"model": "b", **ROW}) == ANSWER

    def test_the_file_of_another_model_is_refused(self, serve: Serve) -> None:
        signature = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}], "load": "lazy"}
        function = serve(bundles.double(name="a"), bundles.double(name="b"), settings={"b": signature})
        with pytest.raises(LoadFailed, match=r"'x' has shape \[-1, 2\], when it was built \[-1, 3\]"):
            function({"model": "b", "instances": [[1, 2, 3]]})


class TestChangedFile:
    """One byte of a model's file is not what it was."""

    @pytest.fixture
    def function(self, serve: Serve) -> Function:
        """Serve a and two lazy ones whose files are changed then; a answers for the second."""
        function = serve(*(bundles.double(name=name) for name in "abc"), settings={"b": LAZY, "c": {**LAZY, **TO_A}})
        for name in "bc":
            path = Path(function.models[name].entry.path)
            content = bytearray(path.read_bytes())
            content[content.index(b"Add")] ^= 1  # the operator's name
            path.write_bytes(content)
        return function

    def test_the_log_says_that_it_is_not_what_was_built(
        self, function: Function, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(
            LoadFailed, match=r"cannot be loaded: .*@dd.* \(its files have the sha256 [0-9a-f]{64}, those"
        ):
            function({"model": "b", **ROW})
        line = logs(capsys.readouterr().out)[0]
        assert (line["message"], line["model"]) == ("model cannot be loaded", "b")
        assert line["because"].endswith("build and deploy again")
        assert function(ROW) == ANSWER

    def test_its_fallback_answers(self, function: Function) -> None:
        assert function({"model": "c", **ROW}) == {**ANSWER, "fallback": {"model": "a", "reason": "load"}}


class TestTriggers:
    """Which model an object or a message is for."""

    bucket: Bucket

    def predict(self, function: Function, key: str, **body: Any) -> list[str]:
        """Put an object, send its event; return the models that ran."""
        staged.runs.clear()
        self.bucket.objects[key] = json.dumps({**ROW, **body})
        where = {"bucket": {"name": "bucket"}, "object": {"key": key}}
        function({"Records": [{"eventSource": "aws:s3", "s3": where}]})
        return staged.runs[:]

    def test_a_folder_under_the_prefix_names_the_model(self, serve: Serve) -> None:
        self.bucket = Bucket()
        function = three(serve, events=[bundles.event("s3", prefix="in/")], client=lambda _: self.bucket)
        assert self.predict(function, "in/c/1.json") == ["c"]
        assert self.predict(function, "in/b/more/1.json") == ["b"]
        assert self.predict(function, "in/1.json") == ["a"]
        assert self.predict(function, "in/c") == ["a"]
        assert self.predict(function, "in/others/1.json") == ["a"]
        assert self.predict(function, "in/1.json", model="b") == ["b"]
        with pytest.raises(ObjectsFailed, match="model: found the text 'b', expected 'c'"):
            self.predict(function, "in/c/1.json", model="b")

    def test_the_triggers_option_comes_before_the_folder(self, serve: Serve) -> None:
        self.bucket = Bucket()
        function = three(serve, events=[bundles.event("s3", model="b")], client=lambda _: self.bucket)
        assert self.predict(function, "input/c/1.json") == ["b"]

    def test_a_queue_may_be_for_one_model(self, serve: Serve) -> None:
        function = three(serve, events=[bundles.event("sqs", output="none", model="c")])
        batch = recorded("sqs_batch")
        batch["Records"] = [
            {**batch["Records"][0], "messageId": str(index), "body": json.dumps(body)}
            for index, body in enumerate(({**ROW}, {"model": "c", **ROW}, {"model": "b", **ROW}))
        ]
        assert function(batch) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
        assert set(staged.runs) == {"c"}


def test_a_model_that_there_is_not_cannot_be_had(serve: Serve) -> None:
    three(serve, "b")
    with pytest.raises(ModelError, match="there is no model 'd': there is 'a', 'b', 'c'"):
        get_model("d")
