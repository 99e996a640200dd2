"""How far apart numbers may be that a prepared model answers with and those of the original: by datatype. Needs no numpy to say."""

from __future__ import annotations

from collections.abc import Mapping

from slsdeploy.types import ModelInfo

# |difference| <= atol + rtol * |original|, by the output's datatype; everything else must be equal. Sums are formed in another order
# when operators are joined, which moves the last bits of each; errors of a preparation are larger by far.
TOLERANCES: Mapping[str, tuple[float, float]] = {"FP16": (1e-2, 1e-2), "FP32": (1e-3, 1e-4), "FP64": (1e-6, 1e-8)}


def of(info: ModelInfo) -> dict[str, dict[str, float]]:
    """Return the tolerance of each kind of number that the model answers with."""
    kinds = sorted({tensor.datatype for tensor in info.outputs} & TOLERANCES.keys())
    return {kind: {"rtol": TOLERANCES[kind][0], "atol": TOLERANCES[kind][1]} for kind in kinds}
