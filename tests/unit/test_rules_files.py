"""The finer points of the rules about files: what is an error, what is let be, how names are told."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import rules
from slsdeploy.bundle.model import inspect
from slsdeploy.config import FILE, load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError
from slsdeploy.project import resolve
from slsdeploy.rules import Finding
from tests import elf, ruling

HANDLER = "def postprocess(outputs):\n    return outputs\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def findings(root: Path, toml: str = "", files: dict[str, str] | None = None, **more: bytes) -> list[Finding]:
    text = f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "arm64"\n{toml}'
    ruling.write(root, text, files)
    for name, content in more.items():
        (root / name.replace("__", ".")).write_bytes(content)
    config, stage = load(root, overrides={}, environ={})
    project = resolve(config, root, stage=stage, local=False, shell=SystemShell())
    return rules.run(rules.subject(project))


def told(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.rule, each.severity, each.place) for each in found]


ALL = 'include = ["*"]\nexclude = ["iris.onnx"]\n'


def test_a_lone_access_key_id_is_a_warning(root: Path) -> None:
    known = "AKIA" + "".join(random.Random(1).choices("ABCDEFGHIJ234567", k=16))
    secret = "".join(random.Random(2).choices(string.ascii_letters, k=40))
    assert told(findings(root, ALL, {"a.py": f"# one\nKEY = '{known}'\n"})) == [("shipped-secret", "warning", "a.py:2")]
    text = f"[default]\naws_access_key_id = {known}\naws_secret_access_key = {secret}\n"
    found = findings(root, ALL, {"a.py": "", "a.ini": text})
    assert told(found) == [("shipped-secret", "error", "a.ini:3"), ("shipped-secret", "warning", "a.ini:2")]
    assert not any(word in f"{each.message} {each.hint}" for each in found for word in (known[4:], secret))


def test_what_does_not_ship_is_not_looked_into(root: Path) -> None:
    files = {".env": "A=1\n", "keys/id_rsa": "x\n", "notes.ipynb": "{}", "tests/id_rsa": "x"}
    assert findings(root, 'include = ["data/*"]\n', {**files, "data/a.txt": "a"}) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("prod.env", True),
        (".envrc", True),
        ("app.env.local", True),
        ("environment.py", False),
        ("sample.env.example", False),
    ],
)
def test_files_of_variables(root: Path, name: str, is_one: bool) -> None:
    found = findings(root, ALL, {name: "A = 1\n"})
    assert told(found) == ([("env-file", "warning", name)] if is_one else [])


def test_a_pattern_for_what_never_ships(root: Path) -> None:
    found = findings(root, 'include = ["data/*", ".env"]\n', {".env": "A=1\n", "data/a.txt": "a"})
    assert told(found) == [("env-file", "warning", "slsdeploy.toml:4")]
    assert "never ship" in found[0].message


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("model.pt", 10, "a model of a training framework"),
        ("old.onnx", 10, "a model that the project does not serve"),
        ("all.tar.gz", 10, "an archive"),
        ("table.parquet", 1000, ""),
        ("table.parquet", 6 * 1024**2, "a database or a data set"),
        ("words.txt", 19 * 1024**2, ""),
        ("words.txt", 21 * 1024**2, "a large file"),
        ("scaler.joblib", 1000, ""),
    ],
)
def test_what_a_function_hardly_needs(root: Path, path: str, size: int, expected: str) -> None:
    (root / path).touch()
    with (root / path).open("r+b") as file:
        file.truncate(size)
    found = findings(root, ALL)
    assert [each.rule for each in found] == (["unexpected-file"] if expected else [])
    assert not expected or expected in found[0].message


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("random.py", "error"),
        ("numpy/__init__.py", "error"),
        ("onnxruntime.py", "error"),
        ("this.py", "warning"),
        ("app/random.py", None),
        ("random/notes.py", None),
        ("mine.py", None),
    ],
)
def test_modules_that_stand_in_the_way(root: Path, path: str, expected: str | None) -> None:
    found = findings(root, "", {"handler.py": HANDLER, path: "X = 1\n"})
    assert told(found) == ([("module-shadows", expected, path)] if expected else [])


def test_the_runtimes_places_are_its_own(root: Path) -> None:
    found = findings(
        root,
        ALL,
        {"handler.py": HANDLER, "slsdeploy.json": "{}", "slsdeploy_runtime/a.py": "", "slsdeploy_runtime/b.py": ""},
    )
    assert sorted(each.rule for each in found) == ["reserved-module"] * 2


@pytest.mark.parametrize(
    ("toml", "severities"), [("", ["warning", "note"]), ("snap_start = true\n", ["warning", "warning"])]
)
def test_the_clock_and_chance_at_import(root: Path, toml: str, severities: list[str]) -> None:
    text = (
        "import time, uuid\nNOW = time.time()\nID = uuid.uuid4()\n\ndef postprocess(outputs):\n    return time.time()\n"
    )
    found = findings(root, toml, {"handler.py": text, "unused.py": "import time\nX = time.time()\n"})
    assert [(each.rule, each.severity) for each in found] == [("clock-at-import", severity) for severity in severities]
    assert [each.place for each in found] == ["handler.py:2", "handler.py:3"]


def test_binaries_of_the_project(root: Path) -> None:
    arm, x86 = elf.shared_object(elf.AARCH64), elf.shared_object(elf.X86_64)
    objects = {"a__so": x86, "b__dll": b"MZ" + bytes(9), "c__so": b"", "d__so": b"text", "tool": x86, "good__so": arm}
    found = findings(root, ALL, None, **objects)
    assert {(each.severity, each.path) for each in found} == {
        *(("error", "a.so"), ("warning", "b.dll"), ("warning", "c.so"), ("warning", "d.so"), ("warning", "tool")),
    }
    assert {each.rule for each in found} == {"project-binary"}


def test_binaries_for_several_systems_lie_side_by_side(root: Path) -> None:
    arm, x86 = elf.shared_object(elf.AARCH64), elf.shared_object(elf.X86_64)
    for tag, content in (("x86_64", x86), ("aarch64", arm), ("darwin", b"\xcf\xfa\xed\xfe" + bytes(9))):
        (root / f"fast.cpython-313-{tag}.so").write_bytes(content)
    assert findings(root, ALL) == []


def test_names_are_told_so_that_a_terminal_shows_them(root: Path) -> None:
    (root / "a\x1b[31m\n.env").write_text("")
    found = findings(root, ALL)
    assert {each.rule for each in found} == {"env-file", "file-name"}
    assert all(each.message.isprintable() and each.place == "a\\x1b[31m\\n.env" for each in found)


def test_all_that_is_wrong_with_weights_is_told(root: Path) -> None:
    ruling.large_model(root / "big.onnx", 1)
    (root / "big.data").write_bytes(bytes(10))
    text = 'name = "iris"\n[models.big]\npath = "big.onnx"\n'
    (root / FILE).write_text(text)
    config, stage = load(root, overrides={}, environ={})
    project = resolve(config, root, stage=stage, local=False, shell=SystemShell())
    (found,) = rules.run(rules.subject(project))
    assert (found.rule, found.path) == ("external-data", "big.onnx")
    assert '"big.data", which holds the model\'s weights, is cut short: 10 bytes of 1,048,576' in found.message
    with pytest.raises(ProjectError, match="cut short"):
        inspect(root / "big.onnx")


def test_what_a_model_says_of_its_versions(root: Path) -> None:
    ruling.write(root, "")
    info: Any = inspect(root / "iris.onnx")
    assert (info.opset, info.ml_opset, info.ir_version) == (17, 0, 8)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('include = ["data/labels.csv", "*.txt", "!data/old.txt", "data/", "linked/*.csv"]', []),
        ('include = ["lables.csv"]', [("include", "warning", 'did you mean "labels.csv"?')]),
        ('include = ["data/lables.csv"]', [("include", "warning", 'did you mean "data/labels.csv"?')]),
        ('include = ["*.json"]', [("include", "warning", "patterns are those of .gitignore")]),
        (
            'include = ["labels.csv"]\nexclude = ["data/", "linked"]',
            [("include", "warning", "left out by `exclude`")],
        ),
        (
            'include = ["*.txt"]\nexclude = ["data", "linked", "notes/"]',
            [("include", "warning", ""), ("exclude", "note", "")],
        ),
        ('include = ["", "# a comment"]\nexclude = [".venv/"]', []),
    ],
)
def test_patterns_that_match_nothing(root: Path, toml: str, expected: list[tuple[str, str, str]]) -> None:
    files = {"data/labels.csv": "a", "data/old.txt": "b", ".venv/pyvenv.cfg": ""}
    (root / "linked").symlink_to("data")
    found = findings(root, f"{toml}\n", files)
    assert len(found) == len(expected)
    for each, (key, severity, hint) in zip(found, expected, strict=True):
        assert (each.rule, each.severity) == ("pattern-unmatched", severity)
        assert each.message.startswith(f"{key} = ") and hint in each.hint


def test_patterns_are_not_looked_for_outside_of_the_project(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "labels.csv").write_text("a")
    (root / "tests").symlink_to(elsewhere)
    found = findings(root, 'include = ["tests/*.csv"]\n', {})
    assert [(each.rule, each.severity) for each in found if each.rule == "pattern-unmatched"] == [
        ("pattern-unmatched", "warning")
    ]
