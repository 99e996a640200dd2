"""`app` from slsdeploy.toml to an account in memory: what is written, in which order, and what is not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from slsdeploy import __main__, app, invoking
from slsdeploy.app import Where
from slsdeploy.errors import DeployError, GateError, ProjectError
from slsdeploy.tools import Invocation, Tools
from tests import wheelhouse
from tests.desk import TOML, Desk
from tests.rules import elf_architecture


def test_the_first_up_creates_everything(desk: Desk) -> None:
    result = app.up(desk.where, desk.tools)
    kinds = [call.split("-")[0].split("/")[0] for call in desk.cloud.calls]
    assert kinds == ["create_bucket", "upload iris", *["publish slsdeploy"] * 3, "deploy_stack iris"]
    assert (result.changed, result.stack, result.target, result.package) == (True, "iris-dev", "aws", "layer")
    layers = sum(archive.stat().st_size for archive in (desk.root / ".slsdeploy/dev/bundle/archives").iterdir())
    assert result.uploaded_bytes == layers > sum(map(len, desk.cloud.objects.values()))
    assert "smoke test" in desk.reporter.steps


def test_the_second_up_writes_nothing(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    desk.cloud.calls.clear()
    result = app.up(desk.where, desk.tools)
    assert desk.cloud.calls == []
    assert (result.changed, result.uploaded_bytes) == (False, 0)


def test_a_changed_line_of_the_handler_uploads_only_the_code(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    desk.cloud.calls.clear()
    (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return dict(outputs)\n")
    result = app.up(desk.where, desk.tools)
    assert [call.split("-")[1] for call in desk.cloud.calls] == ["dev/code", "dev"]
    assert result.uploaded_bytes < 10_000


def test_check_looks_at_what_was_built_as_long_as_it_is_true(desk: Desk, tmp_path: Path) -> None:
    blob = {"flywheel/blob.bin": random.Random(1).randbytes(52_500_000)}  # nothing to compress
    wheelhouse.add_wheel(tmp_path / "index", "flywheel", files=blob)
    (desk.root / "requirements.txt").write_text("flywheel\n")
    assert app.check(desk.where, desk.tools).problems == []
    app.build(desk.where, desk.tools)
    found = app.check(desk.where, desk.tools).problems
    (problem,) = [problem for problem in found if problem["rule"] == "direct-upload"]
    assert problem["severity"] == "note"
    assert problem["link"].startswith("https://docs.aws.amazon.com/")
    (desk.root / "requirements.txt").write_text("flywheel>=1\n")
    steps = list(desk.reporter.steps)
    assert app.check(desk.where, desk.tools).problems == []
    assert desk.reporter.steps == steps  # nothing is resolved to find out


@pytest.mark.parametrize("command", [app.up, app.plan, app.build, app.template])
def test_the_preflight_stops_what_is_sure_to_fail(desk: Desk, command: Callable[[Where, Tools], object]) -> None:
    (desk.root / "slsdeploy.toml").write_text('environment = {WORDS = "' + "x" * 5000 + '"}\n' + TOML)
    with pytest.raises(ProjectError, match="environment variables take 5"):
        command(desk.where, desk.tools)
    assert desk.cloud.calls == []
    assert not (desk.root / "slsdeploy.lock").exists()


@pytest.mark.parametrize("command", [app.up, app.plan, app.template])
def test_warnings_are_shown_and_stop_nothing_unless_told_so(
    desk: Desk, command: Callable[[Where, Tools], object]
) -> None:
    (desk.root / "slsdeploy.toml").write_text(TOML + 'auth = "none"\n')
    command(desk.where, desk.tools)
    assert desk.reporter.warnings == ['slsdeploy.toml:6: auth = "none": anybody may call the Function URL [public-url]']
    desk.cloud.calls.clear()
    with pytest.raises(GateError, match="anybody may call the Function URL"):
        command(Where(root=desk.root, fail_on="warning"), desk.tools)
    command(Where(root=desk.root, fail_on="warning", ignore=["public-url"]), desk.tools)
    assert len(desk.reporter.warnings) == 1


def test_what_only_the_bundle_tells_stops_before_anything_is_published(desk: Desk, tmp_path: Path) -> None:
    elf_architecture.write(desk.root)
    elf_architecture.wheels(tmp_path / "index")
    with pytest.raises(ProjectError, match=r"_core\.abi3\.so"):
        app.up(desk.where, desk.tools)
    assert desk.cloud.calls == []
    assert "elf-architecture" in {problem["rule"] for problem in app.check(desk.where, desk.tools).problems}
    app.up(Where(root=desk.root, ignore=["elf-architecture"]), desk.tools)
    assert desk.cloud.calls


def test_statements_of_the_user_s_own_are_the_role_s(desk: Desk) -> None:
    own = [("dynamodb:GetItem", "arn:aws:dynamodb:*:*:table/iris"), ("s3:GetObject", "arn:aws:s3:::iris/*")]
    tables = [f'[[policy]]\nactions = ["{action}"]\nresources = ["{resource}"]\n' for action, resource in own]
    (desk.root / "slsdeploy.toml").write_text(TOML + "".join(tables))
    role = app.template(desk.where, desk.tools).cloudformation["Resources"]["FunctionRole"]["Properties"]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert [each for each in statements if each.get("Sid", "").startswith("Own")] == [
        {"Sid": f"Own{number}", "Effect": "Allow", "Action": [action], "Resource": [resource]}
        for number, (action, resource) in enumerate(own, 1)
    ]
    assert desk.reporter.warnings == []


def test_a_zip_is_one_archive(desk: Desk) -> None:
    app.up(Where(root=desk.root, overrides={"package": "zip"}), desk.tools)
    (key,) = desk.cloud.objects
    assert key.startswith("iris-dev/function-")


def test_plan_writes_nothing_and_says_what_up_would(desk: Desk) -> None:
    planned = app.plan(desk.where, desk.tools)
    assert desk.cloud.calls == []
    assert [step["type"] for step in planned.steps] == [
        *("create-bucket", "upload"),
        *["publish-layer"] * 3,
        "create-stack",
    ]
    assert {"logical_id": "Function", "type": "AWS::Lambda::Function", "action": "add"} in planned.resources
    app.up(desk.where, desk.tools)
    after = app.plan(desk.where, desk.tools)
    assert (after.changed, list(after.steps), after.digest) == (False, [], planned.digest)


def test_a_stack_that_fails_says_which_resource_was_first(desk: Desk) -> None:
    desk.cloud.failing = "FunctionRole"
    with pytest.raises(DeployError, match=r"FunctionRole \(AWS::IAM::Role\) failed: no luck"):
        app.up(desk.where, desk.tools)
    desk.cloud.failing = ""
    assert app.up(desk.where, desk.tools).changed


def test_a_function_that_does_not_start_fails_the_deployment(desk: Desk) -> None:
    failed = Invocation(200, b'{"errorMessage": "no module"}', "Unhandled", 1.0, None, "1")
    desk.cloud.invoke = lambda *_: failed  # type: ignore[method-assign]
    with pytest.raises(DeployError, match="does not start") as caught:
        app.up(desk.where, desk.tools)
    assert "no module" in caught.value.message
    assert caught.value.exit_code == 6
    logs, up = (f"`slsdeploy {verb} {desk.root}`" for verb in ("logs", "up"))
    assert caught.value.hint == f"read {logs}, mend the project and run {up} again"


def test_stages_are_stacks_of_their_own(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    app.up(Where(root=desk.root, stage="prod"), desk.tools)
    assert set(desk.cloud.stacks) == {"iris-dev", "iris-prod"}


def test_status_says_what_is_deployed_and_down_removes_it(desk: Desk) -> None:
    deployed = app.up(desk.where, desk.tools)
    stated = app.status(desk.where, desk.tools)
    model = wheelhouse.digest(desk.root / "iris.onnx")
    assert (stated.bundle_digest, stated.models) == (deployed.bundle_digest, {"iris": model})
    template = desk.cloud.stacks["iris-dev"].template
    assert template is not None
    variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["SLSDEPLOY_BUNDLE"] == deployed.bundle_digest
    assert variables["SLSDEPLOY_MODELS"] == f"iris={model}"
    assert app.down(desk.where, desk.tools).removed
    assert desk.cloud.objects == {}
    assert not app.down(desk.where, desk.tools).removed
    with pytest.raises(ProjectError, match="is not deployed"):
        app.status(desk.where, desk.tools)


def test_down_keeps_a_bucket_with_something_in_it_unless_told_otherwise(desk: Desk) -> None:
    (desk.root / "slsdeploy.toml").write_text(TOML.replace("http", "s3"))
    app.up(desk.where, desk.tools)
    desk.cloud.data["s3triggerbucket"] = True
    assert app.down(desk.where, desk.tools).kept == ["s3triggerbucket"]
    again = app.down(desk.where, desk.tools)
    assert (again.removed, again.kept) == (False, ["s3triggerbucket"])
    assert app.down(desk.where, desk.tools, delete_data=True).kept == []
    desk.cloud.calls.clear()
    assert app.down(desk.where, desk.tools, delete_data=True).kept == []
    assert desk.cloud.calls == ["delete_objects"]


def test_a_down_that_was_interrupted_goes_on(desk: Desk) -> None:
    (desk.root / "slsdeploy.toml").write_text(TOML.replace("http", "s3"))
    app.up(desk.where, desk.tools)
    release = desk.cloud.release
    desk.cloud.release = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        app.down(desk.where, desk.tools)
    desk.cloud.release = release  # type: ignore[method-assign]
    app.down(desk.where, desk.tools)
    assert "release s3triggerbucket" in desk.cloud.calls
    assert desk.cloud.objects == {}


def interrupted(type: str, physical_id: str, delete_data: bool) -> bool:
    raise KeyboardInterrupt


def test_the_template_needs_no_account(desk: Desk) -> None:
    made = app.template(desk.where, desk.tools)
    assert desk.cloud.calls == []
    assert made.cloudformation["Resources"]["Function"]["Type"] == "AWS::Lambda::Function"


def test_invoke_sends_a_sample_made_from_the_signature(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    result = invoking.invoke(desk.where, desk.tools, None)
    assert (result.payload, result.cold_start, result.init_ms, result.error) == ({"ready": True}, True, 120.0, None)
    event = json.loads(
        invoking.sample_event(
            app.open_project(desk.where, desk.tools), "direct", desk.cloud.stacks["iris-dev"], desk.cloud
        )
    )
    assert event == {"inputs": {"x": [[0.0, 0.1]]}}


REFUSED = {"error": {"type": "BadInput", "message": "inputs.x: found nothing", "field": "inputs.x"}}


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (REFUSED, {"type": "BadInput", "message": "inputs.x: found nothing"}),
        ({**REFUSED, "outputs": {}}, None),
        ({"error": "of a user's postprocess"}, None),
        ({"error": {"type": "Other"}}, None),
        ([REFUSED], None),
    ],
)
def test_invoke_tells_an_event_that_was_refused(desk: Desk, payload: object, error: object) -> None:
    app.up(desk.where, desk.tools)
    answer = Invocation(200, json.dumps(payload).encode(), "", 1.0, None, "1")
    desk.cloud.invoke = lambda *_: answer  # type: ignore[method-assign]
    result = invoking.invoke(desk.where, desk.tools, b"{}")
    assert (result.payload, result.error) == (payload, error)


def test_an_event_that_passes_an_application_by_is_told(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    (desk.root / "slsdeploy.toml").write_text('handler = "web:app"\n' + TOML)
    (desk.root / "web.py").write_text("async def app(scope, receive, send): ...\n")
    answer = Invocation(200, json.dumps(REFUSED).encode(), "", 1.0, None, "1")
    desk.cloud.invoke = lambda *_: answer  # type: ignore[method-assign]
    invoking.invoke(desk.where, desk.tools, b"{}")
    assert "--url asks that" in desk.reporter.notes[-1]


def test_a_sample_is_of_a_source_that_the_project_has(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    project, state = app.open_project(desk.where, desk.tools), desk.cloud.stacks["iris-dev"]
    assert json.loads(invoking.sample_event(project, "http", state, desk.cloud))["rawPath"] == "/predict"
    with pytest.raises(ProjectError, match="has no sqs trigger"):
        invoking.sample_event(project, "sqs", state, desk.cloud)
    with pytest.raises(ProjectError, match="no sample of 'kafkaa'"):
        invoking.sample_event(project, "kafkaa", state, desk.cloud)


def test_an_event_that_is_not_json_is_refused_here(desk: Desk) -> None:
    app.up(desk.where, desk.tools)
    with pytest.raises(ProjectError, match="not JSON"):
        invoking.invoke(desk.where, desk.tools, b"\x89PNG")


def test_invoke_over_a_url_needs_one(desk: Desk) -> None:
    (desk.root / "slsdeploy.toml").write_text(TOML.replace("http", "sqs"))
    app.up(desk.where, desk.tools)
    with pytest.raises(ProjectError, match="has no URL"):
        invoking.invoke(desk.where, desk.tools, b"{}", over_url=True)


@pytest.mark.parametrize("words", [["build"], ["check"], ["template"], ["inspect"], ["schema"]])
def test_json_is_one_document_on_standard_output(
    desk: Desk, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = [] if words == ["schema"] else [str(desk.root / "iris.onnx" if words == ["inspect"] else desk.root)]
    with pytest.raises(SystemExit) as ended:
        __main__.main([*words, *folder, "--json"])
    assert ended.value.code == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_build_says_what_the_contract_lists(desk: Desk) -> None:
    built = app.build(desk.where, desk.tools)
    assert [part["name"] for part in built.parts] == ["dependencies", "runtime", "model", "code"]
    assert set(built.parts[0]) == {"name", "digest", "files", "bytes", "compressed_bytes"}
    assert built.unzipped_bytes == sum(part["bytes"] for part in built.parts)
    assert (Path(built.path) / "task/slsdeploy.json").is_file()
    assert (Path(built.path) / "opt/python/slsdeploy_runtime/app.py").is_file()
