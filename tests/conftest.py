"""What every test needs: caches of its own, no configuration of AWS from outside, golden files that can be written anew."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden anew; read the difference before you commit it"
    )
