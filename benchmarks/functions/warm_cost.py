"""What a handler costs beside a bare `session.run` of its own session, in one process and in turns: microseconds, as JSON into a file.

    warm_cost.py HANDLER_MODULE SETTINGS_FILE EVENTS_FILE ROUNDS OUT

The settings are the floor's, for its input. The events are a JSON object of name -> event. What the handler prints goes to standard
output, which should be a pipe as it is on Lambda.
"""

import gc
import importlib
import json
import statistics
import sys
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import onnxruntime

WARM_ROUNDS = 20


class Context:
    """What Lambda gives a handler."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name = function_version = log_group_name = log_stream_name = "warm-cost"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:warm-cost"
    memory_limit_in_mb = "1769"

    def get_remaining_time_in_millis(self):
        return 30_000


def took(call):
    begun = perf_counter_ns()
    answer = call()
    return (perf_counter_ns() - begun) / 1000, answer


def check(name, answer):
    """Refuse to measure an error."""
    if isinstance(answer, dict) and (answer.get("statusCode", 200) != 200 or "error" in answer):
        raise SystemExit(f"{name}: {answer}")


def find_session():
    """Return the handler's session, wherever it keeps it."""
    found = [one for one in gc.get_objects() if isinstance(one, onnxruntime.InferenceSession)]
    if len(found) != 1:
        raise SystemExit(f"there are {len(found)} sessions")
    return found[0]


def main():
    module, settings_file, events_file, rounds, out = sys.argv[1:]
    handler = importlib.import_module(module).handler
    session, context = find_session(), Context()
    fed = json.loads(Path(settings_file).read_bytes())["feed"]
    feed = {name: np.array(value["data"], value["dtype"]) for name, value in fed.items()}
    events = json.loads(Path(events_file).read_bytes())
    calls = [("bare", lambda: session.run(None, feed))]
    calls += [(name, lambda event=event: handler(event, context)) for name, event in events.items()]
    spent = {name: [] for name, _ in calls}
    for round_ in range(WARM_ROUNDS + int(rounds)):
        calls.append(calls.pop(0))  # so that each comes after each other
        for name, call in calls:
            microseconds, answer = took(call)
            check(name, answer)
            if round_ >= WARM_ROUNDS:
                spent[name].append(microseconds)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    bare = medians.pop("bare")
    costs = {name: value - bare for name, value in medians.items()}
    Path(out).write_text(json.dumps({"bare_us": bare, "cost_us": costs}))


main()
