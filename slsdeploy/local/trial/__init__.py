"""One trial: a fresh process of a function, from its start to warm answers, measured from outside over the Lambda Runtime API.

`subject` says what is started and how, `cpu` gives it the share of a CPU that its memory size buys, `running` does it. What the
numbers mean, and that there are many of them, is for `slsdeploy.bench` and `benchmarks/` to say.
"""

from slsdeploy.local.trial.cpu import Share, find_share
from slsdeploy.local.trial.running import Ask, Trial, run
from slsdeploy.local.trial.subject import Subject

__all__ = ["Ask", "Share", "Subject", "Trial", "find_share", "run"]
