"""SnapStart: what the copies of one snapshot share and what they do not. A fork of the process is such a copy, made for real."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from slsdeploy_runtime import aws, manifest, secrets, telemetry
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Context, metrics
from tests.runtime.test_start import modules, run

hooks = pytest.importorskip("snapshot_restore_py", reason="snapshot-restore-py comes with awslambdaric, on Linux")

ON = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
OURS = {"snapshot_restore_py", "slsdeploy_runtime.snapshot"}
IMPORT = "import slsdeploy_runtime.app"
# As the runtime client does it: https://github.com/aws/aws-lambda-python-runtime-interface-client
SNAPSHOT = """
from slsdeploy_runtime.app import handler
import os, snapshot_restore_py as hooks
before, after = hooks.get_before_snapshot(), hooks.get_after_restore()
def restore():
    for hook, args, named in after: hook(*args, **named)
while before:
    hook, args, named = before.pop(); hook(*args, **named)
"""


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, with no hooks registered in this process, and no client kept."""
    for registry in (hooks.get_before_snapshot(), hooks.get_after_restore()):
        registry.clear()
    from slsdeploy_runtime import snapshot

    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield snapshot
    aws._clients.clear()
    for registry in (hooks.get_before_snapshot(), hooks.get_after_restore()):
        registry.clear()


def restore() -> None:
    for hook, args, named in hooks.get_after_restore():
        hook(*args, **named)


def test_nothing_of_it_is_imported_without_a_snapshot(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", snap_start=True)  # $LATEST of a function with SnapStart
    assert not modules(task, IMPORT) & OURS
    assert modules(task, f"import os; os.environ.update({ON})\n{IMPORT}") >= OURS


def test_the_users_hooks_find_everything_renewed(tmp_path: Path) -> None:
    handler = """
from snapshot_restore_py import register_after_restore, register_before_snapshot
import random
random.seed(1)
SHARED = random.Random(1).random()
register_before_snapshot(lambda: print("first"))
register_before_snapshot(lambda: print("second"))
register_after_restore(lambda: print("seed is old", random.random() == SHARED))
register_after_restore(lambda: print("last"))
def postprocess(outputs):
    return outputs
"""
    script = SNAPSHOT + "restore()\nhandler({'slsdeploy': 'ready'}, None)"
    done = run(bundles.write(tmp_path / "bundle", handler=handler), script, ON)
    *said, line = done.stdout.splitlines()
    assert said == ["second", "first", "seed is old False", "last"], done.stderr
    assert "RestoreTime" in line and "ModelLoadTime" not in line


# Python seeds `random` anew in a fork, which a restored process is not: it gets back the state that the snapshot had.
COPIES = (
    SNAPSHOT
    + """
import json, random, warnings
import numpy as np
np.random.rand()
state = random.getstate()
warnings.simplefilter("ignore")  # Python does not like to be forked with threads; they are not used in the copies
for _ in range(2):
    if os.fork() == 0:
        random.setstate(state)
        {renew}
        told = [random.random(), float(np.random.rand()), handler({{"instances": [[1, 2]]}}, None)]
        os.write(1, json.dumps(told).encode() + b"\\n")
        os._exit(0)
    os.wait()
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="copies are made with fork")
@pytest.mark.parametrize("renew", ["restore()", "pass"])
def test_copies_of_one_snapshot_have_different_random_numbers(tmp_path: Path, renew: str) -> None:
    script = COPIES.format(renew=renew)
    done = run(bundles.write(tmp_path / "bundle"), script, ON)
    one, two = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert one[2] == two[2] == {"predictions": [[2.0, 4.0]]}
    # Without the hooks they have the same: that is what they are for.
    assert (one[0] == two[0], one[1] == two[1]) == ((False, False) if renew == "restore()" else (True, True))


def test_models_are_warm_before_the_snapshot(snapshot: Any, tmp_path: Path) -> None:
    class Counted:
        runs = 0

        def warm_up(self) -> None:
            self.runs += 1

    models = {"a": Counted(), "b": Counted()}
    snapshot.prepare(models, {}, telemetry.Telemetry("warm"))
    (hook, args, named), *others = hooks.get_before_snapshot()
    hook(*args, **named)
    assert others == []
    assert [model.runs for model in models.values()] == [snapshot.WARM_UPS, snapshot.WARM_UPS]


def test_clients_are_made_anew_with_new_credentials(snapshot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.prepare({}, {}, telemetry.Telemetry("clients"))
    old, users = aws.client("s3"), boto3.client("sqs", REGION)
    before = boto3.DEFAULT_SESSION._session
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "rotated")
    restore()
    new = aws.client("s3")
    assert new is not old
    assert [key_of(old), key_of(new)] == ["testing", "rotated"]
    assert [key_of(users), key_of(boto3.client("sqs", REGION))] == ["testing", "rotated"]
    # What describes the services is not read again.
    kept = {id(session.get_component("data_loader")) for session in (before, boto3.DEFAULT_SESSION._session)}
    assert len(kept) == 1


def test_a_function_without_clients_gets_none_by_being_restored(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle")
    found = run(task, f"{SNAPSHOT}restore()\nimport sys; print('boto3' in sys.modules)", ON)
    assert (found.stdout, found.stderr) == ("False\n", "")


def test_a_secret_that_was_rotated_is_read_again(
    snapshot: Any, aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ssm = boto3.client("ssm", REGION)
    ssm.put_parameter(Name="/key", Value="old", Type="SecureString")
    monkeypatch.setenv("KEY", "")
    wanted = {"KEY": manifest.Secret("ssm", "/key")}
    snapshot.prepare({}, wanted, telemetry.Telemetry("secrets"))
    restore()
    assert os.environ["KEY"] == "old"
    ssm.put_parameter(Name="/key", Value="new", Type="SecureString", Overwrite=True)
    restore()
    assert os.environ["KEY"] == "new"
    ssm.delete_parameter(Name="/key")
    with pytest.raises(secrets.SecretError, match=r"^secret KEY \(/key\) cannot be read: ParameterNotFound"):
        restore()


def test_a_restore_is_the_cold_start_of_the_first_invocation_after_it(
    snapshot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    told = telemetry.Telemetry("restored")
    told.loaded(5.0)
    told.initialised(6.0)
    snapshot.prepare({}, {}, told)
    restore()
    cold = []
    for _ in range(2):
        told.begin(Context())
        cold.append(told.cold_start_ms)
        told.end()
    (line,) = metrics(capsys.readouterr().out)
    assert line["ColdStart"] == [1.0] and "ModelLoadTime" not in line
    assert cold == [line["RestoreTime"][0], None]
    assert 0 < line["RestoreTime"][0] < 5000


def key_of(client: Any) -> str:
    return str(client._request_signer._credentials.access_key)
