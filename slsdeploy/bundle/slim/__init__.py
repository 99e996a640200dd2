"""Installed packages -> what a function needs of them: `slim`, when the part is made; `try_models`, once for each project's models.

What can go is in `cuts/`, one file each. What is taken out is tried out, and put back where something breaks.
"""

from slsdeploy.bundle.slim.slimming import slim
from slsdeploy.bundle.slim.wish import Wish

__all__ = ["Wish", "slim"]
