"""Step Functions in moto, mended: state machines are interpreted, not only recorded.

Its interpreter takes a second to import: that is left to the first request for a state machine.
"""

from __future__ import annotations

from moto.core.config import default_user_config


def mend() -> None:
    """Switch the interpreter on."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
