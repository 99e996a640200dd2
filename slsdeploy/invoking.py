"""One event in, one answer out: through the Lambda API, or through the function's own URL as a client of it would."""

from __future__ import annotations

import json
import sys
import time
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from slsdeploy import failure, plugins
from slsdeploy.app import ALIAS, Where, deployed, open_project
from slsdeploy.artifacts import StackState
from slsdeploy.bundle import model, sample
from slsdeploy.commands import command
from slsdeploy.errors import ProjectError, ToolError
from slsdeploy.results.use import Invoked
from slsdeploy.tools import Cloud, Tools
from slsdeploy.types import Project
from slsdeploy_runtime.events import Placed


def invoke(where: Where, tools: Tools, event: bytes | None, source: str = "direct", over_url: bool = False) -> Invoked:
    """Send an event (None: a sample made from the model's signature) to what is deployed, and return its answer."""
    project = open_project(where, tools)
    cloud = tools.connect(project)
    state = deployed(project, cloud)
    if over_url:
        url = state.outputs.get("Url", "")
        if not url:
            hint = f'add [[trigger]] with type = "http" (a load balancer has a URL of its own) and run `{command(project, "up")}`'
            raise ProjectError("this project has no URL", hint=hint)
        sent = sample_event(project, "direct", state, cloud) if event is None else event
        return _post(f"{url.rstrip('/')}/predict", sent, cloud, project)
    answer = _call(project.stack, sample_event(project, source, state, cloud) if event is None else _json(event), cloud)
    if answer.error and project.handler and project.handler.app:
        tools.reporter.note("an event that is not HTTP goes to the models, past your application: --url asks that")
    return answer


def read_event(source: str | None) -> bytes | None:
    """Read `--event`: a file, "-" for standard input, None for none given.

    Raises ProjectError when there is no such file.
    """
    if source is None:
        return None
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ProjectError(
            f"cannot read the event: {error.strerror}",
            hint="--event takes a file, or - for standard input",
            where=source,
        ) from error


def _json(event: bytes) -> bytes:
    try:
        json.loads(event)
    except ValueError as error:
        hint = "Lambda takes events in JSON; other data goes to the URL (--url), or into the bucket of an s3 trigger"
        raise ProjectError(f"the event is not JSON: {error}", hint=hint, where="--event") from error
    return event


def sample_event(project: Project, source: str, state: StackState, cloud: Cloud) -> bytes:
    """Return an event of a source of this project ("direct", "sqs", ...) with inputs that fit the first model's signature.

    What such an event only speaks of, an object of S3, is put there. Raises ProjectError for a source that the project does not have.
    """
    body = {"inputs": sample.sample_inputs(model.inspect(project.models[0].path))}
    if source == "direct":
        return json.dumps(body).encode()
    sources = {trigger.options.type: trigger for trigger in reversed(project.triggers)}
    if source not in sources:
        raise _no_sample(source, [*reversed(sources)], project)
    trigger = sources[source]
    module = import_module(trigger.module)
    if not hasattr(module, "sample"):
        hint = "send an event of your own with --event FILE"
        raise ProjectError(f"the event source {source!r} makes no samples", hint, trigger.module)
    own = {name.removeprefix(trigger.name): value for name, value in state.outputs.items() if trigger.name in name}
    placed = Placed(trigger.name, trigger.options, {**state.outputs, **own}, cloud.region)
    if hasattr(module, "sample_object"):
        bucket, key, content = module.sample_object(body, placed)
        cloud.put_object(bucket, key, content)
    return json.dumps(module.sample(body, placed)).encode()


def _no_sample(source: str, here: list[str], project: Project) -> ProjectError:
    """Say that this project has no such source: it may be misspelt, or wants a trigger."""
    listed, known = ", ".join(["direct", *here]), plugins.event_sources()
    near = get_close_matches(source, ["direct", *known], n=1)
    if source in known:
        hint = f'add [[trigger]] with type = "{source}" and run `{command(project, "up")}`; this project has {listed}'
        return ProjectError(f"this project has no {source} trigger", hint)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return ProjectError(f"there is no sample of {source!r}", f"{meant}this project has {listed}; or --event FILE")


def _call(function: str, event: bytes, cloud: Cloud) -> Invoked:
    answer = cloud.invoke(function, ALIAS, event)
    payload = failure.decoded(answer.payload)
    error = _refusal(payload)
    if answer.function_error:
        told = failure.read(payload, answer.function_error)
        error = {"type": told.type, "message": told.message}
    return Invoked(
        status_code=answer.status_code,
        payload=payload,
        cold_start=answer.init_ms is not None,
        duration_ms=answer.duration_ms,
        init_ms=answer.init_ms,
        error=error,
    )


def _refusal(payload: Any) -> dict[str, str] | None:
    """Return what the runtime says of a direct event that it does not take."""
    said = payload.get("error") if isinstance(payload, dict) and len(payload) == 1 else None
    if not isinstance(said, dict) or said.get("type") != "BadInput":
        return None
    return {"type": "BadInput", "message": str(said.get("message", ""))}


def _signed_for(project: Project) -> str:
    """Return the service whose the project's URL is, for its signature."""
    ways = [trigger.options.via for trigger in project.triggers if trigger.options.type == "http"]
    return "execute-api" if next((via for via in ways if via != "load_balancer"), "url") != "url" else "lambda"


def _post(url: str, body: bytes, cloud: Cloud, project: Project) -> Invoked:
    import urllib3

    headers = cloud.sign(url, body, {"content-type": "application/json"}, _signed_for(project))
    began = time.perf_counter()
    try:
        answer = urllib3.request("POST", url, body=body, headers=headers, timeout=910, retries=False)
    except urllib3.exceptions.HTTPError as error:
        hint = f"look at `{command(project, 'status')}` and `{command(project, 'logs')}`"
        raise ToolError(f"{url} does not answer: {error}", hint, where=url) from error
    took = (time.perf_counter() - began) * 1000
    payload = failure.decoded(answer.data)
    init = _init_ms(answer.headers.get("server-timing", ""))
    refusal = None
    if answer.status >= 400:
        said = payload.get("error") if isinstance(payload, dict) else payload
        message = said if isinstance(said, str) else json.dumps(payload)
        refusal = {"type": f"HTTP {answer.status}", "message": message}
    return Invoked(
        answer.status, payload, cold_start=init is not None, duration_ms=round(took, 3), init_ms=init, error=refusal
    )


def _init_ms(server_timing: str) -> float | None:
    """Read `init;dur=<ms>` of a Server-Timing header, which the runtime sends with an environment's first answer."""
    for metric in server_timing.split(","):
        name, *parameters = metric.strip().split(";")
        if name == "init":
            return next((float(p[4:]) for p in parameters if p.startswith("dur=")), 0.0)
    return None
