"""Which of a project's files are modules, and which of them a module imports."""

from __future__ import annotations

from slsdeploy.bundle import own_modules
from slsdeploy.bundle.contents import Content


def files(**imports: tuple[str, ...]) -> dict[str, Content]:
    return {path.replace("__", "/") + ".py": Content(1, at_import=found) for path, found in imports.items()}


def test_imports_are_followed_within_the_project() -> None:
    known = files(handler=("numpy", "a", "b.c"), a=("d",), b__c=(".e",), b__e=("handler",), d=(), other=("d",))
    known["b/__init__.py"] = Content(1)
    assert set(own_modules.imported("handler.py", known)) == {
        "handler.py",
        "a.py",
        "b/__init__.py",
        "b/c.py",
        "b/e.py",
        "d.py",
    }
    assert own_modules.imported("none.py", known) == []


def test_relative_imports() -> None:
    known = files(app__sub__m=("..x", ".y", "...z", "....no", "."), app__x=(), app__sub__y=(), z=())
    assert set(own_modules.imported("app/sub/m.py", known)) == {"app/sub/m.py", "app/x.py", "app/sub/y.py"}


def test_what_climbs_out_of_the_code_is_none_of_it() -> None:
    known = files(handler=(".x",), a__b=("..x",), x=())
    assert own_modules.imported("handler.py", known) == ["handler.py"]
    assert own_modules.imported("a/b.py", known) == ["a/b.py"]


def test_only_what_is_imported_by_its_name_shadows_anything() -> None:
    paths = ["a.py", "b/__init__.py", "c/d.py", "e.cpython-313-x86_64-linux-gnu.so", "f.json", "g/__init__.pyc"]
    assert own_modules.tops(dict.fromkeys(paths, Content(1))) == {
        "a": "a.py",
        "b": "b/__init__.py",
        "e": "e.cpython-313-x86_64-linux-gnu.so",
    }
