"""A program's run -> seconds; several contestants' rounds -> a table of medians and ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Rounds:
    """What one contestant took, by measure: seconds, or bytes where the measure's name begins so; a value for each round."""

    name: str
    took: dict[str, list[float]] = field(default_factory=dict)

    def keep(self, measured: Mapping[str, float]) -> None:
        for name, value in measured.items():
            self.took.setdefault(name, []).append(value)


def timed(argv: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> float:
    """Run a program to its end; return the seconds."""
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **env}, cwd=cwd, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def table(contestants: Sequence[Rounds], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield the result as Markdown, ours first; ratios are medians of the rounds' own."""
    ours = contestants[0]
    yield f"| | {' | '.join(each.name for each in contestants)} |"
    yield "|---|" + "--:|" * len(contestants)
    for measure, title in titles.items():
        cells = []
        for each in contestants:
            median = statistics.median(each.took[measure])
            if measure.startswith("bytes"):
                cells.append(f"{median:,.0f} bytes")
                continue
            ratio = statistics.median(b / a for a, b in zip(ours.took[measure], each.took[measure], strict=True))
            cells.append(f"{median:.2f} s" + (f" ({ratio:.1f} x)" if each is not ours else ""))
        yield f"| {title} | {' | '.join(cells)} |"
