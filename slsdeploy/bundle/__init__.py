"""Project -> Bundle: which files, dependencies for the target, models, the layout on disk, archives.

Read `pipeline.py` first; each module here is one of its steps.
"""

from slsdeploy.bundle.pipeline import build, known, last, settle
from slsdeploy.bundle.record import describe

__all__ = ["build", "describe", "known", "last", "settle"]
