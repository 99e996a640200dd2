"""Memory sizes, side by side: with the share of a CPU that each buys, how fast it starts and answers, and what Lambda charges for that.

The start has no more CPU than the rest. On Lambda the init phase was seen to run on two whole vCPUs at any size up to 3,008 MB
(https://bitesizedserverless.com/bite/lambda-cold-start-bootstrap/), but AWS does not promise it: small sizes may start sooner there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from slsdeploy.bench import prices
from slsdeploy.bench.asked import Asked
from slsdeploy.bench.bundled import Bundled
from slsdeploy.bench.spread import percentile, spread
from slsdeploy.local.trial import Ask, Share, Trial, find_share, run
from slsdeploy.tools import Tools
from slsdeploy.types import Architecture, Project
from slsdeploy_runtime.threads import MEGABYTES_PER_VCPU

_MB = 1 << 20
_WARM_SECONDS = 3.0
HOW = {
    "cgroup": "the CPU share of each size was enforced by a control group's quota",
    "signals": "the CPU share of each size was enforced by stopping and continuing the process (no control group could be made)",
    "none": "the CPU share of the sizes could not be enforced here: only threads and price differ",
}


@dataclass(frozen=True, slots=True)
class Size:
    """What a memory size gives: milliseconds, bytes, US dollars. `vcpus` is what it buys on Lambda, `simulated` what there was here."""

    memory: int
    vcpus: float
    simulated: float
    how: str
    init_ms: float
    first_answer_ms: float
    p50: float
    p99: float
    peak: int
    architecture: Architecture

    @property
    def fits(self) -> bool:
        return self.peak <= self.memory * _MB

    def document(self) -> dict[str, object]:
        """Return it for a JSON document. A cold start is billed with its init phase."""
        return {
            "memory": self.memory,
            "vcpus": round(self.vcpus, 3),
            "simulated_vcpus": round(self.simulated, 3),
            "cpu_limit": self.how,
            "init_ms": round(self.init_ms, 3),
            "first_answer_ms": round(self.first_answer_ms, 3),
            "warm_ms": {"p50": round(self.p50, 3), "p99": round(self.p99, 3)},
            "peak_bytes": self.peak,
            "fits": self.fits,
            "architecture": self.architecture,
            "usd_per_million": round(prices.per_million(self.p50, self.memory, self.architecture), 4),
            "usd_per_million_cold": round(prices.per_million(self.first_answer_ms, self.memory, self.architecture), 4),
        }


def measure(tried: Bundled, project: Project, asked: Asked, tools: Tools) -> list[Size]:
    """Measure each size so often, round by round, so that a busy moment of this machine meets all of them."""
    if not asked.memory:
        return []
    trials: dict[int, list[Trial]] = {memory: [] for memory in asked.memory}
    with ExitStack() as stack:
        shares = {memory: stack.enter_context(find_share(_simulated(memory))) for memory in asked.memory}
        task = stack.enter_context(tools.reporter.step(f"{len(asked.memory)} memory sizes"))
        for number in range(asked.runs):
            for memory in asked.memory:
                task.describe(f"{memory} MB, {number + 1} of {asked.runs}")
                ask = Ask(tried.event, warm_seconds=_WARM_SECONDS, share=shares[memory])
                trials[memory].append(run(replace(tried.subject, memory=memory), ask))
    return [_size(memory, trials[memory], shares[memory], project.config.architecture) for memory in asked.memory]


def notes(sizes: Sequence[Size]) -> list[str]:
    """Say how the sizes were simulated, where that ends, and whose prices these are."""
    if not sizes:
        return []
    found = [HOW[sizes[0].how]]
    beyond = [f"{size.memory} MB ({size.vcpus:.1f})" for size in sizes if size.vcpus > size.simulated]
    if beyond:
        found.append(f"*: this machine has {_processors()} CPUs, fewer than {', '.join(beyond)} would buy on Lambda")
    price = f"prices: {sizes[0].architecture} in {prices.REGION}, on demand, {prices.DATE} ({prices.PAGE})"
    found.append("Lambda may give the init phase more CPU than its share, which it does not promise: this is without")
    return [*found, price, "what is billed is this machine's time, rounded up to 1 ms; of a cold start its init, too"]


def _simulated(memory: int) -> float:
    return min(memory / MEGABYTES_PER_VCPU, float(_processors()))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(memory: int, trials: Sequence[Trial], share: Share, architecture: Architecture) -> Size:
    warm = [took for trial in trials for took in trial.warm_ms]
    return Size(
        memory=memory,
        vcpus=memory / MEGABYTES_PER_VCPU,
        simulated=_simulated(memory),
        how=share.how,
        init_ms=spread([trial.init_ms for trial in trials]).median,
        first_answer_ms=spread([trial.first_answer_ms for trial in trials]).median,
        p50=percentile(warm, 50),
        p99=percentile(warm, 99),
        peak=max(trial.peak for trial in trials),
        architecture=architecture,
    )
