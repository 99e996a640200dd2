"""Cold start, memory and warm cost of a function of ours, beside the least that is possible and what today's tools ship. In turns.

    floor     bare Python, numpy, onnxruntime with bytecode, a session on our prepared model, a handler that only runs it
    ours      the bundle that `slsdeploy build` makes
    usual     pip into a folder, no bytecode, the plain model, a handler written by hand with Powertools
    fastapi   the same with FastAPI behind Mangum

All run on the interpreter of the bundle's target, under the same runtime client, and get the same event of a Function URL. Ratios are
medians of the rounds' own. The models: `samples/iris` (less than a kilobyte) and a sentence embedding transformer (90 MB, written here).

    python benchmarks/cold_start.py [--runs N] [--models iris,transformer] [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from uv import find_uv_bin  # noqa: E402

from benchmarks.functions import transformer  # noqa: E402
from slsdeploy.assets import cache_dir  # noqa: E402
from slsdeploy.effects.shell import SystemShell  # noqa: E402
from slsdeploy.errors import BuildError  # noqa: E402
from slsdeploy.interpreters import find_interpreter, host_interpreter  # noqa: E402
from slsdeploy.local.functions.managed import ManagedRuntimes  # noqa: E402
from slsdeploy.local.functions.url_event import HttpRequest, Site, make_event  # noqa: E402
from slsdeploy.local.trial import Ask, Subject, Trial, run  # noqa: E402

HERE = Path(__file__).parent / "functions"
MEMORY = 1769
WARM_ROUNDS = 300
NAMES = ("floor", "ours", "usual", "fastapi")
USUAL = ("numpy", "onnxruntime", "aws-lambda-powertools", "mangum", "fastapi")
DTYPES = {"FP32": "float32", "INT64": "int64"}
INPUTS: Mapping[str, Mapping[str, Any]] = {
    "iris": {"measurements": [[5.1, 3.5, 1.4, 0.2]]},
    "transformer": {"input_ids": [[101, 2023, 2003, 1037, 7099, 6251, 1012, 102]], "attention_mask": [[1] * 8]},
}
GOALS = "goals: ours at most 1.15 x floor and 0.50 x usual to the first answer; at most 1.10 x floor's memory"


@dataclass(frozen=True, slots=True)
class Field:
    """One model's functions, and the events that they get."""

    model: str
    bytes: int
    subjects: Mapping[str, Subject]
    direct: Mapping[str, Any]
    url: Mapping[str, Any]


def build(folder: Path, model: str) -> Path:
    """Build our bundle of a model; return the folder with `task` and `opt` in it."""
    project = folder / "project"
    if model == "iris":
        ignore = shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock")
        shutil.copytree(ROOT / "samples" / "iris", project, ignore=ignore)
    else:
        project.mkdir()
        transformer.write(project / "model.onnx")
        text = 'name = "transformer"\nmodel = "model.onnx"\n\n[[trigger]]\ntype = "http"\n'
        (project / "slsdeploy.toml").write_text(text)
    argv = [sys.executable, "-m", "slsdeploy", "build", str(project), "--local", "--json"]
    done = subprocess.run(argv, capture_output=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return Path(json.loads(done.stdout)["path"])


def url_event(body: bytes) -> dict[str, Any]:
    """Return what a function gets for a request to its URL."""
    headers = [("Host", "example.lambda-url"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    request = HttpRequest("POST", "/predict", "", headers, body, "127.0.0.1")
    return make_event(request, Site("a" * 32, "us-east-1", 443), None)


def usual_needs(opt: Path) -> list[str]:
    """Return what the usual functions are made with, in the versions of our own bundle where it has them."""
    infos = [folder.name.removesuffix(".dist-info") for folder in (opt / "python").glob("*.dist-info")]
    ours = {name.replace("_", "-").lower(): version for name, _, version in (info.partition("-") for info in infos)}
    return [f"{name}=={ours[name]}" if name in ours else name for name in USUAL]


def usual_packages(interpreter: Path, opt: Path) -> Path:
    """Install what the usual functions need as pip does: everything, and no bytecode. Once per set of versions; return the folder."""
    wanted = usual_needs(opt)
    key = hashlib.sha256(" ".join([str(interpreter), *wanted]).encode()).hexdigest()[:16]
    folder = cache_dir() / "benchmarks" / f"usual-{key}"
    if not folder.is_dir():
        draft = folder.with_name(f".new-{os.getpid()}")
        argv = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(draft / "python"), "--python"]
        subprocess.run([*argv, str(interpreter), "--only-binary", ":all:", *wanted], check=True)
        draft.rename(folder)
    return folder


def floor_settings(bundle: Path, model: str) -> dict[str, Any]:
    """Return what the floor needs to know of our bundle: its model file, the session's options, an input."""
    entry = json.loads((bundle / "task" / "slsdeploy.json").read_bytes())["models"][0]
    session = entry["session"]
    feed = {
        tensor["name"]: {"data": INPUTS[model][tensor["name"]], "dtype": DTYPES[tensor["datatype"]]}
        for tensor in entry["inputs"]
    }
    file = bundle / entry["root"] / entry["path"]
    return {"model": str(file), "level": session.get("level", "all"), "feed": feed}


def compile_all(interpreter: Path, folder: Path) -> None:
    """Write bytecode beside the sources."""
    subprocess.run([str(interpreter), "-m", "compileall", "-q", str(folder)], check=True)


def prepare(folder: Path, model: str) -> Field:
    """Make the functions of a model."""
    bundle = build(folder, model)
    shell = SystemShell()
    python = json.loads((bundle.parent / "bundle" / "task" / "slsdeploy.json").read_bytes()).get("python") or "3.13"
    interpreter = find_interpreter(python, shell) or host_interpreter()
    runtime = ManagedRuntimes(cache_dir() / "local", shell).folder(interpreter)
    usual = usual_packages(interpreter, bundle / "opt")
    plain = folder / "project" / ("iris.onnx" if model == "iris" else "model.onnx")
    subjects: dict[str, Subject] = {}
    for name in NAMES:
        task = bundle / "task" if name == "ours" else folder / name
        if name == "floor":
            task.mkdir()
            shutil.copy(HERE / "floor.py", task)
            (task / "settings.json").write_text(json.dumps(floor_settings(bundle, model)))
            compile_all(interpreter, task)
        elif name != "ours":
            task.mkdir()
            shutil.copy(HERE / ("usual.py" if name == "usual" else "usual_fastapi.py"), task / "app.py")
            shutil.copy(plain, task / "model.onnx")
        subjects[name] = Subject(
            name=name,
            task=task,
            opt=bundle / "opt" if name in ("floor", "ours") else usual,
            handler={"floor": "floor.handler", "ours": "slsdeploy_runtime.app.handler"}.get(name, "app.handler"),
            python=python,
            interpreter=interpreter,
            runtime=runtime,
            memory=MEMORY,
            environment={"POWERTOOLS_SERVICE_NAME": model, "POWERTOOLS_METRICS_NAMESPACE": "slsdeploy"},
            has_phases=name == "ours",
        )
    direct = {"inputs": INPUTS[model]}
    return Field(model, plain.stat().st_size, subjects, direct, url_event(json.dumps(direct).encode()))


def trials(field: Field, runs: int) -> dict[str, list[Trial]]:
    """Start every function so often, round by round; a first round is not counted."""
    ask = Ask(json.dumps(field.url).encode())
    found: dict[str, list[Trial]] = {name: [] for name in field.subjects}
    for number in range(runs + 1):
        print(f"{field.model}: round {number} of {runs}", end="\r", file=sys.stderr, flush=True)
        for name, subject in field.subjects.items():
            try:
                trial = run(subject, ask)
            except BuildError as error:
                raise SystemExit(f"{name}: {error}") from error
            if name != "floor" and json.loads(trial.answer).get("statusCode") != 200:
                raise SystemExit(f"{name} does not answer: {trial.answer!r}")
            if number:
                found[name].append(trial)
    print(" " * 40, end="\r", file=sys.stderr)
    return found


def warm_cost(field: Field, name: str, folder: Path) -> dict[str, Any]:
    """Measure in one process what a handler costs over a bare `session.run`, in microseconds."""
    subject = field.subjects[name]
    events = {"direct": field.direct, "url": field.url} if name == "ours" else {"url": field.url}
    (folder / "events.json").write_text(json.dumps(events))
    module = subject.handler.rpartition(".")[0]
    settings = str(field.subjects["floor"].task / "settings.json")
    out = folder / f"warm-{name}.json"
    path = os.pathsep.join(map(str, (subject.task, subject.opt / "python", subject.runtime)))
    known = {
        **subject.environment,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_LOG_GROUP_NAME": name,
        "AWS_LAMBDA_LOG_STREAM_NAME": name,
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(subject.task),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
    }
    argv = [subject.interpreter, "-S", "-s", "-B", HERE / "warm_cost.py", module, settings]
    done = subprocess.run(
        [*map(str, argv), str(folder / "events.json"), str(WARM_ROUNDS), str(out)],
        env=known,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{name}: {done.stderr.decode()[-2000:]}")
    return dict(json.loads(out.read_bytes()))


def median(found: Sequence[Trial], what: str) -> float:
    return statistics.median(getattr(trial, what) for trial in found)


def ratio(found: Mapping[str, Sequence[Trial]], name: str, other: str, what: str) -> float:
    """Return the median of the rounds' ratios: a busy moment of this machine meets both of a round."""
    pairs = zip(found[name], found[other], strict=True)
    return statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)


def row(found: Mapping[str, Sequence[Trial]], name: str) -> dict[str, Any]:
    """Return what was measured of a function, and how that compares."""
    every = [trial.first_answer_ms for trial in found[name]]
    return {
        "init_ms": median(found[name], "init_ms"),
        "first_answer_ms": median(found[name], "first_answer_ms"),
        "least_ms": min(every),
        "most_ms": max(every),
        "to_floor": ratio(found, name, "floor", "first_answer_ms"),
        "to_usual": ratio(found, name, "usual", "first_answer_ms"),
        "memory_mb": median(found[name], "rss") / 1e6,
        "peak_mb": median(found[name], "peak") / 1e6,
        "memory_to_floor": ratio(found, name, "floor", "rss"),
        "warm_p50_ms": statistics.median(took for trial in found[name] for took in trial.warm_ms),
    }


def show(field: Field, rows: Mapping[str, Mapping[str, Any]], costs: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the table of a model."""
    size = f"{field.bytes / 1e6:.0f} MB" if field.bytes > 1e6 else f"{field.bytes} bytes"
    print(f"\n{field.model} ({size})")
    print("           first answer ms (least-most)   x floor  x usual   memory MB  x floor   warm p50 ms")
    for name, r in rows.items():
        spread = f"({r['least_ms']:.0f}-{r['most_ms']:.0f})"
        print(
            f"{name:<10} {r['first_answer_ms']:15.0f} {spread:>14} {r['to_floor']:9.2f} {r['to_usual']:8.2f}"
            f" {r['memory_mb']:11.0f} {r['memory_to_floor']:8.2f} {r['warm_p50_ms']:13.2f}"
        )
    print(GOALS)
    bare = costs["ours"]["bare_us"]
    ours = costs["ours"]["cost_us"]
    print(f"warm cost over a bare session.run ({bare:.0f} us), in one process, in turns:")
    print(
        f"  ours, direct event {ours['direct']:.0f} us (goal: 100), Function URL event {ours['url']:.0f} us (goal: 250)"
    )
    others = ", ".join(f"{name} {costs[name]['cost_us']['url']:.0f} us" for name in ("usual", "fastapi"))
    print(f"  Function URL event of the others: {others}")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--models", default=",".join(INPUTS))
    options.add_argument("--json", type=Path, help="write all numbers there, too")
    chosen = options.parse_args()
    document: dict[str, Any] = {}
    for model in chosen.models.split(","):
        if model not in INPUTS:
            options.error(f"--models: {model!r} is not one of {', '.join(INPUTS)}")
        with tempfile.TemporaryDirectory(prefix="slsdeploy-bench-") as temporary:
            folder = Path(temporary)
            field = prepare(folder, model)
            found = trials(field, chosen.runs)
            rows = {name: row(found, name) for name in field.subjects}
            costs = {name: warm_cost(field, name, folder) for name in ("ours", "usual", "fastapi")}
            show(field, rows, costs)
            document[model] = {"bytes": field.bytes, "functions": rows, "warm_cost": costs}
    if chosen.json:
        chosen.json.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
