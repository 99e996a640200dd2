"""Whether what is left of packages works: read, imported in fresh processes, and which cut is put back when it does not."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from slsdeploy.bundle.slim import importing, imports_left, installed, removal
from slsdeploy.bundle.slim.cut import Piece
from slsdeploy.bundle.slim.importing import Importer
from slsdeploy.bundle.slim.removal import Shelf
from slsdeploy.bundle.slim.slimming import Trial
from slsdeploy.effects.shell import SystemShell
from slsdeploy.tools import TIMED_OUT, Tools
from tests.fakes import FakeCloud, FakeRegistry, FakeReporter
from tests.installed import TARGET, install
from tests.wheelhouse import files_below

TOOLS = Tools(SystemShell(), FakeReporter(), lambda _: FakeCloud(), FakeRegistry())
GUARD = "try:\n    from . import b\nexcept ImportError:\n    b = None\n"


def piece(cut: str, *files: str) -> Piece:
    return Piece(cut, "gear", frozenset(files))


def importer(root: Path, scratch: Path) -> Importer:
    scratch.mkdir()
    return Importer(Path(sys.executable), root, scratch, TOOLS)


def test_what_is_left_is_read_for_what_it_must_import(tmp_path: Path) -> None:
    files = {
        "gear/__init__.py": "def f():\n    import gear.a\n",
        "gear/a.py": "",
        "gear/b.py": "",
        "gear/c.py": "from .a import x\n",
        "gear/d.py": GUARD + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gear.b\n",
        "gear/e.py": "import gear.a (\n",
    }
    found = installed.read(install(tmp_path, "gear", files), TARGET)
    assert imports_left.broken(found, [piece("one", "gear/a.py"), piece("two", "gear/b.py")]) == {
        "one/gear": "gear/c.py:1 imports gear.a"
    }
    assert imports_left.broken(found, [piece("one", "gear/a.py"), piece("two", "gear/c.py")]) == {}


def test_a_thousand_branches_are_read(tmp_path: Path) -> None:
    branches = "".join(f"elif x == {number}:\n    pass\n" for number in range(1500))
    sum_ = " + ".join(["x"] * 900)  # as deep as a parser goes
    files = {"gear/a.py": f"if {sum_}:\n    pass\n{branches}else:\n    import gear.b\n", "gear/b.py": ""}
    found = installed.read(install(tmp_path, "gear", files), TARGET)
    assert imports_left.broken(found, [piece("b", "gear/b.py")]).keys() == {"b/gear"}


def test_what_stays_brings_back_what_it_imports(tmp_path: Path) -> None:
    files = {"gear/a.py": "from gear import b", "gear/b.py": "from gear.c import x", "gear/c.py": ""}
    found = installed.read(install(tmp_path, "gear", files), TARGET)
    broken = imports_left.broken(found, [piece("b", "gear/b.py"), piece("c", "gear/c.py")])
    assert broken.keys() == {"b/gear", "c/gear"}


def test_which_modules_are_tried(tmp_path: Path) -> None:
    names = (
        "__init__.py",
        "a.py",
        "_b.py",
        "__main__.py",
        "conftest.py",
        "c/__init__.py",
        "c/d.py",
        "e.abi3.so",
        "libf.so",
    )
    install(tmp_path, "gear", {f"gear/{name}": "" for name in names})
    install(
        tmp_path, "axle", {"space/axle/__init__.py": "", "space/axle/a.py": "", "space/axle/b/c.py": "", "_axle.py": ""}
    )
    found = importing.modules_of(installed.read(tmp_path, TARGET))
    assert found == ["_axle", "gear", "space.axle", "gear.a", "gear.c", "gear.e", "space.axle.a"]


def test_modules_that_end_the_process_or_never_end(tmp_path: Path) -> None:
    files = {
        "a.py": "",
        "b.py": "import os\nos.kill(os.getpid(), 11)\n",
        "c.py": "import os\nos._exit(3)\n",
        "d.py": "import time\ntime.sleep(600)\n",
        "e.py": "import sys\nsys.exit('no')\n",
        "f.py": "class E(Exception):\n    def __str__(self):\n        raise E\nraise E\n",
        "g.py": "import a\nprint('x' * 100000)\n",
    }
    root = install(tmp_path / "packages", "gear", files)
    answer = importer(root, tmp_path / "scratch").run([*"abcdefg"], 1.5)
    assert answer.python == sys.version.split()[0]
    assert answer.modules == {
        "a": "",
        "b": "importing it ends the process with signal 11",
        "c": "importing it ends the process with code 3",
        "d": "importing it takes longer than 2 s",
        "e": "SystemExit: no",
        "f": "E: ",
        "g": "",
    }
    assert files_below(root) == files_below(root)  # nothing was written there
    assert not [path for path in files_below(root) if path.endswith(".pyc")]


def test_importing_knows_nothing_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    text = "import os\nassert 'AWS_SECRET_ACCESS_KEY' not in os.environ\nassert not os.path.exists(os.path.expanduser('~/.aws'))\n"
    root = install(tmp_path / "packages", "gear", {"gear.py": text})
    assert importer(root, tmp_path / "scratch").run(["gear"], 30).modules == {"gear": ""}


def test_a_program_that_takes_too_long_is_killed_with_what_it_started() -> None:
    began = time.monotonic()
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    done = SystemShell().run([sys.executable, "-c", script], limit=1)
    assert done.code == TIMED_OUT
    assert time.monotonic() - began < 20
    done = SystemShell().run([sys.executable, "-c", "print(input())"], given="hello", limit=60)
    assert (done.code, done.stdout) == (0, "hello\n")


def test_the_shelf_puts_back_what_it_took(tmp_path: Path) -> None:
    install(tmp_path / "packages", "gear", {"gear/a/b/c.py": "c", "gear/a/d.py": "", "gear/e.py": ""})
    before = files_below(tmp_path / "packages")
    shelf = Shelf(tmp_path / "packages", tmp_path / "aside")
    shelf.take([piece("x", "gear/a/b/c.py"), piece("y", "gear/a/d.py")])
    assert not (tmp_path / "packages/gear/a").exists()  # an empty folder would be a package
    assert files_below(tmp_path / "aside") == ["gear/a/b/c.py", "gear/a/d.py"]
    shelf.put_back([piece("x", "gear/a/b/c.py"), piece("y", "gear/a/d.py")])
    assert files_below(tmp_path / "packages") == before
    assert (tmp_path / "packages/gear/a/b/c.py").read_text() == "c"


@pytest.mark.parametrize("bad", [set(), {"c"}, {"a", "h"}, {"a", "b", "c", "d", "e", "f", "g", "h"}])
def test_the_cuts_that_break_something_are_found(tmp_path: Path, bad: set[str]) -> None:
    install(tmp_path / "packages", "gear", {f"gear/{name}.py": "" for name in "abcdefgh"})
    shelf = Shelf(tmp_path / "packages", tmp_path / "aside")
    groups = removal.grouped([piece(name, f"gear/{name}.py") for name in "abcdefgh"])
    looks = 0

    def judge() -> str:
        nonlocal looks
        looks += 1
        return " ".join(sorted(name for name in bad if not (tmp_path / f"packages/gear/{name}.py").exists()))

    undone = removal.take_out(groups, shelf, judge)
    assert undone == {f"{name}/gear": name for name in bad}
    assert {path for path in files_below(tmp_path / "aside")} == {f"gear/{name}.py" for name in set("abcdefgh") - bad}
    assert looks == 1 if not bad else looks <= 2 + len(bad) * 7


def test_two_cuts_that_only_break_together(tmp_path: Path) -> None:
    install(tmp_path / "packages", "gear", {"gear/a.py": "", "gear/b.py": ""})
    shelf = Shelf(tmp_path / "packages", tmp_path / "aside")
    groups = removal.grouped([piece(name, f"gear/{name}.py") for name in "ab"])
    undone = removal.take_out(
        groups, shelf, lambda: "" if [*(tmp_path / "packages/gear").glob("*.py")] else "none left"
    )
    assert undone == {"b/gear": "none left"}


def test_what_looks_wrong_once_is_looked_at_again(tmp_path: Path) -> None:
    install(tmp_path / "packages", "gear", {"gear/a.py": ""})
    shelf = Shelf(tmp_path / "packages", tmp_path / "aside")
    answers = ["killed", ""]
    assert removal.take_out(removal.grouped([piece("a", "gear/a.py")]), shelf, lambda: answers.pop(0)) == {}
    assert not (tmp_path / "packages/gear/a.py").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("assert data.exists(), 'no data'", "gear: AssertionError: no data"),
        (
            "import os\nif not data.exists(): os.kill(os.getpid(), 11)",
            "gear: importing it ends the process with signal 11",
        ),
        ("import time\nif not data.exists(): time.sleep(600)", "gear: importing it takes longer than"),
        ("if not data.exists(): bytearray(1 << 62)", "gear: MemoryError"),
    ],
)
def test_a_package_that_does_not_import_any_more(tmp_path: Path, text: str, said: str) -> None:
    script = f"from pathlib import Path\ndata = Path(__file__).with_name('data.txt')\n{text}\n"
    root = install(
        tmp_path / "packages", "gear", {"gear/__init__.py": script, "gear/data.txt": "", "broken.py": "import no"}
    )
    trial = Trial(importer(root, tmp_path / "scratch"), installed.read(root, TARGET), limit=2)
    assert trial.judge() == "broken: ModuleNotFoundError: No module named 'no'"
    assert not trial.recheck()
    assert trial.judge() == ""
    assert "imported 1 module of what is left" in trial.by
    (root / "gear/data.txt").unlink()
    assert trial.judge().startswith(said)
    (root / "gear/data.txt").touch()
    assert trial.recheck()


def test_a_package_that_imports_by_luck_blames_no_cut(tmp_path: Path) -> None:
    text = "from pathlib import Path\nstate = Path(__file__).with_name('state')\nassert not state.exists()\nstate.touch()\n"
    root = install(tmp_path / "packages", "gear", {"gear/__init__.py": text, "axle/__init__.py": "", "axle/x.txt": ""})
    shelf = Shelf(root, tmp_path / "aside")
    trial = Trial(importer(root, tmp_path / "scratch"), installed.read(root, TARGET))
    groups = removal.grouped([piece("x", "axle/x.txt")])
    assert removal.take_out(groups, shelf, trial.judge, trial.recheck) == {}
    assert not (root / "axle/x.txt").exists()


def test_what_was_taken_out_and_never_imported_blames_no_cut(tmp_path: Path) -> None:
    needs = "from pathlib import Path\nassert Path(__file__).with_name('data.txt').exists()\n"
    files = {
        "gear/__init__.py": "",
        "gear/a.py": needs,
        "gear/data.txt": "",
        "gear/tools.py": "import no_such_module\n",
    }
    root = install(tmp_path / "packages", "gear", {**files, "gear/x.txt": "", "gear/y.txt": ""})
    trial = Trial(importer(root, tmp_path / "scratch"), installed.read(root, TARGET))
    groups = removal.grouped([piece(file, f"gear/{file}") for file in ("data.txt", "tools.py", "x.txt", "y.txt")])
    undone = removal.take_out(groups, Shelf(root, tmp_path / "aside"), trial.judge, trial.recheck)
    assert undone == {"data.txt/gear": "gear.a: AssertionError: "}


def test_importing_ends_with_its_budget(tmp_path: Path) -> None:
    root = install(tmp_path / "packages", "gear", {f"{name}.py": "import time\ntime.sleep(600)\n" for name in "abcd"})
    began = time.monotonic()
    answer = importer(root, tmp_path / "scratch").run([*"abcd"], 1.0, budget=1.0)
    assert 1 <= len(answer.modules) < 4
    assert time.monotonic() - began < 20
