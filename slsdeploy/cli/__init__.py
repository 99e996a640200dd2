"""The commands: each parses its options, calls one function, hands the result to `ui`. Everything heavy is imported inside.

Results go to standard output; progress and messages to standard error. Errors are drawn in `__main__`. The help lists the commands in
the order of these imports. Annotations are objects here, not text: Typer would evaluate each twice, for every command, before it runs one.
"""

from slsdeploy.cli import prepare, check, deploy, use, local  # noqa: F401, I001
from slsdeploy.cli.options import UsageError, app

__all__ = ["UsageError", "app"]
