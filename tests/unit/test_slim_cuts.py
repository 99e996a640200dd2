"""What each cut takes of installed packages, and what keeps it: small packages, nothing is removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slsdeploy.bundle.slim.cut import find_cuts
from slsdeploy.bundle.slim.wish import Asked, Wish
from tests.installed import AUTO, gone, install, selected

OFF = Wish("off")
MODULE = "onnxruntime/capi/onnxruntime_pybind11_state.cpython-313-aarch64-linux-gnu.so"
LIBRARY = "onnxruntime/capi/libonnxruntime.so.1.31.1"
ENGINE: dict[str, str | bytes] = {
    "onnxruntime/__init__.py": "def look(): from .transformers import b",
    MODULE: b"\x7fELF\0libonnxruntime_providers_cuda.so\0libc.so.6",
    LIBRARY: b"\x7fELF\0libonnxruntime.so.1",
    "onnxruntime/quantization/__init__.py": "import google.protobuf\nfrom onnxruntime.tools import a",
    "onnxruntime/tools/a.py": "import onnxruntime.transformers",
    "onnxruntime/transformers/b.py": "import packaging",
    "onnxruntime/datasets/iris.onnx": b"x",
}
TOOLS = [path for path in ENGINE if path.split("/")[1] in ("quantization", "tools", "transformers", "datasets")]
NUMPY = {
    "numpy/__init__.py": "from . import _core\ndef __getattr__(name):\n    import numpy.f2py\n    import numpy.testing\n",
    "numpy/_core/__init__.py": "",
    "numpy/_core/_simd.cpython-313-x86_64-linux-gnu.so": "",
    "numpy/_core/_multiarray_tests.cpython-313-x86_64-linux-gnu.so": "",
    "numpy/_core/_multiarray_umath.cpython-313-x86_64-linux-gnu.so": "",
    "numpy/_core/tests/test_simd.py": "from numpy._core import _simd\nimport numpy.testing",
    "numpy/_pytesttester.py": "",
    "numpy/f2py/__init__.py": "",
    "numpy/f2py/src/fortranobject.c": "",
    "numpy/testing/__init__.py": "",
    "numpy/testing/print_coercion_tables.py": "def f():\n    from numpy._core._multiarray_tests import x",
    "numpy/matlib.py": "from numpy import *",
    "numpy/ma/testutils.py": "import numpy.testing",
    "numpy/typing/mypy_plugin.py": "",
}


def engine(root: Path) -> Path:
    install(
        root, "onnxruntime", ENGINE, ["flatbuffers", "packaging", "protobuf>=4", "numpy", 'sympy; extra == "symbolic"']
    )
    install(root, "flatbuffers", {"flatbuffers/__init__.py": ""})
    install(root, "packaging", {"packaging/__init__.py": ""})
    return install(root, "protobuf", {"google/protobuf/__init__.py": "", "google/_upb/_message.abi3.so": ""})


def test_every_cut_says_what_it_takes_and_when_it_must_not() -> None:
    for cut in find_cuts():
        assert (type(cut).__doc__ or "").startswith("Takes "), cut.name
        assert cut.why and type(cut).__module__.endswith(f".{cut.name}")
    assert len(find_cuts()) >= 12


def test_scripts_and_records_go_always(tmp_path: Path) -> None:
    install(tmp_path, "gear", {"gear/__init__.py": "", "gear/__pycache__/x.cpython-311.pyc": "", "gear/tests/a.py": ""})
    for path in ("bin/gear", ".lock", "gear-1.0.dist-info/uv_cache.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("#!/here/python")
    always = {
        "records/records": [
            ".lock",
            "gear-1.0.dist-info/INSTALLER",
            "gear-1.0.dist-info/uv_cache.json",
            "gear/__pycache__/x.cpython-311.pyc",
        ],
        "scripts/scripts": ["bin/gear"],
    }
    assert selected(tmp_path, OFF) == always
    assert selected(tmp_path) == {
        **always,
        "tests/gear": ["gear/tests/a.py"],
        "wheel_files/gear": ["gear-1.0.dist-info/WHEEL"],
    }


def test_stubs_headers_and_libraries_go(tmp_path: Path) -> None:
    install(
        tmp_path,
        "gear",
        {
            f"gear/{name}": ""
            for name in ("__init__.py", "__init__.pyi", "py.typed", "gear.h", "a.pxd", "libgear.a", "t.json")
        },
    )
    assert gone(tmp_path, "typing_stubs") == ["gear/__init__.pyi", "gear/py.typed"]
    assert gone(tmp_path, "native_sources") == ["gear/a.pxd", "gear/gear.h", "gear/libgear.a"]


def test_stubs_that_a_package_loads_itself_from_stay(tmp_path: Path) -> None:
    lazy = "import lazy_loader\n__getattr__, *_ = lazy_loader.attach_stub(__name__, __file__)\n"
    install(tmp_path, "gear", {"gear/__init__.py": lazy, "gear/__init__.pyi": "from . import a", "gear/a.py": ""})
    assert gone(tmp_path, "typing_stubs") == []


def test_tests_go_but_those_that_something_imports(tmp_path: Path) -> None:
    install(tmp_path, "gear", {"gear/__init__.py": "from .sub.tests.data import T", "gear/sub/tests/data.py": "T = 1"})
    install(
        tmp_path,
        "wheel-gear",
        {
            "wheel/__init__.py": "# import wheel.tests\nattests = 1\nfrom wheel.other.test import x\n",
            "wheel/tests/x.py": "from wheel.tests import y\nfrom gear import tests",
            "wheel/other/test/__init__.py": "",
            "wheel/sub/test/data.json": "",
            "wheel/conftest.py": "from wheel.tests import x",
        },
    )
    install(tmp_path, "tests", {"tests/__init__.py": ""})
    assert gone(tmp_path, "tests") == ["wheel/conftest.py", "wheel/sub/test/data.json", "wheel/tests/x.py"]


def test_tests_that_another_package_or_the_project_names_stay(tmp_path: Path) -> None:
    install(tmp_path, "gear", {"gear/__init__.py": "", "gear/tests/data.py": ""})
    install(tmp_path, "axle", {"axle/__init__.py": "def f():\n    import gear.tests.data as d", "axle/tests/a.py": ""})
    assert gone(tmp_path, "tests") == ["axle/tests/a.py"]
    assert gone(tmp_path, "tests", replace(AUTO, named=frozenset({"axle.tests"}))) == []


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ('import os\nT = os.path.join(os.path.dirname(__file__), "test", "data.json")', "test"),
        ("T = here.joinpath('tests/data.json')", "tests"),
        ("T = rb'..\\tests\\data.json'", "tests"),
        ("T = here / 'tests' / name", "tests"),
        ('T = f"{here}/tests/{name}.json"', "tests"),
        ('def f():\n    import_module(".tests.h", __name__)', "tests"),
        ('T = import_module(f"{__package__}.inner.tests.h")', "tests"),
        ('T = import_module("%s.tests" % __name__)', "tests"),
        ('print "tests"', "tests"),
        ('hidden = {"test", "tests"}\nassert name not in hidden', ""),
        ('"""Reads tests/data.json, as in\n>>> open("tests")\n"""\nfiles = ("test.json", "a/tests.txt")', ""),
        ("T = 'latests/contest'", ""),
        ("# here / 'tests'", ""),
    ],
)
def test_tests_that_their_package_opens_stay(tmp_path: Path, text: str, stays: str) -> None:
    files = {f"gear/{folder}/data.json": "" for folder in ("test", "tests")}
    install(tmp_path, "gear", {"gear/__init__.py": "", "gear/a.py": text, **files})
    install(tmp_path, "axle", {"axle/tests/data.json": "", "axle/test/data.json": ""})
    left = {f"gear/{stays}/data.json"}
    assert gone(tmp_path, "tests") == sorted({*files, "axle/tests/data.json", "axle/test/data.json"} - left)


def test_tests_go_where_it_was_read_what_their_package_opens_them_for(tmp_path: Path) -> None:
    skips = "SKIPPED = os.path.join(HERE, 'tests') + os.sep\n"
    install(tmp_path, "pandas", {"pandas/__init__.py": skips, "pandas/tests/a.py": "", "pandas/io/tests/b.csv": ""})
    install(tmp_path, "gear", {"gear/__init__.py": skips, "gear/tests/a.py": ""})
    assert gone(tmp_path, "tests") == ["pandas/io/tests/b.csv", "pandas/tests/a.py"]
    install(tmp_path, "axle", {"axle.py": "from pandas.tests import a\n"})
    assert gone(tmp_path, "tests") == ["pandas/io/tests/b.csv"]


def test_the_second_engine_the_tools_and_what_they_need_go(tmp_path: Path) -> None:
    engine(tmp_path)
    assert gone(tmp_path, "onnxruntime_library") == [LIBRARY]
    assert gone(tmp_path, "onnxruntime_tools") == sorted(TOOLS)
    assert {path.split("/")[0] for path in gone(tmp_path, "onnxruntime_needs")} >= {
        "google",
        "flatbuffers",
        "packaging",
    }


@pytest.mark.parametrize(
    "other",
    [
        {MODULE: b"\x7fELF\0libonnxruntime.so.1\0libc.so.6"},
        {"genai/_genai.so": b"\x7fELF\0libonnxruntime.so\0"},
        {"genai/load.py": b"library = next(folder.glob('libonnxruntime*'))"},
    ],
)
def test_an_engine_that_is_linked_to_or_loaded_stays(tmp_path: Path, other: dict[str, str | bytes]) -> None:
    engine(tmp_path)
    install(tmp_path, "genai", other)
    assert gone(tmp_path, "onnxruntime_library") == []
    assert gone(tmp_path, "onnxruntime_tools") == sorted(TOOLS)


def test_without_the_module_that_python_loads_the_library_stays(tmp_path: Path) -> None:
    engine(tmp_path)
    (tmp_path / MODULE).unlink()
    assert gone(tmp_path, "onnxruntime_library") == []


def test_a_tool_that_somebody_names_stays_with_what_it_needs(tmp_path: Path) -> None:
    engine(tmp_path)
    install(tmp_path, "optimum", {"optimum/q.py": "import onnxruntime.quantization as q"})
    assert gone(tmp_path, "onnxruntime_tools") == sorted(set(TOOLS) - {"onnxruntime/quantization/__init__.py"})
    assert not [path for path in gone(tmp_path, "onnxruntime_needs") if path.startswith("google")]
    assert [path for path in gone(tmp_path, "onnxruntime_needs") if path.startswith("packaging/")]


@pytest.mark.parametrize(
    ("needs", "text", "wish", "stays"),
    [
        ((), "", AUTO, False),
        (("packaging",), "", AUTO, True),
        ((), "import packaging.version", AUTO, True),
        ((), "from importlib import metadata\nmetadata.version('packaging')", AUTO, True),
        (('packaging; extra == "all"',), "import packaging", AUTO, False),
        (('packaging; extra == "all"',), "import packaging", replace(AUTO, extras=("gear[all]",)), True),
        (('packaging; extra == "all"',), "import packaging", replace(AUTO, extras=("gear[other]",)), False),
        (('packaging; extra == "all"',), "import packaging", replace(AUTO, named=frozenset({"gear.kafka"})), False),
        ((), "", replace(AUTO, asked=(Asked("packaging", False),)), True),
        ((), "", replace(AUTO, named=frozenset({"packaging"})), True),
    ],
)
def test_what_keeps_what_only_onnxruntimes_tools_need(
    tmp_path: Path, needs: tuple[str, ...], text: str, wish: Wish, stays: bool
) -> None:
    engine(tmp_path)
    install(tmp_path, "gear", {"gear/__init__.py": text}, needs)
    assert ("packaging/__init__.py" not in gone(tmp_path, "onnxruntime_needs", wish)) == stays


def test_an_extra_that_the_projects_code_uses_keeps_what_it_needs(tmp_path: Path) -> None:
    engine(tmp_path)
    install(
        tmp_path,
        "aws-lambda-powertools",
        {"aws_lambda_powertools/kafka/protobuf.py": "from google.protobuf import x"},
        ['protobuf; extra == "kafka"'],
    )
    assert "google/protobuf/__init__.py" in gone(tmp_path, "onnxruntime_needs")
    named = replace(AUTO, named=frozenset({"aws_lambda_powertools.kafka"}))
    assert "google/protobuf/__init__.py" not in gone(tmp_path, "onnxruntime_needs", named)


def test_numpys_tests_and_tools_go(tmp_path: Path) -> None:
    install(tmp_path, "numpy", NUMPY)
    assert gone(tmp_path, "numpy_building") == [
        "numpy/f2py/__init__.py",
        "numpy/f2py/src/fortranobject.c",
        "numpy/typing/mypy_plugin.py",
    ]
    assert gone(tmp_path, "numpy_testing") == [
        "numpy/_core/_multiarray_tests.cpython-313-x86_64-linux-gnu.so",
        "numpy/_core/_simd.cpython-313-x86_64-linux-gnu.so",
        "numpy/ma/testutils.py",
        "numpy/testing/__init__.py",
        "numpy/testing/print_coercion_tables.py",
    ]
    assert gone(tmp_path, "numpy_matlib") == ["numpy/matlib.py"]
    assert gone(tmp_path, "tests") == ["numpy/_core/tests/test_simd.py"]


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\ndef f(a, b):\n    np.testing.assert_equal(a, b)",
        "from numpy import (\n    array,\n    testing as t,\n)",
        "import importlib\nimportlib.import_module('numpy.testing')",
        "from numpy import *",
        "_internal.clone_module('numpy', globals())",
        "import inspect, numpy\ninspect.getmembers(numpy)",
    ],
)
def test_numpys_testing_stays_where_another_package_names_it(tmp_path: Path, text: str) -> None:
    install(tmp_path, "numpy", NUMPY)
    install(tmp_path, "scipy", {"scipy/_lib/_array_api.py": text})
    left = set(NUMPY) - set(gone(tmp_path, "numpy_testing"))
    assert {"numpy/testing/__init__.py", "numpy/_core/_multiarray_tests.cpython-313-x86_64-linux-gnu.so"} <= left
    assert "numpy/_core/_simd.cpython-313-x86_64-linux-gnu.so" not in left


@pytest.mark.parametrize("text", ["from numpy import *", "for name in dir(numpy):\n    getattr(numpy, name)"])
def test_all_of_numpys_names_keep_f2py(tmp_path: Path, text: str) -> None:
    install(tmp_path, "numpy", NUMPY)
    install(tmp_path, "gear", {"gear/__init__.py": text})
    assert gone(tmp_path, "numpy_building") == ["numpy/typing/mypy_plugin.py"]


def test_matlib_that_is_named_keeps_what_it_names(tmp_path: Path) -> None:
    install(tmp_path, "numpy", NUMPY)
    wish = replace(AUTO, named=frozenset({"numpy.matlib"}))
    assert gone(tmp_path, "numpy_matlib", wish) == []
    assert "numpy/f2py/__init__.py" not in gone(tmp_path, "numpy_building", wish)


def test_swagger_ui_goes_unless_it_is_enabled(tmp_path: Path) -> None:
    folder = "aws_lambda_powertools/event_handler/openapi/swagger_ui"
    files = {
        f"{folder}/swagger.min.js": "",
        f"{folder}/swagger.css": "",
        f"{folder}/html.py": "def enable_swagger(): ...",
    }
    install(tmp_path, "aws-lambda-powertools", files)
    assert gone(tmp_path, "powertools_swagger") == [f"{folder}/swagger.css", f"{folder}/swagger.min.js"]
    assert gone(tmp_path, "powertools_swagger", replace(AUTO, named=frozenset({"enable_swagger"}))) == []
    install(tmp_path, "gear", {"gear/__init__.py": "app().enable_swagger(path='/docs')"})
    assert gone(tmp_path, "powertools_swagger") == []


def sdk(root: Path) -> Path:
    install(root, "boto3", {"boto3/__init__.py": ""}, ["botocore<1.42,>=1.41", "jmespath<2", "s3transfer<0.15,>=0.14"])
    install(root, "botocore", {"botocore/__init__.py": ""}, ["jmespath<2", "urllib3", "python-dateutil"])
    install(root, "s3transfer", {"s3transfer/__init__.py": ""}, ["botocore<2,>=1.37"])
    install(root, "python-dateutil", {"dateutil/__init__.py": ""}, ["six>=1.5"])
    install(root, "six", {"six.py": ""})
    install(root, "urllib3", {"urllib3/__init__.py": ""})
    return install(root, "jmespath", {"jmespath/__init__.py": ""})


SDK = replace(AUTO, has_sdk=True)


def tops(paths: list[str]) -> set[str]:
    return {path.partition("/")[0] for path in paths if ".dist-info" not in path}


def test_the_sdk_goes_where_the_runtime_brings_it(tmp_path: Path) -> None:
    sdk(tmp_path)
    install(
        tmp_path,
        "powertools",
        {"p.py": "import boto3"},
        ["jmespath>=1", 'boto3>=1.40; extra == "aws-sdk"', "boto3>=1.34"],
    )
    assert tops(gone(tmp_path, "managed_sdk", SDK)) == {
        "boto3",
        "botocore",
        "s3transfer",
        "dateutil",
        "six.py",
        "urllib3",
    }
    assert gone(tmp_path, "managed_sdk") == []


def test_the_project_may_ask_for_the_sdk_by_name(tmp_path: Path) -> None:
    sdk(tmp_path)
    assert "boto3" in tops(gone(tmp_path, "managed_sdk", replace(SDK, asked=(Asked("boto3", False),))))
    assert gone(tmp_path, "managed_sdk", replace(SDK, asked=(Asked("boto3", True),))) == []
    left = tops(gone(tmp_path, "managed_sdk", replace(SDK, asked=(Asked("urllib3", False),))))
    assert "boto3" in left and "urllib3" not in left


@pytest.mark.parametrize("need", ["boto3>=1.40", "botocore<1.42,>=1.41", "boto3==1.39.0", "boto3~=1.34.2", "boto3>1.x"])
def test_a_package_that_needs_a_certain_sdk_keeps_it(tmp_path: Path, need: str) -> None:
    sdk(tmp_path)
    install(tmp_path, "aiobotocore", {"aiobotocore/__init__.py": ""}, [need])
    assert gone(tmp_path, "managed_sdk", SDK) == []


def test_what_an_extra_that_is_asked_for_needs_stays(tmp_path: Path) -> None:
    needs = ['boto3>=1.99; extra == "aws"', 'urllib3>=9; extra == "web"', 'foo[aws]; extra == "all"']
    install(sdk(tmp_path), "foo", {"foo/__init__.py": ""}, needs)
    assert {"boto3", "urllib3"} <= tops(gone(tmp_path, "managed_sdk", SDK))
    assert gone(tmp_path, "managed_sdk", replace(SDK, extras=("Foo[all]",))) == []
    left = tops(gone(tmp_path, "managed_sdk", replace(SDK, extras=("foo[web]",))))
    assert "boto3" in left and "urllib3" not in left
    install(tmp_path, "bar", {"bar/__init__.py": ""}, ["foo[aws,web]"])
    assert gone(tmp_path, "managed_sdk", SDK) == []


def test_what_only_onnxruntimes_tools_need_stays_for_an_extra(tmp_path: Path) -> None:
    install(engine(tmp_path), "foo", {"foo/__init__.py": ""}, ['packaging; extra == "all"'])
    assert "packaging/__init__.py" in gone(tmp_path, "onnxruntime_needs")
    install(tmp_path, "bar", {"bar/__init__.py": ""}, ["foo[all]"])
    assert "packaging/__init__.py" not in gone(tmp_path, "onnxruntime_needs")


def test_a_licence_stays_once(tmp_path: Path) -> None:
    info = "gear-1.0.dist-info"
    files = {
        "gear/__init__.py": "",
        "gear/LICENSE": "MIT",
        f"{info}/licenses/LICENSE": "MIT",
        f"{info}/licenses/b/LICENSE.txt": "BSD",
    }
    install(tmp_path, "gear", {**files, "gear/licenses.py": "MIT", "gear/NOTICE": "MIT too"})
    assert gone(tmp_path, "duplicates") == ["gear/LICENSE"]


def test_licences_that_the_metadata_may_name_stay(tmp_path: Path) -> None:
    info = "gear-1.0.dist-info/licenses"
    twice = {f"{info}/LICENSE": "MIT", f"{info}/vendor/LICENSE": "MIT"}
    elsewhere = {"gear/a/LICENSE": "BSD", "gear/b/LICENSE": "BSD"}
    install(tmp_path, "gear", {"gear/__init__.py": "", "gear/COPYING": "MIT", **twice, **elsewhere})
    assert gone(tmp_path, "duplicates") == ["gear/COPYING"]


def test_what_is_known_to_break_something_stays(tmp_path: Path) -> None:
    engine(tmp_path)
    assert (
        gone(tmp_path, "onnxruntime_library", replace(AUTO, without=frozenset({"onnxruntime_library/onnxruntime"})))
        == []
    )
