"""What of an installed package ships."""

from __future__ import annotations

from pathlib import Path

from slsdeploy.bundle.prune import prune
from tests.wheelhouse import files_below


def pruned(root: Path, files: dict[str, str]) -> list[str]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    prune(root)
    return files_below(root)


def test_what_is_never_imported_goes(tmp_path: Path) -> None:
    found = pruned(
        tmp_path,
        {
            ".lock": "",
            "bin/f2py": "#!/here/python",
            "gear/__init__.py": "from gear import testing",
            "gear/__init__.pyi": "",
            "gear/py.typed": "",
            "gear/_gear.so": "",
            "gear/testing.py": "",
            "gear/conftest.py": "from gear.tests import x",
            "gear/tests/__init__.py": "",
            "gear/tests/test_gear.py": "from gear.tests import x",
            "gear/sub/test/data.json": "",
            "gear/include/gear.h": "",
            "gear/lib/libgear.a": "",
            "gear/__pycache__/x.cpython-311.pyc": "",
            "gear/table.json": "",
        },
    )
    assert found == ["gear/__init__.py", "gear/_gear.so", "gear/table.json", "gear/testing.py"]
    assert not (tmp_path / "gear" / "include").exists()


def test_metadata_and_licences_stay(tmp_path: Path) -> None:
    info = "gear-1.0.dist-info"
    names = (
        "METADATA",
        "RECORD",
        "INSTALLER",
        "REQUESTED",
        "WHEEL",
        "direct_url.json",
        "entry_points.txt",
        "licenses/LICENSE",
    )
    found = pruned(tmp_path, {f"{info}/{name}": "x" for name in names})
    assert found == [f"{info}/METADATA", f"{info}/entry_points.txt", f"{info}/licenses/LICENSE"]


def test_a_package_that_imports_its_tests_keeps_them(tmp_path: Path) -> None:
    files = {"gear/__init__.py": "from gear.sub.tests.data import TABLE\n", "gear/sub/tests/data.py": "TABLE = {}"}
    other = {"wheel/__init__.py": "# import wheel.tests\nattests = 1\n", "wheel/tests/x.py": ""}
    assert pruned(tmp_path, {**files, **other}) == ["gear/__init__.py", "gear/sub/tests/data.py", "wheel/__init__.py"]


def test_a_package_called_tests_stays(tmp_path: Path) -> None:
    assert pruned(tmp_path, {"tests/__init__.py": ""}) == ["tests/__init__.py"]
