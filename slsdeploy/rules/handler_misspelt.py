"""A function of the handler's that the runtime never calls, because its name is nearly one that it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import get_close_matches

from slsdeploy.bundle import import_time
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy_runtime.functions import ARGUMENTS

_NEAR = 0.85  # "preproces" and "post_process" are as near, "preprocess_image" is not


class HandlerMisspelt(Rule):
    """A function of the handler's that nothing uses is nearly called preprocess, predict or postprocess.

    Only where that one is missing, and another one is there; `handler-functions` tells of a module with none.

    Why: the runtime calls these three names and passes over all others: the function would answer without it.

    Mend: write the name as the runtime calls it; or begin it with an underscore, if it is something else.

    Example:
        def preproces(request):
            return {"x": request.data}

        def postprocess(outputs):
            return outputs["label"]
    """

    id = "handler-misspelt"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if handler is None or handler.app or not handler.functions:
            return
        try:
            source = import_time.parse(handler.path.read_bytes()) or ast.Module([], [])
        except OSError:  # what handler-missing is for
            return
        used = {node.id for node in ast.walk(source) if isinstance(node, ast.Name)}
        missing = [name for name in ARGUMENTS if name not in handler.functions]
        unused = [node for node in source.body if isinstance(node, ast.FunctionDef) and node.name not in used]
        for node in unused:
            near = [] if node.name in ARGUMENTS else get_close_matches(node.name.lower(), missing, n=1, cutoff=_NEAR)
            if near and not node.name.startswith("_"):
                path = subject.relative(handler.path)
                yield self.finding(f"{node.name} is never called", f'did you mean "{near[0]}"?', path, line=node.lineno)
