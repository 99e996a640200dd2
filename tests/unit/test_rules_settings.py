"""The rules about the project's settings: what trips each beside its fixture project, at which line, and what does not."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from slsdeploy import rules
from slsdeploy.config import load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve
from slsdeploy.rules import Finding
from slsdeploy.rules.region import REGIONS
from tests import ruling

HEAD = 'name = "iris"\nmodel = "iris.onnx"\n'
HTTP = '[[trigger]]\ntype = "http"\n'
SQS = '[[trigger]]\ntype = "sqs"\n'


def found(root: Path, toml: str, handler: str = "", model: tuple[int, ...] = ()) -> list[Finding]:
    """Return what the rules find in a project whose slsdeploy.toml goes on so."""
    (root / "handler.py").unlink(missing_ok=True)
    ruling.write(root, HEAD + toml, {"handler.py": handler} if handler else {})
    if model:
        ruling.wide_model(root / "iris.onnx", *model)
    config, stage = load(root, overrides={}, environ={})
    project = resolve(config, root, stage=stage, local=False, shell=SystemShell())
    return rules.run(rules.subject(project))


def told(findings: list[Finding]) -> list[tuple[str, str, int]]:
    return [(each.rule, each.severity, each.line) for each in findings]


@pytest.mark.parametrize(
    "handler",
    [
        "def preprocess(request): ...",
        "def preprocess(request, /): ...",
        "def preprocess(*requests): ...",
        "def preprocess(request, strict=True, *, quiet=False, **rest): ...",
        "preprocess = lambda request: request",
        "import functools\npreprocess = functools.partial(print, 1)",
        "from steps import preprocess",
        "from steps import *",
        "import steps\npreprocess = steps.first",
        "class Steps:\n    def __call__(self, model, inputs): ...\npredict = Steps()",
        "class Steps(Base): ...\npredict = Steps()",
        "@wrapped\ndef predict(a, b, c, d): ...",
        "try:\n    from fast import predict\nexcept ImportError:\n    def predict(model, inputs): ...",
        "def predict(model): ...\nfrom better import predict",
        "class preprocess:\n    def __init__(self, request): ...",
        "class preprocess(dict): ...",
        "preprocess = postprocess = print",
        "def one(request): ...\npreprocess = one",
        "globals().update(preprocess=print)",
        "def __getattr__(name): ...",
    ],
)
def test_functions_that_fit(tmp_path: Path, handler: str) -> None:
    assert found(tmp_path, "", handler) == []


@pytest.mark.parametrize(
    ("handler", "line", "message"),
    [
        ("def preprocess(): ...", 1, "preprocess takes (), and is called with 1 argument"),
        ("# mine\ndef predict(inputs): ...", 2, "predict takes (inputs), and is called with 2 arguments"),
        ("def postprocess(outputs, more): ...", 1, "postprocess takes (outputs, more), and is called with 1 argument"),
        (
            "def postprocess(outputs, *, more): ...",
            1,
            "postprocess takes (outputs, more), and is called with 1 argument",
        ),
        ("async def predict(model, inputs): ...", 1, "predict is async, and nothing awaits it"),
        ("predict = None", 1, "predict is None, and no function"),
        ("predict = ['a']", 1, "predict is ['a'], and no function"),
        ("predict = lambda inputs: inputs", 1, "predict takes (inputs), and is called with 2 arguments"),
        ("def one(): ...\npreprocess = one", 2, "preprocess takes (), and is called with 1 argument"),
        ("class Steps: ...\npredict = Steps()", 2, "predict is a Steps, which has no __call__"),
        (
            "class Steps:\n    def __call__(self, inputs): ...\npredict = Steps()",
            3,
            "predict takes (inputs), and is called with 2 arguments",
        ),
        ("class predict: ...", 1, "predict is a class that takes no arguments: write predict = predict()"),
        ("def preproces(request): ...", 0, "the module has none of preprocess, predict, postprocess"),
    ],
)
def test_functions_that_do_not_fit(tmp_path: Path, handler: str, line: int, message: str) -> None:
    (finding,) = found(tmp_path, "", handler)
    assert (finding.rule, finding.path, finding.line, finding.message) == (
        "handler-functions",
        "handler.py",
        line,
        message,
    )


def test_a_misspelt_function_is_guessed(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "", "def preproces(request): ...")
    assert finding.hint == 'did you mean "preprocess"?'


def test_all_functions_are_judged_and_an_application_is_not(tmp_path: Path) -> None:
    handler = "def preprocess(): ...\ndef predict(): ...\napp = 1\n"
    assert [each.line for each in found(tmp_path, "", handler)] == [1, 2]
    assert found(tmp_path, 'handler = "handler:app"\n', handler) == []


@pytest.mark.parametrize(
    ("day", "python", "message"),
    [
        ("1840752000", "3.12", ""),  # the first of May 2028
        ("1843430400", "3.12", "Lambda deprecates Python 3.12 on 2028-10-31"),
        ("1861920000", "3.12", "Lambda deprecated Python 3.12 on 2028-10-31"),
        ("1861920000", "3.13", "Lambda deprecates Python 3.13 on 2029-06-30"),
        ("", "3.13", ""),
        ("tomorrow", "3.13", ""),
        ("9" * 20, "3.13", ""),
    ],
)
def test_python_ages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, python: str, message: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
    findings = found(tmp_path, f'python = "{python}"\n')
    assert [each.message for each in findings] == ([message] if message else [])


@pytest.mark.parametrize(
    ("requires", "rules_"),
    [
        (">=3.11", []),
        (">=3.13,<3.14", []),
        ("==3.13.*", []),
        (">=3.13.5", []),
        ("<3.13", ["python-requires"]),
        (">=3.14", ["python-requires"]),
        ("!=3.13.*", ["python-requires"]),
        ("none", []),
    ],
)
def test_requires_python(tmp_path: Path, requires: str, rules_: list[str]) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "iris"\nversion = "1"\nrequires-python = "{requires}"\n'
    )
    assert [each.rule for each in found(tmp_path, "")] == rules_


@pytest.mark.parametrize("text", ["[project\n", "project = 3\n", "[project]\nrequires-python = 3\n", ""])
def test_a_pyproject_that_says_nothing_of_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert found(tmp_path, "") == []


def test_visibility(tmp_path: Path) -> None:
    assert found(tmp_path, SQS) == []
    assert found(tmp_path, f"{SQS}visibility_timeout = 180\n") == []
    short = found(tmp_path, f"{SQS}visibility_timeout = 179\n")
    assert told(short) == [("queue-visibility", "error", 5)] and short[0].hint == "set it to 180, or leave it out"
    window = f"{SQS}maximum_batching_window_in_seconds = 20\n"
    assert told(found(tmp_path, f"{window}visibility_timeout = 199\n")) == [("queue-visibility", "warning", 6)]
    assert found(tmp_path, f"{window}visibility_timeout = 200\n") == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("rate(5 minutes)", ""),
        ("at(2030-01-31T12:00:00)", ""),
        ("cron(0 12 * * ? *)", ""),
        ("cron(0 12 ? * MON-FRI *)", ""),
        ("cron(0/15 8-18 ? * mon,WED 2026-2030)", ""),
        ("cron(0 0 L * ? *)", ""),
        ("cron(0 0 1W JAN,JUL ? *)", ""),
        ("cron(0 0 ? * 6#3 *)", ""),
        ("cron(0 0 ? * 5L *)", ""),
        ("cron(*/5 * * * ? *)", ""),
        ("cron(0 12 * * * *)", "exactly one of day of month and day of week must be ?"),
        ("cron(0 12 ? * ? *)", "exactly one of day of month and day of week must be ?"),
        ("cron(60 12 * * ? *)", "60 is no minutes: 0 to 59"),
        ("cron(0 24 * * ? *)", "24 is no hours: 0 to 23"),
        ("cron(0 12 0 * ? *)", "0 is no day of month: 1 to 31"),
        ("cron(0 12 1 13 ? *)", "13 is no month: 1 to 12, JAN to DEC"),
        ("cron(0 12 ? * 0 *)", "0 is no day of week: 1 to 7, SUN to SAT"),
        ("cron(0 12 ? * MONDAY *)", "MONDAY is no day of week: 1 to 7, SUN to SAT"),
        ("cron(0 12 ? * MON ?)", "? is no year: 1970 to 2199"),
        ("cron(0 , ? * MON *)", " is no hours: 0 to 23"),
    ],
)
def test_schedules(tmp_path: Path, expression: str, problem: str) -> None:
    trigger = f'[[trigger]]\ntype = "schedule"\nexpression = "{expression}"\ninput = {{ instances = [[1, 2]] }}\n'
    findings = found(tmp_path, trigger)
    assert [each.message for each in findings] == ([f"{expression}: {problem}"] if problem else [])
    assert all((each.rule, each.line) == ("schedule-expression", 5) for each in findings)


@pytest.mark.parametrize("via", ["url", "http_api", "rest_api"])
def test_who_may_call(tmp_path: Path, via: str) -> None:
    assert found(tmp_path, f'timeout = 20\n{HTTP}via = "{via}"\n') == []
    assert told(found(tmp_path, f'timeout = 20\n{HTTP}via = "{via}"\nauth = "none"\n')) == [
        ("public-url", "warning", 7)
    ]


@pytest.mark.parametrize(
    ("actions", "resources", "lines"),
    [
        ('"dynamodb:GetItem", "dynamodb:Query*"', '"arn:aws:dynamodb:*:*:table/iris"', []),
        ('"s3:GetObject"', '"arn:aws:s3:::iris/*"', []),
        ('"*"', '"arn:aws:s3:::iris/*"', [4]),
        ('"s3:*"', '"arn:aws:s3:::iris/*"', [4]),
        ('"s3:GetObject"', '"*"', [5]),
        ('"s3:GetObject"', '"arn:aws:s3:::iris/*", "arn:aws:s3:::*"', [5]),
    ],
)
def test_policies(tmp_path: Path, actions: str, resources: str, lines: list[int]) -> None:
    findings = found(tmp_path, f"[[policy]]\nactions = [{actions}]\nresources = [{resources}]\n")
    assert told(findings) == [("policy-wildcard", "warning", line) for line in lines]


@pytest.mark.parametrize(
    ("variable", "is_secret"),
    [
        ('DB_PASSWORD = "x"', True),
        ('TOKEN = "abc"', True),
        ('STRIPE_SECRET_KEY = "abc"', True),
        ('ANY = "AKIAIOSFODNN7EXAMPLE"', True),
        ('ANY = "-----BEGIN RSA PRIVATE KEY-----"', True),
        ('DATABASE = "postgres://iris:hunter2@host/db"', True),
        ('DATABASE = "postgres://host:5432/db"', False),
        ('DB_PASSWORD = ""', False),
        ('API_KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"', False),
        ('USE_TOKEN = "true"', False),
        ('MAX_TOKENS = "512"', False),
        ('SORT_KEY = "id"', False),
        ('PASSWORD_FILE = "/opt/password"', False),
    ],
)
def test_secrets(tmp_path: Path, variable: str, is_secret: bool) -> None:
    findings = found(tmp_path, f"[environment]\n{variable}\n")
    assert told(findings) == ([("environment-secret", "warning", 4)] if is_secret else [])
    assert not any("hunter2" in each.message + each.hint for each in findings)


def test_how_many_tags(tmp_path: Path) -> None:
    many = "".join(f'tag-{number} = "x"\n' for number in range(48))
    assert found(tmp_path, f"[tags]\n{many}") == []
    (finding,) = found(tmp_path, f'[tags]\n{many}more = "x"\n')
    assert (finding.rule, finding.severity, finding.hint) == ("tags", "error", "leave out 1")
    assert told(found(tmp_path, '[tags]\n"slsdeploy:name" = "x"\n')) == [("tags", "warning", 4)]
    assert told(found(tmp_path, '[tags]\nteam = "a\\tb"\n')) == [("tags", "error", 4)]
    assert found(tmp_path, '[tags]\n"äöü é/@" = "日本 1+1=2"\n') == []


def test_regions_are_those_that_botocore_knows(tmp_path: Path) -> None:
    session = boto3.session.Session()
    known = {
        name for part in session.get_available_partitions() for name in session.get_available_regions("lambda", part)
    }
    assert known <= REGIONS
    assert found(tmp_path, 'region = "eu-central-1"\n') == []
    (finding,) = found(tmp_path, 'region = "eu-central-9"\n')
    assert (finding.rule, finding.line) == ("region", 3) and finding.hint.startswith("did you mean")


def test_arns_of_the_function_s_own_region(tmp_path: Path) -> None:
    queue = f'{SQS}queue = "arn:aws:sqs:us-east-1:123456789012:orders"\n'
    assert found(tmp_path, queue) == []
    assert found(tmp_path, f'region = "us-east-1"\n{queue}') == []
    assert told(found(tmp_path, f'region = "us-west-2"\n{queue}')) == [("other-region", "error", 6)]


def test_batches(tmp_path: Path) -> None:
    assert found(tmp_path, f"max_batch = 10\n{SQS}") == []
    assert found(tmp_path, f"max_batch = 64\n{SQS}{HTTP}") == []
    assert found(tmp_path, "max_batch = 64\n") == []
    assert told(found(tmp_path, f"max_batch = 64\n{SQS}")) == [("batch-size", "note", 4)]


def test_payloads(tmp_path: Path) -> None:
    assert found(tmp_path, HTTP, model=(3, 224, 224)) == []
    assert told(found(tmp_path, HTTP, model=(3, 512, 512))) == [("payload-size", "note", 3)]  # 8.2 MiB as JSON
    assert told(found(tmp_path, HTTP, model=(3, 1024, 1024))) == [("payload-size", "warning", 3)]
    assert found(tmp_path, HTTP, "def preprocess(request): ...", model=(3, 1024, 1024)) == []
    assert told(found(tmp_path, SQS, model=(3, 224, 224))) == [("payload-size", "warning", 3)]
    assert found(tmp_path, '[[trigger]]\ntype = "s3"\n', model=(3, 1024, 1024)) == []
    many = found(tmp_path, f"max_batch = 1000\n{HTTP}", model=(1000,))
    assert told(many) == [("payload-size", "note", 4)] and "a request holds some 571 rows" in many[0].hint
    refused = found(tmp_path, 'large_answers = "refuse"\n', model=(3, 1024, 1024))
    assert told(refused) == [("payload-size", "warning", 3)]


def test_what_is_called_from_inside_of_a_network(tmp_path: Path) -> None:
    network = '[vpc]\nsubnets = ["subnet-1a"]\nsecurity_groups = ["sg-1"]\n'
    assert found(tmp_path, f"{HTTP}{network}") == []
    (finding,) = found(tmp_path, f'[secrets]\nA1 = "ssm:/a"\n{SQS}{network}')
    assert finding.message == "the function is in a VPC and calls SQS, SSM" and finding.severity == "note"
