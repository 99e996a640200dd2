"""How long the commands take, each beside what it is compared to, in one run: `python benchmarks/commands.py [--runs N]`.

    slsdeploy --help                    beside `python -c "import typer"`              goal: 2.5 times at most
    up samples/iris --local             first, unchanged, one line of a handler changed goals: 10 s, 1.5 s, 3 s

The caches of uv and of parts are warm, the local AWS is not running before the first `up`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLSDEPLOY = [sys.executable, "-m", "slsdeploy"]


def timed(argv: list[str], runs: int, **kwargs: object) -> float:
    """Return the median of the seconds that a program took, after one run that is not counted."""
    took = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)  # type: ignore[call-overload]
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def up(project: Path, env: dict[str, str]) -> tuple[float, dict[str, object]]:
    """Run `up --local --json`; return its seconds and its answer."""
    began = time.perf_counter()
    done = subprocess.run(
        [*SLSDEPLOY, "up", str(project), "--local", "--json"], check=True, capture_output=True, text=True, env=env
    )
    return time.perf_counter() - began, json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs

    bare = timed([sys.executable, "-c", "import typer"], runs)
    ours = timed([*SLSDEPLOY, "--help"], runs)
    print(f'python -c "import typer"          {bare * 1000:7.0f} ms')
    print(f"slsdeploy --help                  {ours * 1000:7.0f} ms   {ours / bare:.2f} times (goal 2.5)")

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "iris"
        shutil.copytree(ROOT / "samples/iris", project, ignore=shutil.ignore_patterns(".slsdeploy"))
        (project / "handler.py").write_text("def postprocess(outputs):\n    return outputs\n")
        env = {**os.environ, "SLSDEPLOY_STATE_DIR": f"{folder}/state"}
        try:
            up(project, env)
            subprocess.run([*SLSDEPLOY, "local", "stop"], check=True, capture_output=True, env=env)
            shutil.rmtree(project / ".slsdeploy")
            report("up, first", *up(project, env), goal=10)
            report("up, nothing changed", *up(project, env), goal=1.5)
            (project / "handler.py").write_text("def postprocess(outputs):\n    return dict(outputs)\n")
            report("up, one line of the handler", *up(project, env), goal=3)
        finally:
            subprocess.run([*SLSDEPLOY, "local", "stop"], check=False, capture_output=True, env=env)


def report(title: str, seconds: float, answer: dict[str, object], goal: float) -> None:
    """Print one line of the table."""
    print(f"{title:<33} {seconds:7.2f} s    {answer['uploaded_bytes']:>12,} bytes uploaded (goal {goal} s)")


if __name__ == "__main__":
    main()
