"""Step Functions in moto, mended: state machines are interpreted, not only recorded, and an execution without a name gets one.

Its interpreter takes a second to import: that is left to the first request for a state machine.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from moto.core.config import default_user_config
from moto.stepfunctions.responses import StepFunctionResponse


def mend() -> None:
    """Switch the interpreter on, and replace the method."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    StepFunctionResponse.start_execution = _naming(StepFunctionResponse.start_execution)


def _naming(start: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html: a name is made up when none is given."""

    def start_execution(self: Any) -> Any:
        read = self._get_param

        def get_param(name: str, if_none: Any = None) -> Any:
            return read(name, str(uuid.uuid4()) if name == "name" else if_none)

        self._get_param = get_param
        return start(self)

    return start_execution
