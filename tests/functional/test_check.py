"""The preflight through the whole command line: what is shown, what stops, with which exit code, and what is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slsdeploy import __main__
from slsdeploy.config import FILE
from tests import wheelhouse
from tests.building import save_model

PLAIN = 'name = "iris"\nmodel = "iris.onnx"\n'
WARNING = f'{PLAIN}timeout = 60\n\n[[trigger]]\ntype = "http"\nvia = "http_api"\n'
ERROR = f"{PLAIN}snap_start = true\nephemeral_storage = 1024\n"
NOTE = f'{PLAIN}requirements = ["flywheel"]\n'


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


Run = Callable[..., Said]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "iris"
    folder.mkdir()
    save_model(folder / "iris.onnx")
    return folder


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    wheelhouse.use(tmp_path, monkeypatch)

    def run(toml: str, command: str, *words: str) -> Said:
        (root / FILE).write_text(toml)
        with pytest.raises(SystemExit) as ended:
            __main__.main([command, str(root), *words])
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_a_clean_project(run: Run) -> None:
    said = run(PLAIN, "check")
    assert (said.code, said.out) == (0, "✓ nothing to complain about\n")


def test_findings_are_aligned_the_worst_first_with_their_lines(run: Run) -> None:
    said = run(f'{ERROR}timeout = 60\n\n[[trigger]]\ntype = "http"\nvia = "http_api"\n', "check")
    lines = said.out.splitlines()
    assert lines[0].startswith("error    snap-start   slsdeploy.toml:4  snap_start does not go with ephemeral_storage")
    assert lines[1].strip() == "hint: leave out one of the two"
    assert lines[2].startswith('warning  api-timeout  slsdeploy.toml:9  via = "http_api" ends a request after 30 s')
    assert lines[-1] == "1 error, 1 warning; `slsdeploy explain snap-start` says more"
    assert said.code == 2


@pytest.mark.parametrize(
    ("toml", "words", "code"),
    [
        (WARNING, [], 0),
        (WARNING, ["--fail-on", "warning"], 7),
        (WARNING, ["--fail-on", "note"], 7),
        (WARNING, ["--fail-on", "error"], 0),
        (WARNING, ["--fail-on", "warning", "--ignore", "api-timeout"], 0),
        (ERROR, [], 2),
        (ERROR, ["--fail-on", "note"], 2),
        (ERROR, ["--ignore", "snap-start"], 0),
        (f'{WARNING}[check]\nfail_on = "warning"\n', [], 7),
        (f'{WARNING}[check]\nfail_on = "warning"\n', ["--fail-on", "error"], 0),
        (f'{WARNING}[check]\nfail_on = "warning"\nignore = ["api-timeout"]\n', [], 0),
        (f'{WARNING}[check]\nfail_on = "warning"\n[stages.dev.check]\nfail_on = "error"\n', [], 0),
        (f'{WARNING}[check]\nfail_on = "warning"\n[stages.prod.check]\nfail_on = "error"\n', [], 7),
        (f'{WARNING}[check]\nfail_on = "warning"\n[stages.prod.check]\nfail_on = "error"\n', ["--stage", "prod"], 0),
    ],
)
def test_what_stops_and_what_does_not(run: Run, toml: str, words: list[str], code: int) -> None:
    said = run(toml, "check", "--json", *words)
    assert (said.code, said.document["exit_code"]) == (code, code)
    if not words:
        assert run(toml, "build").code == code


def test_a_rule_that_is_ignored_finds_nothing(run: Run) -> None:
    assert run(ERROR, "check", "--json", "--ignore", "snap-start").document["problems"] == []
    both = run(f'{ERROR}[check]\nignore = ["snap-start"]\n', "check", "--json", "--ignore", "api-timeout")
    assert both.document["problems"] == []


def test_a_rule_that_there_is_not(run: Run) -> None:
    said = run(PLAIN, "check", "--ignore", "snapstart")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        'error: there is no rule "snapstart"',
        "where: --ignore",
        'hint: did you mean "snap-start"?',
    ]
    said = run(f'{PLAIN}[check]\nignore = ["api-timeout", "snapstart"]\n', "build", "--json")
    (problem,) = said.document["error"]["problems"]
    assert said.code == 2
    assert problem == {
        "key": "check.ignore[1]",
        "line": 4,
        "message": 'there is no rule "snapstart"; did you mean "snap-start"?',
        "hint": "",
    }
    said = run(f'{PLAIN}[stages.prod.check]\nignore = ["zzz"]\n', "check")
    assert 'there is no rule "zzz"; `slsdeploy explain` lists them' in said.err


def test_a_bad_value_of_fail_on(run: Run) -> None:
    assert run(PLAIN, "check", "--fail-on", "warnings").code == 2
    said = run(f'{PLAIN}[check]\nfail_on = "warnings"\n', "check")
    assert 'check.fail_on  found "warnings"; expected one of "error", "warning", "note"' in said.err
    assert 'did you mean "warning"?' in said.err


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_build_shows_warnings_in_a_line_each_on_standard_error(run: Run, words: tuple[str, ...]) -> None:
    said = run(WARNING, "build", *words)
    assert said.code == 0
    (line,) = [line for line in said.err.splitlines() if line.startswith("!")]
    assert line.startswith('! slsdeploy.toml:7: via = "http_api" ends a request') and line.endswith("[api-timeout]")
    assert "api-timeout" not in said.out


def test_a_gate_says_that_it_is_one(run: Run) -> None:
    last = run(WARNING, "check", "--fail-on", "warning").out.splitlines()[-1]
    assert last == "1 warning; fail_on lets this not through; `slsdeploy explain api-timeout` says more"


def test_build_stops_before_anything_is_made_when_fail_on_says_so(run: Run, root: Path) -> None:
    said = run(WARNING, "build", "--fail-on", "warning", "--json")
    assert (said.code, said.document["error"]["type"]) == (7, "GateError")
    assert said.document["error"]["message"].endswith('the function has 60 s (api-timeout; fail_on = "warning")')
    assert said.document["error"]["where"] == "slsdeploy.toml:7"
    assert not (root / "slsdeploy.lock").exists() and not list(root.rglob("bundle*"))


def test_rules_about_a_bundle_wait_for_one_and_then_look_at_it(run: Run, tmp_path: Path) -> None:
    from tests.rules import direct_upload

    direct_upload.wheels(tmp_path / "index")
    said = run(NOTE, "check", "--json")
    assert said.document["problems"] == [] and "direct-upload" in said.document["waiting"]
    assert "for a bundle: `slsdeploy build " in said.err
    said = run(NOTE, "build")
    assert said.code == 0 and "direct-upload" not in said.err + said.out  # a note
    said = run(NOTE, "check", "--json")
    assert said.document["waiting"] == [] and said.err == ""
    assert "direct-upload" in [problem["rule"] for problem in said.document["problems"]]
    found = {problem["rule"] for problem in said.document["problems"]}
    others = [word for rule in found - {"direct-upload"} for word in ("--ignore", rule)]
    assert run(NOTE, "build", "--fail-on", "note", *others).code == 7
    assert run(NOTE, "build", "--fail-on", "note", *others, "--ignore", "direct-upload").code == 0


def test_format_json_is_json(run: Run) -> None:
    assert run(WARNING, "check", "--format", "json").document == run(WARNING, "check", "--json").document
    assert run('name = "iris"\n', "check", "--format", "json").document["error"]["type"] == "ConfigError"
    assert run(PLAIN, "check", "--format", "xml").code == 2


def test_explain(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def explain(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            __main__.main(["explain", *words])
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    said = explain("snap-start").out
    assert said.startswith("snap-start error, looks at the project\n\nSnapStart is on, together with")
    for part in (
        "\nWhy. A snapshot",
        "\nHow to mend it. Leave out",
        "\n    ephemeral_storage = 1024\n",
        "\nhttps://docs.aws",
    ):
        assert part in said
    said = explain("snap-start", "--json").out
    assert json.loads(said)["example"] == "snap_start = true\nephemeral_storage = 1024"
    rows = explain().out.splitlines()
    assert "api-timeout" in rows[0]
    columns = [re.match(r"\S+ +(?:error|warning|note) +(?=(?:project|bundle) )", row) for row in rows]
    assert len({found and found.end() for found in columns}) == 1
    assert len(json.loads(explain("--json").out)["rules"]) == len(rows)
    assert "an S3 trigger whose results would trigger it again" in explain("configuration").out
    unknown = explain("snapstart")
    assert (unknown.code, unknown.out) == (2, "")
    assert 'did you mean "snap-start"?' in unknown.err


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", ["plan", "up"])
def test_without_a_region_the_preflight_speaks_first(run: Run, command: str) -> None:
    said = run(WARNING, command)
    assert said.code == 5 and said.err.index("[api-timeout]") < said.err.index("error: there is no AWS region here")
    said = run(ERROR, command)
    assert (
        said.code == 2
        and "error: snap_start does not go with" in said.err
        and "  and there is no AWS region here" in said.err
    )
    assert "hint: leave out one of the two; and set `region" in said.err


@pytest.mark.parametrize("command", ["build", "template"])
def test_a_warning_is_told_once(run: Run, command: str) -> None:
    assert run(WARNING, command).err.count("[api-timeout]") == 1


def test_sarif_is_json_of_its_own(run: Run) -> None:
    said = run(PLAIN, "check", "--format", "sarif", "--json")
    assert said.code == 2 and "not both" in said.document["error"]["message"]
