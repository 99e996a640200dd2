"""What importing a module does, read from its text."""

from __future__ import annotations

import pytest

from slsdeploy.bundle import import_time


def readings(text: str) -> list[tuple[str, int, str]]:
    module = import_time.parse(text.encode())
    assert module is not None
    return [(each.kind, each.line, each.call) for each in import_time.readings(module)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import time\nSTARTED = time.time()", ("clock", 2, "time.time")),
        ("from time import time as now\nSTARTED = now()", ("clock", 2, "time.time")),
        ("import datetime as dt\nX = dt.datetime.now(dt.UTC)", ("clock", 2, "datetime.datetime.now")),
        ("from datetime import datetime, date\n\nTODAY = f'{date.today()}'", ("clock", 3, "datetime.date.today")),
        ("import time\nclass A:\n    made = time.strftime('%Y')", ("clock", 3, "time.strftime")),
        ("import time\ndef f(now=time.time()):\n    pass", ("clock", 2, "time.time")),
        (
            "import time\nif True:\n    try:\n        x = [time.time_ns() for _ in 'a']\n    except E: pass",
            ("clock", 4, "time.time_ns"),
        ),
        ("import uuid\nID = str(uuid.uuid4())", ("chance", 2, "uuid.uuid4")),
        ("import random\nX = random.choice('ab')", ("chance", 2, "random.choice")),
        ("import numpy as np\nX = np.random.rand(3)", ("chance", 2, "numpy.random.rand")),
        ("import numpy as np\nRNG = np.random.default_rng()", ("chance", 2, "numpy.random.default_rng")),
        ("from numpy.random import default_rng\nRNG = default_rng()", ("chance", 2, "numpy.random.default_rng")),
        ("import random\nrandom.seed()\nX = random.random()", ("chance", 3, "random.random")),
        ("import secrets\nKEY = secrets.token_hex(8)", ("chance", 2, "secrets.token_hex")),
    ],
)
def test_what_differs_each_time(text: str, expected: tuple[str, int, str]) -> None:
    assert readings(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "import time\ndef f():\n    return time.time()",
        "import time\nf = lambda: time.time()",
        "import time\nBEGAN = time.perf_counter()",
        "import time\nX = time.gmtime(0)\nY = time.strftime('%Y', X)",
        "import time\nif __name__ == '__main__':\n    print(time.time())",
        "import random\nrandom.seed(7)\nX = random.random()",
        "import numpy as np\nRNG = np.random.default_rng(7)\nX = RNG.random()",
        "import random\nRNG = random.Random(1)",
        "from datetime import datetime\nX = datetime(2026, 1, 1)\nf = datetime.now",
        "class time:\n    pass\nx = time.time()",
        "import time\nx = (time.time() for _ in 'ab')",
        "from . import random\nx = random.choice('a')",
    ],
)
def test_what_does_not(text: str) -> None:
    assert readings(text) == []


def test_imports_anywhere_and_at_import() -> None:
    module = import_time.parse(
        b"import a.b\nfrom c import d, e as f\nfrom . import g\nfrom ..h import i\nif TYPE_CHECKING:\n    import j\n"
        b"try:\n    import k\nexcept ImportError:\n    pass\ndef f():\n    import l\nfrom m import *\n"
    )
    assert module
    found = import_time.imports(module)
    assert found.at_import == (".", "..h", "..h.i", ".g", "a.b", "c", "c.d", "c.e", "k", "m")
    assert set(found.anywhere) - set(found.at_import) == {"j", "l"}


def test_no_file_is_too_strange() -> None:
    for content in (
        b"\0",
        b"def",
        b"\xff\xfe",
        b"(" * 10_000,
        b"x = " + b"-" * 100_000 + b"1",
        b"# coding: nonsense\n",
    ):
        assert import_time.parse(content) is None
    deep = import_time.parse(b"x = " + b" + ".join([b"1"] * 3000))
    assert deep is None or list(import_time.readings(deep)) == []
    assert deep is None or import_time.imports(deep).anywhere == ()
