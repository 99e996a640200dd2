"""What a person gets for a mistake, through the whole command line and without AWS: what happened, where, what to do; never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

from slsdeploy import __main__
from slsdeploy.local import daemon
from tests import wheelhouse
from tests.building import House, save_model

FIRST = 'name = "iris"\nmodel = "iris.onnx"\n'
HTTP = '\n[[trigger]]\ntype = "http"\n'


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, Any]:
        return dict(json.loads(self.out)["error"])


Run = Callable[..., Said]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "iris"
    folder.mkdir()
    (folder / "slsdeploy.toml").write_text(FIRST)
    save_model(folder / "iris.onnx")
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in this process; whatever comes of it, it is no traceback. A local AWS that it started is stopped."""
    monkeypatch.setenv("SLSDEPLOY_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str | Path) -> Said:
        with pytest.raises(SystemExit) as ended:
            __main__.main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    daemon.stop()


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--local"],
        ["check"],
        ["build"],
        ["plan"],
        ["template"],
        ["invoke"],
        ["logs"],
        ["status"],
        ["down", "--local"],
    ],
    ids=" ".join,
)
def test_every_command_says_that_there_is_no_project(run: Run, tmp_path: Path, words: list[str]) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    said = run(words[0], folder, *words[1:])
    assert (said.code, said.out) == (2, "")
    assert "error: no slsdeploy.toml here" in said.err
    assert f"where: {folder / 'slsdeploy.toml'}" in said.err
    assert f"hint: `slsdeploy init '{folder}' --model MODEL.onnx` writes one" in said.err


def test_a_folder_that_is_not_there_and_one_that_is_a_file(run: Run, root: Path) -> None:
    gone = run("check", root / "gone")
    assert gone.code == 2 and f"there is no folder {root / 'gone'}" in gone.err and "hint: give the folder" in gone.err
    file = run("check", root / "iris.onnx")
    assert file.code == 2 and "iris.onnx is a file" in file.err and "hint: give the folder" in file.err


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (b'name = "iris"\nmodle = "iris.onnx"\n', ['line 2: modle  unknown key "modle"', 'did you mean "model"?']),
        (FIRST.encode() + b"timeout = true\n", ["line 3: timeout  found true; expected a whole number from 1 to 900"]),
        (FIRST.encode() + b'memory = "512"\n', ["line 3: memory", "write it without quotes: 512"]),
        (b"name = iris\n", ["not valid TOML", "line 1:"]),
        (b'name = "iris"\nmodel = "\xff"\n', ["not text in UTF-8", "byte 0xff on line 2"]),
        (b'name = "Iris Model"\nmodel = "a.onnx"\n', ["line 1: name", "expected lower-case letters"]),
        (b'name = "' + b"x" * 80 + b'"\nmodel = "a.onnx"\n', ["line 1: name", "at most 32 characters"]),
        (b'name = "iris"\nmodel = "../a.onnx"\n', ["line 2: model", "expected a path inside the project folder"]),
        (b'name = "iris"\nmodel = "/etc/passwd"\n', ["line 2: model", "expected a path inside the project folder"]),
        (b'name = "iris"\nmodel = ""\n', ['line 2: model  found ""; expected a file\'s path']),
        (b'name = "iris"\nmodel = "a\\u0000b"\n', ["line 2: model", "expected a file's path"]),
        (
            FIRST.encode() + 2 * HTTP.encode(),
            ['line 7: trigger[1]  found a second trigger of type "http"', "or make it a project of its own"],
        ),
        (
            FIRST.encode() + b'[[trigger]]\ntype = "sqs"\nqueue = "rows"\n' * 2,
            ['line 8: trigger[1].queue  the queue "rows" is created by trigger[0] already', "choose another name"],
        ),
        (
            FIRST.encode() + b'[[trigger]]\ntype = "s3"\nbucket = "Flowers"\n',
            ['line 5: trigger[0].bucket  found "Flowers", expected 3 to 63 lower-case letters'],
        ),
    ],
)
def test_a_wrong_slsdeploy_toml(run: Run, root: Path, toml: bytes, told: list[str]) -> None:
    (root / "slsdeploy.toml").write_bytes(toml)
    said = run("up", root, "--local")
    assert (said.code, said.out) == (2, "")
    assert [words for words in told if words not in said.err] == [], said.err
    assert str(root / "slsdeploy.toml") in said.err


def test_every_problem_at_once_and_as_json(run: Run, root: Path) -> None:
    (root / "slsdeploy.toml").write_text(FIRST + 'memroy = 1\ntimeout = "x"\n' + HTTP.replace("http", "htp"))
    error = run("up", root, "--local", "--json").error
    assert set(error) == {"type", "message", "hint", "where", "problems"}
    assert (error["type"], error["message"]) == ("ConfigError", "slsdeploy.toml has 3 problems")
    assert [(found["key"], found["line"]) for found in error["problems"]] == [
        ("memroy", 3),
        ("timeout", 4),
        ("trigger[0].type", 7),
    ]


def test_a_slsdeploy_toml_that_is_a_folder(run: Run, root: Path) -> None:
    (root / "slsdeploy.toml").unlink()
    (root / "slsdeploy.toml").mkdir()
    said = run("check", root)
    assert said.code == 2 and "slsdeploy.toml cannot be read: Is a directory" in said.err


def older(path: Path, opset: int) -> None:
    model = onnx.load(path)
    model.opset_import[0].version = opset
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b""), "the model file is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "the model is cut short or damaged (40 bytes)"),
        (lambda path: path.write_text("hello"), "the model is not an ONNX file"),
        (lambda path: older(path, 99), "the model uses opset 99; onnxruntime"),
        (lambda path: (path.unlink(), path.mkdir()), "the model is a folder, not a file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "a link that leaves the project folder"),
        (lambda path: (path.unlink(), path.symlink_to("iris.onnx")), "iris.onnx"),
    ],
    ids=["missing", "empty", "cut", "text", "opset", "folder", "link out", "link to itself"],
)
def test_a_wrong_model(run: Run, root: Path, spoil: Callable[[Path], object], told: str) -> None:
    spoil(root / "iris.onnx")
    said = run("up", root, "--local")
    assert said.code == 2 and told in said.err and "hint: " in said.err, said.err
    assert not (root / ".slsdeploy/dev-local/bundle").exists()
    error = run("up", root, "--local", "--json").error
    assert told in error["message"] and error["hint"] and "iris.onnx" in error["message"] + error["where"]


def test_a_handler_that_is_nested_too_deeply(run: Run, root: Path) -> None:
    (root / "handler.py").write_text(f"X = {'1+' * 20_000}1\n\ndef postprocess(outputs):\n    return 1\n")
    said = run("build", root)
    assert said.code == 2
    assert "handler.py is nested too deeply to be read" in said.err


def test_a_name_longer_than_a_file_may_have(run: Run, root: Path) -> None:
    (root / "slsdeploy.toml").write_text(f'name = "iris"\nmodel = "{"x" * 300}.onnx"\n')
    for command in ("check", "build"):
        said = run(command, root)
        assert said.code == 2 and "xxx" in said.err


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("memry=512", '--set memry: unknown key "memry"'),
        ("memory=lots", '--set memory: found "lots"; expected a whole number'),
        ("stages=1", '--set stages: unknown key "stages"'),
        ("trigger=x", '--set trigger: found "x"'),
        ("snap_start=maybe", '--set snap_start: found "maybe"; expected true or false'),
        ("include=[1]", "--set include: found 1"),
    ],
)
def test_a_setting_that_cannot_be(run: Run, root: Path, setting: str, told: str) -> None:
    said = run("check", root, "--set", setting)
    assert said.code == 2 and told in said.err and "the configuration has 1 problem" in said.err


@pytest.mark.parametrize("words", [["--set", "memory"], ["--set", "=3"], ["--bogus"], ["one", "two"]])
def test_words_that_make_no_command(run: Run, root: Path, words: list[str]) -> None:
    said = run("check", root, *words)
    assert said.code == 2 and "Try 'slsdeploy check --help'" in said.err
    error = run("check", root, *words, "--json").error
    assert (error["type"], error["hint"]) == ("UsageError", "slsdeploy check --help")


@pytest.mark.parametrize("stage", ["PROD!!", "-x", "x" * 32])
def test_a_stage_that_cannot_be(run: Run, root: Path, stage: str) -> None:
    said = run("check", root, f"--stage={stage}")
    assert said.code == 2 and "expected lower-case letters" in said.err


@pytest.mark.parametrize("port", ["99999", "0", "-1", "http"])
def test_a_port_that_cannot_be(run: Run, port: str) -> None:
    said = run("local", "start", f"--port={port}")
    assert said.code == 2 and "Invalid value for '--port'" in said.err


@pytest.mark.parametrize("event", ["nothing.json", "."])
def test_an_event_that_cannot_be_read(run: Run, root: Path, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    said = run("invoke", "--local", "--event", event)
    assert said.code == 2 and "cannot read the event" in said.err and f"where: {event}" in said.err


@pytest.mark.parametrize("command", ["invoke", "status", "logs", "down"])
def test_a_local_aws_that_does_not_run(run: Run, root: Path, command: str) -> None:
    said = run(command, root, "--local")
    assert said.code == 4 and "the local AWS is not running" in said.err
    assert f"hint: `slsdeploy up {root} --local` starts it and deploys to it" in said.err


def test_no_wheel_for_the_target_says_which_and_what_there_is(run: Run, house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket", "1.5", tag="cp313-cp313-win_amd64")
    house.write("requirements.txt", "sprocket==1.5\n")
    said = run("build", house.root)
    assert said.code == 3
    assert "error: sprocket==1.5 has no wheel for Python 3.13 on aarch64-manylinux_2_34" in said.err
    assert "win_amd64" in said.err and "where: requirements.txt" in said.err and "hint: ask for a version" in said.err


def _make_too_large(house: House) -> None:
    house.write("slsdeploy.toml", FIRST + 'package = "layer"\ninclude = ["*.bin"]\n')
    with (house.root / "weights.bin").open("wb") as weights:
        weights.truncate(262_144_001)


def test_a_bundle_over_250_mb_lists_what_takes_the_space(run: Run, house: House, tmp_path: Path) -> None:
    _make_too_large(house)
    page = tmp_path / "space.html"
    said = run("build", house.root, "--html", str(page))
    assert said.code == 3 and "Lambda takes" in said.err
    assert re.search(r"your code +2 +262\.1 MB", said.err) and f"treemap {page}" in said.err
    assert "weights.bin" in page.read_text() and "packed" not in page.read_text().split("<dl", 1)[1].split("</dl>")[0]
    assert "the largest files:\n    262,144,001  task/weights.bin" in said.err
    assert "hint: leave weights.bin out with `exclude`" in said.err and "where:" not in said.err


def test_check_knows_of_a_bundle_that_was_too_large(run: Run, house: House) -> None:
    _make_too_large(house)
    built = run("build", house.root, "--json").error["built"]
    assert built["unzipped_bytes"] > 262_144_001 and built["space"][0]["name"] == "your code"
    found = json.loads(run("check", house.root, "--json").out)
    assert found["problems"][0]["rule"] == "unzipped-size" and found["waiting"] == []
    assert "task/weights.bin (250.0 MiB)" in found["problems"][0]["hint"]
    (house.root / "weights.bin").write_bytes(b"small")
    assert json.loads(run("check", house.root, "--json").out)["waiting"], "it is another one now"
    assert run("build", house.root).code == 0
    assert not (house.root / ".slsdeploy" / "dev" / "too-large").exists()


def test_a_handler_that_raises_shows_its_own_lines(run: Run, house: House) -> None:
    house.write("handler.py", "def load():\n    return 1 / 0\nVALUE = load()\ndef predict(model, inputs): ...\n")
    said = run("up", house.root, "--local")
    assert said.code == 3
    assert "handler.py does not import: ZeroDivisionError: division by zero" in said.err
    assert "handler.py:3 in <module>\n    VALUE = load()\n  handler.py:2 in load\n    return 1 / 0" in said.err
    assert "where: handler.py:2" in said.err and "import_handler" not in said.err


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n", ""),
        ("class Nasty(Exception):\n    def __str__(self): return 1 / 0\nraise Nasty()\n", "does not import: Nasty"),
    ],
    ids=["a thread that never ends", "an exception that cannot be shown"],
)
def test_a_handler_cannot_hold_up_the_build(run: Run, house: House, source: str, told: str) -> None:
    house.write("handler.py", f"{source}\ndef predict(model, inputs): ...\n")
    said = run("build", house.root, "--local")
    assert said.code == (3 if told else 0) and told in said.err


def test_a_folder_that_cannot_be_written(run: Run, house: House) -> None:
    (house.root / ".slsdeploy").write_text("a file")
    said = run("build", house.root)
    assert said.code == 4 and "cannot" in said.err and ".slsdeploy" in said.err and "hint: " in said.err


@pytest.mark.parametrize("name", ["my iris", "Blüte 花", "a'b\"c", "-x", "$HOME", "a;b", "[red]"])
def test_folders_of_any_name(run: Run, house: House, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    house.root.rename(folder)
    (folder / "handler.py").write_text("def predict(model, inputs): ...\n")
    said = run("build", "--local", "--", folder)
    assert said.code == 0, said.err
    assert str(folder / ".slsdeploy/dev-local/bundle") in said.out


def test_what_init_writes_is_accepted(run: Run, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my iris"
    said = run("init", folder, "--model", root / "iris.onnx", "--trigger", "http", "--trigger", "http")
    assert said.code == 0 and f"slsdeploy up '{folder}' --local" in said.out
    assert f"slsdeploy invoke '{folder}' --local --url --event '{folder}/event.json'" in said.out
    assert list(json.loads((folder / "event.json").read_text())["inputs"]) == ["x"]
    assert run("check", folder).code == 0
    assert run("init", folder, "--model", root / "iris.onnx").code == 2  # what is there is not overwritten


def test_a_schedule_that_init_writes_has_something_to_send(run: Run, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hourly"
    assert run("init", folder, "--model", root / "iris.onnx", "--trigger", "schedule").code == 0
    (trigger,) = tomllib.loads((folder / "slsdeploy.toml").read_text())["trigger"]
    assert trigger["input"] == json.loads((folder / "event.json").read_text())
    assert run("check", folder).code == 0
    (folder / "slsdeploy.toml").write_text('name = "hourly"\nmodel = "iris.onnx"\n[[trigger]]\ntype = "schedule"\n')
    said = run("build", "--local", folder)
    assert said.code == 2 and "a schedule without input sends an empty request" in said.err


def test_a_cache_that_cannot_be_written_is_not_needed_to_check(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(root / "iris.onnx", (1, 1))
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    assert run("check", root).code == 0


def test_the_project_may_be_elsewhere(run: Run, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert run("build", "../iris").code == 0
    assert list((tmp_path / "other").iterdir()) == []


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "S": f"{sys.executable} -m slsdeploy", **variables}
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = shell("$S schema | head -1; echo ${PIPESTATUS[0]}")
    assert (done.stdout.splitlines(), done.stderr) == (["{", "0"], "")


def test_no_colour_where_nobody_sees_it(tmp_path: Path) -> None:
    done = shell(f"cd {tmp_path} && $S check", FORCE_COLOR="", NO_COLOR="1")
    assert done.returncode == 2 and "\x1b" not in done.stdout + done.stderr


def test_no_home_at_all(tmp_path: Path, root: Path) -> None:
    done = shell(f"unset HOME XDG_STATE_HOME XDG_CACHE_HOME SLSDEPLOY_STATE_DIR; $S check {root} && $S local status")
    assert done.returncode == 0, done.stderr


def test_a_bug_comes_with_its_traceback_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError) as raised:
        raise KeyError("nobody thought of this")
    assert __main__.end(raised.value, ["check", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["type"] == "KeyError"
    assert "Traceback" in captured.err and "nobody thought of this" in captured.err
