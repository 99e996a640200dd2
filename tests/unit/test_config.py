"""`load` resolves every key's value, and says everything that is wrong with a file at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import jsonschema
import pytest

from slsdeploy.config import FILE, Config, json_schema, load
from slsdeploy.config.given import given
from slsdeploy.errors import ConfigError, Problem

FIRST = 'name = "iris"\nmodel = "iris.onnx"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Messages of a queue."""

    type: Literal["sqs"] = "sqs"
    queue: str | None = None
    batch_size: int = 10
    events: tuple[str, ...] = ("all",)
    output: Literal["queue", "bucket", "none"] = "queue"
    model: str | None = None

    def __post_init__(self) -> None:
        if self.batch_size > 10_000:
            raise ValueError(f"batch_size: found {self.batch_size}, expected at most 10000")
        if self.output == "none" and self.queue:
            raise ValueError("nothing goes into the queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A URL."""

    type: Literal["http"] = "http"
    auth: Literal["iam", "none"] = "iam"


def make_source(name: str, trigger: type) -> ModuleType:
    source = ModuleType(name)
    source.Trigger = trigger  # type: ignore[attr-defined]
    return source


SOURCES = {"http": make_source("http", Web), "sqs": make_source("sqs", Queue)}


class Folder:
    """A project folder to write files into and to load."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(
        self, text: str, *, stage: str | None = None, environ: Mapping[str, str] | None = None, **overrides: object
    ) -> tuple[Config, str]:
        (self.path / "slsdeploy.toml").write_text(text, encoding="utf-8")
        return load(self.path, stage=stage, overrides=overrides, environ=environ or {}, sources=SOURCES)

    def config(self, text: str, **options: Any) -> Config:
        return self.load(text, **options)[0]

    def problems(self, text: str, **options: Any) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **options)
        assert caught.value.where == str(self.path / "slsdeploy.toml")
        return list(caught.value.problems)

    def problem(self, text: str, **options: Any) -> Problem:
        problems = self.problems(text, **options)
        assert len(problems) == 1, problems
        return problems[0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_first_project_needs_a_name_a_model_and_a_trigger(folder: Folder) -> None:
    config, stage = folder.load(FIRST + '[[trigger]]\ntype = "http"\n')
    assert stage == "dev"
    assert (config.name, config.model, config.trigger) == ("iris", "iris.onnx", (Web(),))
    assert (config.python, config.architecture, config.memory, config.package) == ("3.13", "arm64", 1769, "auto")


def test_triggers_are_their_event_sources_own_dataclasses(folder: Folder) -> None:
    config = folder.config(FIRST + '[[trigger]]\ntype = "sqs"\nevents = ["a", "b"]\n[[trigger]]\ntype = "http"\n')
    assert config.trigger == (Queue(events=("a", "b")), Web())


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(folder: Folder) -> None:
    (folder.path / "slsdeploy.toml").write_bytes(b"\xef\xbb\xbf" + FIRST.replace("\n", "\r\n").encode())
    assert load(folder.path, overrides={}, environ={}, sources=SOURCES)[0].name == "iris"


class TestPrecedence:
    """Option, environment, stage, file, default."""

    STAGED = FIRST + "memory = 1000\n[stages.prod]\nmemory = 2000\n"

    def test_default(self, folder: Folder) -> None:
        assert folder.config(FIRST).memory == 1769

    def test_file_over_default(self, folder: Folder) -> None:
        assert folder.config(self.STAGED).memory == 1000

    def test_stage_over_file(self, folder: Folder) -> None:
        config, stage = folder.load(self.STAGED, stage="prod")
        assert (config.memory, stage) == (2000, "prod")

    def test_environment_over_stage(self, folder: Folder) -> None:
        assert folder.config(self.STAGED, stage="prod", environ={"SLSDEPLOY_MEMORY": "3000"}).memory == 3000

    def test_option_over_environment(self, folder: Folder) -> None:
        config = folder.config(self.STAGED, stage="prod", environ={"SLSDEPLOY_MEMORY": "3000"}, memory=4000)
        assert config.memory == 4000

    def test_an_option_that_is_not_given_and_an_empty_variable_say_nothing(self, folder: Folder) -> None:
        assert folder.config(self.STAGED, environ={"SLSDEPLOY_MEMORY": ""}, memory=None).memory == 1000

    def test_the_stage_itself(self, folder: Folder) -> None:
        environ = {"SLSDEPLOY_STAGE": "prod"}
        assert folder.load(self.STAGED, environ=environ)[1] == "prod"
        assert folder.load(self.STAGED, environ=environ, stage="dev")[1] == "dev"

    def test_numbers_that_are_words_stay_words(self, folder: Folder) -> None:
        assert folder.config(FIRST, environ={"SLSDEPLOY_PYTHON": "3.12"}).python == "3.12"

    def test_tables_of_a_stage_are_merged_and_arrays_replaced(self, folder: Folder) -> None:
        text = FIRST + 'include = ["a", "b"]\n[environment]\nAA = "1"\nBB = "2"\n[[trigger]]\ntype = "http"\n'
        text += '[stages.prod]\ninclude = ["c"]\nenvironment.BB = "3"\n[[stages.prod.trigger]]\ntype = "sqs"\n'
        config = folder.config(text, stage="prod")
        assert config.include == ["c"]
        assert config.environment == {"AA": "1", "BB": "3"}
        assert config.trigger == (Queue(),)
        assert folder.config(text).trigger == (Web(),)


def test_no_file_says_how_to_get_one(folder: Folder) -> None:
    with pytest.raises(ConfigError, match=r"no slsdeploy.toml here") as caught:
        load(folder.path, overrides={}, environ={}, sources=SOURCES)
    assert "slsdeploy init" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('name = "iris"\nmodel =\n', 2, "Invalid value: model ="),
        ('name = "iris"\nname = "rose"\n', 2, "Cannot overwrite a value"),
        ('name = "iris', 1, 'name = "iris'),
    ],
)
def test_not_toml(folder: Folder, text: str, line: int, message: str) -> None:
    problem = folder.problem(text)
    assert problem.line == line
    assert message in problem.message


def test_not_text(folder: Folder) -> None:
    (folder.path / "slsdeploy.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load(folder.path, overrides={}, environ={}, sources=SOURCES)


def test_an_empty_file_lacks_a_name_and_a_model(folder: Folder) -> None:
    assert [(problem.key, problem.line) for problem in folder.problems("")] == [("name", 0), ("model", 0)]


def test_every_problem_is_told_at_once_in_the_order_of_the_file(folder: Folder) -> None:
    text = """\
name = "Iris"
model = "iris.onnx"
memry = 512
timeout = "30"

[[trigger]]
type = "sqs"
batch_size = true

[[trigger]]
type = "htp"

[environment]
PORT = 80

[stages.prod]
architecture = "arm"
"""
    assert [(problem.key, problem.line) for problem in folder.problems(text)] == [
        ("name", 1),
        ("memry", 3),
        ("timeout", 4),
        ("trigger[0].batch_size", 8),
        ("trigger[1].type", 11),
        ("environment.PORT", 14),
        ("stages.prod.architecture", 17),
    ]


@pytest.mark.parametrize(
    ("line", "key", "message", "hint"),
    [
        ("memry = 512", "memry", 'unknown key "memry"', 'did you mean "memory"?'),
        ("arch = 1", "arch", 'unknown key "arch"', 'did you mean "architecture"?'),
        ("triggers = []", "triggers", 'unknown key "triggers"', 'did you mean "trigger"?'),
        ('memory = "512"', "memory", 'found "512"; expected a whole number from 128 to 10,240', "without quotes: 512"),
        ("memory = 64", "memory", "found 64; expected a whole number from 128 to 10,240", ""),
        ("memory = true", "memory", "found true; expected a whole number", ""),
        ("memory = 512.5", "memory", "found 512.5; expected a whole number", ""),
        ("memory = 1979-05-27", "memory", "found the date 1979-05-27; expected a whole number", ""),
        ("tags = 1979-05-27", "tags", "found the date 1979-05-27; expected a table of strings", ""),
        ("include = 07:32:00", "include", "found the time 07:32:00; expected an array of strings", ""),
        ("memory = { mb = 5 }", "memory", "found a table; expected a whole number", ""),
        ("python = 3.13", "python", 'found 3.13; expected one of "3.12"', 'in quotes: "3.13"'),
        ('python = "3.9"', "python", 'found "3.9"; expected one of "3.12", "3.13", "3.14"', ""),
        ('architecture = "X86_64"', "architecture", 'found "X86_64"', 'did you mean "x86_64"?'),
        ('architecture = "amd64"', "architecture", 'found "amd64"', 'did you mean "x86_64"?'),
        ('architecture = "x64"', "architecture", 'found "x64"', 'did you mean "x86_64"?'),
        ('architecture = "aarch64"', "architecture", 'found "aarch64"', 'did you mean "arm64"?'),
        ('python = "3.10"', "python", 'found "3.10"; expected one of "3.12", "3.13", "3.14"', ""),
        ('package = "zp"', "package", 'found "zp"', 'did you mean "zip"?'),
        ("log_retention = 31", "log_retention", "found 31; expected one of 1, 3, 5, 7, 14, 30", ""),
        ('handler = "src/handler.py"', "handler", 'write "src.handler"', ""),
        ('handler = "app:"', "handler", "expected a Python module", ""),
        ('handler = "app:create.app"', "handler", "expected a Python module", ""),
        ('handler = "my handler"', "handler", "expected a Python module", ""),
        ('region = "Frankfurt"', "region", 'expected a region, as in "eu-central-1"', ""),
        ("requirements = [1]", "requirements[0]", "found 1; expected a string", 'in quotes: "1"'),
        ("requirements = 1", "requirements", "found 1; expected a string or an array of strings", ""),
        ('include = "data"', "include", 'found "data"; expected an array of strings', ""),
        ('tags = { "aws:x" = "1" }', "tags.aws:x", "reserved", ""),
        ('secrets = { KEY = "hunter2" }', "secrets.KEY", "expected the ARN", ""),
        ('environment = { AWS_REGION = "x" }', "environment.AWS_REGION", "https://docs.aws.amazon.com/", ""),
        ('environment = { _HANDLER = "x" }', "environment._HANDLER", "reserved", ""),
        ('environment = { AWS_LAMBDA_FUNCTION_NAME = "x" }', "environment.AWS_LAMBDA_FUNCTION_NAME", "reserved", ""),
        ('environment = { SLSDEPLOY_STAGE = "x" }', "environment.SLSDEPLOY_STAGE", "reserved", ""),
        ('environment = { "A B" = "x" }', "environment.A B", 'found the name "A B"; expected letters', ""),
        ('models = { a = { path = "a.onnx" } }', "models", "there is `model` too", ""),
        ('idempotent = "yes"', "idempotent", 'found "yes"; expected true or false or a table', ""),
        ("idempotent = 86400", "idempotent", "found 86400; expected true or false or a table", ""),
        (
            "idempotent = { expires_after_second = 900 }",
            "idempotent.expires_after_second",
            'unknown key "expires_after_second"',
            'did you mean "expires_after_seconds"?',
        ),
        (
            "idempotent = { expires_after_seconds = 899 }",
            "idempotent.expires_after_seconds",
            "found 899; expected a whole number from 900 to 31,536,000",
            "",
        ),
        ("stages = 1", "stages", "found 1; expected a table", ""),
        ("stages.prod = 1", "stages.prod", "found 1; expected a table", ""),
        ("stages.Prod = {}", "stages.Prod", 'found the stage "Prod"', ""),
        ("stages.prod.stages = {}", "stages.prod.stages", 'unknown key "stages"', ""),
        ("trigger = { }", "trigger", "found a table; expected [[trigger]]", ""),
        ("trigger = [1]", "trigger[0]", "found 1; expected a table", ""),
    ],
)
def test_a_problem_names_the_key_the_line_and_what_is_expected(
    folder: Folder, line: str, key: str, message: str, hint: str
) -> None:
    problem = folder.problem(FIRST + line)
    assert (problem.key, problem.line) == (key, 3)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ('"/tmp/iris.onnx"', "inside the project folder"),
        ('"../iris.onnx"', "inside the project folder"),
        ('"a\\\\iris.onnx"', "with / between"),
        ("3", "found 3; expected a path"),
    ],
)
def test_the_model_is_a_path_inside_the_project(folder: Folder, model: str, expected: str) -> None:
    assert expected in folder.problem(f'name = "iris"\nmodel = {model}\n').message


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ("", None),
        ("idempotent = false", None),
        ("idempotent = true", 86400),
        ("idempotent = {}", 86400),
        ("idempotent = { expires_after_seconds = 900 }", 900),
        ("idempotent = true\n[stages.dev]\nidempotent = { expires_after_seconds = 1000 }", 1000),
        ("idempotent = { expires_after_seconds = 1000 }\n[stages.dev]\nidempotent = false", None),
    ],
)
def test_for_how_long_what_was_answered_is_remembered(folder: Folder, lines: str, seconds: int | None) -> None:
    assert folder.config(FIRST + lines).idempotency_seconds == seconds


def test_several_models(folder: Folder) -> None:
    config = folder.config(
        'name = "zoo"\n[models.cat]\npath = "cat.onnx"\n[models.dog]\npath = "d.onnx"\nversion = "2"'
    )
    assert {name: (str(model.path), model.version) for name, model in config.models.items()} == {
        "cat": ("cat.onnx", "1"),
        "dog": ("d.onnx", "2"),
    }


def test_problems_of_several_models(folder: Folder) -> None:
    text = 'name = "zoo"\n[models.cat]\npth = "cat.onnx"\n[models."the dog"]\npath = "d.onnx"\n'
    assert [(problem.key, problem.line, problem.hint) for problem in folder.problems(text)] == [
        ("models.cat.path", 2, ""),
        ("models.cat.pth", 3, 'did you mean "path"?'),
        ("models.the dog", 4, ""),
    ]


@pytest.mark.parametrize(
    ("options", "key", "message", "hint"),
    [
        ('type = "sqz"', "trigger[0].type", 'found "sqz"; expected one of "http", "sqs"', 'did you mean "sqs"?'),
        ("type = 3", "trigger[0].type", 'found 3; expected one of "http", "sqs"', ""),
        ("batch_size = 3", "trigger[0].type", 'is missing; expected one of "http", "sqs"', 'type = "http"'),
        ('type = "sqs"\nbatch_sise = 3', "trigger[0].batch_sise", "has no option", 'did you mean "batch_size"?'),
        ('type = "sqs"\nmemory = 3', "trigger[0].memory", "has no option", "move it above the first [table]"),
        ('type = "sqs"\nbatch_size = "3"', "trigger[0].batch_size", "expected a whole number", "without quotes: 3"),
        ('type = "sqs"\noutput = "quee"', "trigger[0].output", 'one of "queue", "bucket"', 'did you mean "queue"?'),
        ('type = "sqs"\nevents = [1]', "trigger[0].events[0]", "found 1; expected a string", ""),
        ('type = "sqs"\nbatch_size = 10001', "trigger[0].batch_size", "found 10001, expected at most 10000", ""),
        ('type = "sqs"\nqueue = "q"\noutput = "none"', "trigger[0]", "nothing goes into the queue", ""),
    ],
)
def test_options_of_a_trigger(folder: Folder, options: str, key: str, message: str, hint: str) -> None:
    problem = folder.problem(f"{FIRST}[[trigger]]\n{options}\n")
    assert (problem.key, problem.line) == (
        key,
        3 if key == "trigger[0]" or "missing" in message else 2 + len(options.splitlines()) + 1,
    )
    assert message in problem.message
    assert hint in problem.hint


def test_values_from_elsewhere_say_where_from(folder: Folder) -> None:
    problems = folder.problems(FIRST, environ={"SLSDEPLOY_MEMORY": "lots"}, architecture="arm")
    assert [problem.message.split(":")[0] for problem in problems] == ["--set architecture", "SLSDEPLOY_MEMORY"]
    assert [problem.line for problem in problems] == [0, 0]


def test_problems_of_stages_that_were_not_asked_for_are_told_too(folder: Folder) -> None:
    problem = folder.problem(FIRST + "[stages.prod]\nmemory = 1\n", stage="dev")
    assert (problem.key, problem.line) == ("stages.prod.memory", 4)


def test_a_problem_that_stages_share_is_told_once(folder: Folder) -> None:
    assert folder.problem(FIRST + "memory = 1\n[stages.prod]\ntimeout = 3\n[stages.test]\n").line == 3


@pytest.mark.parametrize("stage", ["dev", "pr-12", "prod-eu", "demo"])
def test_a_stage_need_not_be_in_the_file(folder: Folder, stage: str) -> None:
    assert folder.load(FIRST + "[stages.prod]\n", stage=stage)[1] == stage


def test_a_misspelt_stage(folder: Folder) -> None:
    problem = folder.problem(FIRST + "[stages.staging]\n", stage="stagng")
    assert (problem.message, problem.hint) == (
        'unknown stage "stagng"',
        'did you mean "staging"? If not, add an empty [stages.stagng]',
    )


def test_a_variable_in_environment_and_secrets(folder: Folder) -> None:
    text = FIRST + 'environment.KEY = "1"\nsecrets.KEY = "ssm:/key"\n'
    assert folder.problem(text).key == "secrets.KEY"


class TestSchema:
    """The JSON Schema accepts what `load` accepts."""

    def test_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(json_schema(SOURCES))

    @pytest.mark.parametrize(
        "extra",
        [
            {},
            {"trigger": [{"type": "sqs", "events": ["a"]}, {"type": "http", "auth": "none"}]},
            {"stages": {"prod": {"memory": 512, "trigger": [{"type": "http"}]}}},
        ],
    )
    def test_accepts(self, extra: dict[str, Any]) -> None:
        jsonschema.validate({"name": "iris", "model": "a.onnx", **extra}, json_schema(SOURCES))

    @pytest.mark.parametrize(
        "extra",
        [
            {"memry": 512},
            {"memory": "512"},
            {"trigger": [{"type": "sqs", "auth": "none"}]},
            {"trigger": [{"batch_size": 3}]},
            {"models": {"a": {"path": "b"}}},
            {"stages": {"prod": {"memry": 512}}},
        ],
    )
    def test_refuses(self, extra: dict[str, Any]) -> None:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"name": "iris", "model": "a.onnx", **extra}, json_schema(SOURCES))

    def test_every_key_is_described(self) -> None:
        assert [key for key, value in json_schema(SOURCES)["properties"].items() if not value.get("description")] == []

    def test_is_plain_json(self) -> None:
        json.dumps(json_schema(SOURCES))


class TestServing:
    """What fallbacks and triggers name."""

    MODELS = """name = "shop"
[models.wine]
path = "wine.onnx"
fallback = "small"
[models.small]
path = "small.onnx"
[models.other]
path = "other.onnx"
fallback = { outputs = { label = 0 } }
"""

    def test_models_that_are_there(self, folder: Folder) -> None:
        config = folder.config(self.MODELS + '[[trigger]]\ntype = "sqs"\nmodel = "small"\n')
        assert config.models["wine"].fallback == "small"
        assert config.trigger == (Queue(model="small"),)
        assert folder.config(FIRST + '[[trigger]]\ntype = "sqs"\nmodel = "iris"\n').trigger == (Queue(model="iris"),)

    def test_all_that_is_wrong_at_once_with_its_lines(self, folder: Folder) -> None:
        text = self.MODELS.replace('fallback = "small"', 'fallback = "smal"')
        found = folder.problems(text + '[[trigger]]\ntype = "sqs"\nmodel = "whine"\n')
        assert [(each.key, each.line, each.message, each.hint) for each in found] == [
            ("models.wine.fallback", 4, 'found "smal"; expected "small" or "other"', 'did you mean "small"?'),
            (
                "trigger[0].model",
                12,
                'found "whine"; expected "wine" or "small" or "other"',
                'did you mean "wine"?',
            ),
        ]

    def test_a_circle_is_complained_of_once(self, folder: Folder) -> None:
        text = self.MODELS.replace('"small.onnx"', '"small.onnx"\nfallback = "other"')
        text = text.replace("fallback = { outputs = { label = 0 } }", 'fallback = "small"')
        problem = folder.problem(text)
        assert (problem.key, problem.line) == ("models.small.fallback", 7)
        assert problem.message == "leads back to itself (small -> other -> small)"

    def test_a_model_is_not_its_own_fallback(self, folder: Folder) -> None:
        problem = folder.problem(self.MODELS.replace('fallback = "small"', 'fallback = "wine"'))
        assert problem.message == "leads back to itself (wine -> wine)"

    def test_a_stage_is_looked_at_as_well(self, folder: Folder) -> None:
        problem = folder.problem(self.MODELS + '[stages.prod.models.small]\nfallback = "wine"\n')
        assert (problem.key, problem.line) == ("models.wine.fallback", 4)


class TestFileSystems:
    """A model on a file system needs one that is mounted there, and a network."""

    VPC = '[vpc]\nsubnets = ["subnet-0a"]\nsecurity_groups = ["sg-0a"]\n'
    SYSTEM = (
        '[file_system]\narn = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"\n'
    )

    def test_is_accepted_with_both(self, folder: Folder) -> None:
        found, _ = folder.load('name = "iris"\nmodel = "efs:/mnt/models/iris.onnx"\n' + self.VPC + self.SYSTEM)
        assert found.file_system and found.file_system.mount == "/mnt/models"

    def test_needs_a_file_system(self, folder: Folder) -> None:
        found = folder.problem('name = "iris"\n[models.a]\npath = "efs:/mnt/models/iris.onnx"\n')
        assert found.key == "models.a.path" and "expected [file_system]" in found.message

    def test_needs_the_one_that_is_mounted_there(self, folder: Folder) -> None:
        found = folder.problem('name = "iris"\nmodel = "efs:/mnt/data/iris.onnx"\n' + self.VPC + self.SYSTEM)
        assert found.key == "model"
        assert "expected a file below /mnt/models" in found.message

    def test_needs_a_network(self, folder: Folder) -> None:
        found = folder.problem('name = "iris"\nmodel = "efs:/mnt/models/iris.onnx"\n' + self.SYSTEM)
        assert found.key == "file_system" and "expected [vpc]" in found.message

    @pytest.mark.parametrize(
        "model", ["s3://weights/a/..", "s3://weights/folder/", "s3://B/k", f"s3://weights/{'x' * 256}", "gs://b/k"]
    )
    def test_what_cannot_be_a_file_is_refused(self, folder: Folder, model: str) -> None:
        found = folder.problem(f'name = "iris"\nmodel = "{model}"\n')
        assert found.key == "model" and "expected a file of the project, s3://BUCKET/KEY" in found.message


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("python", "3.12", "3.12"),
        ("name", "123", "123"),
        ("name", '"quoted"', "quoted"),
        ("memory", " 0512 ", 512),
        ("snap_start", "true", True),
        ("include", '["*.csv", "data/"]', ["*.csv", "data/"]),
        ("requirements", "needs.txt", "needs.txt"),
        ("requirements", '["pandas"]', ["pandas"]),
        ("environment", '{ A = "1" }', {"A": "1"}),
        ("handler", "app:app", "app:app"),
        ("region", "x\nname = 'y'", "x\nname = 'y'"),
        ("region", "", ""),
    ],
)
def test_an_option_is_toml_or_a_word(key: str, text: str, value: object) -> None:
    assert given({key: text}, {}).values == {key: value}


def test_an_option_adds_to_a_table_and_replaces_an_array(folder: Folder) -> None:
    config, _ = folder.load(
        'name = "iris"\nmodel = "m.onnx"\ninclude = ["a"]\n[environment]\nAA = "1"\n',
        environment='{ BB = "2" }',
        include='["b"]',
    )
    assert config.environment == {"AA": "1", "BB": "2"} and config.include == ["b"]


@pytest.mark.parametrize(
    ("toml", "seconds"),
    [
        ('[[trigger]]\ntype = "http"\n', 30),
        ('[[trigger]]\ntype = "http"\nvia = "http_api"\n', 30),
        ('[[trigger]]\ntype = "http"\nvia = "rest_api"\n', 29),
        ('timeout = 60\n[[trigger]]\ntype = "http"\nvia = "rest_api"\n', 60),
    ],
)
def test_the_default_timeout_is_not_longer_than_the_trigger_waits(tmp_path: Path, toml: str, seconds: int) -> None:
    (tmp_path / FILE).write_text(f'name = "iris"\nmodel = "m.onnx"\n{toml}')
    assert load(tmp_path, overrides={}, environ={})[0].timeout == seconds


def test_a_table_of_an_option_is_not_blamed_for_what_the_file_adds(folder: Folder) -> None:
    told = folder.problems('name = "iris"\nmodel = "m.onnx"\n[environment]\n1A = "1"\n', environment='{ 1B = "2" }')
    assert [(problem.key, problem.line) for problem in told] == [("environment.1B", 0), ("environment.1A", 4)]
    assert [problem.message.startswith("--set environment: ") for problem in told] == [True, False]


def test_nor_is_one_within_it(folder: Folder) -> None:
    told = folder.problem(
        'name = "iris"\n[models.m]\npath = "m.onnx"\noptimize = "fast"\n', models="{ m = { max_batch = 3 } }"
    )
    assert (told.key, told.line) == ("models.m.optimize", 4) and not told.message.startswith("--set")
