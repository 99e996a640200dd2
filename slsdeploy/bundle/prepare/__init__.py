"""A project's models -> how each ships, prepared for a fast start: measured once, written to slsdeploy.lock, made the same everywhere.

Nothing that was timed ships: what ships follows from the choice, and the choice is in the lock. `settle` decides, `make` makes the files:

    settling     what slsdeploy.lock says (locking), or else what is measured and written there now
    candidates   the ways in which a model may ship
    measuring    each in fresh processes of the bundle's onnxruntime (engine, measure_model), on made-up inputs (samples)
    comparing    whether its answers are the model's own, within tolerances
    choosing     which one wins
    making       its files: optimise_model, quantize_model, weights
    shipping     those files for a bundle, made here or checked
    wording      what the user is told
"""

from slsdeploy.bundle.prepare.settling import Ingredients, find, settle
from slsdeploy.bundle.prepare.shipping import Prepared, insist, make

__all__ = ["Ingredients", "Prepared", "find", "insist", "make", "settle"]
