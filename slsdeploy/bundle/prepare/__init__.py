"""A project's models -> how each ships, prepared for a fast start: measured once, written to slsdeploy.lock, made the same everywhere.

`settle` decides (what is measured where: `measuring`; who wins: `choosing`), `make` makes the files (`making`); both run the function's own
onnxruntime (`engine`) where they can. Nothing that was timed ships: what ships follows from the choice, and the choice is in the lock.
"""

from slsdeploy.bundle.prepare.settling import Ingredients, find, settle
from slsdeploy.bundle.prepare.shipping import Prepared, insist, make

__all__ = ["Ingredients", "Prepared", "find", "insist", "make", "settle"]
