"""What is tried: a function's folders, handler and interpreter -> the command line that starts it.

The variables are those of the local Lambda (`functions.sandbox`), but the file system is the host's: there is no /var/task to be
mounted for every process, and nothing of that in its time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slsdeploy.local.functions.sandbox import lambda_variables
from slsdeploy.local.functions.values import Archive, FunctionSpec

_HERE = Path(__file__).parent
_ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Subject:
    """A function on this machine. `runtime` is the folder of the managed runtime, `memory` in MB.

    `options` go to Python itself; `has_phases` says that it answers `{"slsdeploy": "phases"}`.
    """

    name: str
    task: Path
    opt: Path
    handler: str
    python: str
    interpreter: Path
    runtime: Path
    memory: int = 1769
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    has_phases: bool = True

    @property
    def client(self) -> str:
        """Which runtime client calls the handler."""
        return "awslambdaric" if (self.runtime / "awslambdaric").is_dir() else "slsdeploy's own runtime client"

    @property
    def arn(self) -> str:
        return self._spec.arn

    def command(self, address: str, times: Path, temporary: Path, groups: Sequence[Path]) -> list[str]:
        """Return what starts a process that asks for events at `address` and writes into `times` when it began.

        `groups` are the files of the control groups that it joins.
        """
        environment = {
            **lambda_variables(self._spec, self.task, self.opt, self.runtime, self.interpreter),
            "TMPDIR": str(temporary),
            **self.environment,
            "AWS_LAMBDA_LOG_STREAM_NAME": "trial",
            "AWS_LAMBDA_RUNTIME_API": address,
            "SLSDEPLOY_OPT": str(self.opt),
            "SLSDEPLOY_TRIAL_TIMES": str(times),
        }
        launch = {
            "argv": [str(self.interpreter), *self.options, "-S", "-s", "-B", str(_HERE / "start.py")],
            "env": environment,
            "cwd": str(self.task),
            "times": str(times),
            "groups": [str(group) for group in groups],
        }
        return [str(self.interpreter), "-I", "-S", "-B", str(_HERE / "launch.py"), json.dumps(launch)]

    @property
    def _spec(self) -> FunctionSpec:
        return FunctionSpec(
            region="us-east-1",
            account=_ACCOUNT,
            name=self.name,
            version="1",
            runtime=f"python{self.python}",
            handler=self.handler,
            memory=self.memory,
            timeout=900,
            storage=512,
            environment={},
            code=Archive("", bytes),
            layers=(),
            log_group=f"/aws/lambda/{self.name}",
        )
