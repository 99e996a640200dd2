"""The functions that a user's module may have. Needs nothing: the deployer checks a module by the same words that load it."""

from __future__ import annotations

# by name, how many arguments each is called with
ARGUMENTS = {"preprocess": 1, "predict": 2, "postprocess": 1}
SIGNATURES = "preprocess(request), predict(model, inputs), postprocess(outputs)"
