"""What a user is told about how models ship: one line each."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.prepare.candidates import PREPACKED
from slsdeploy.types import Model, Preparation


def no_engine(model: Model, shipped: str, ours: str) -> str:
    """Say that the function's onnxruntime does not run here."""
    lead = f"model {model.name} is not prepared for a fast start: the function has onnxruntime {shipped}, this machine {ours}"
    return f"{lead} (`pip install onnxruntime=={shipped}`, or delete slsdeploy.lock)"


def install(onnxruntime: str) -> str:
    """Say how this machine comes to the function's onnxruntime."""
    return f"build where the function's onnxruntime runs, or install it beside slsdeploy: `pip install onnxruntime=={onnxruntime}`"


def not_as_locked(model: Model, choice: str = "") -> str:
    """Say that a model would not ship as slsdeploy.lock says, or that it can say nothing of it."""
    if choice:
        return f"--locked: model {model.name} is to be prepared ({choice}), as slsdeploy.lock says, which this machine cannot"
    return (
        f"--locked: model {model.name} is quantized by another onnxruntime than ships, which slsdeploy.lock cannot say"
    )


def other_processor(model: Model, architecture: str) -> str:
    """Say that what was chosen on another machine cannot be made here."""
    lead = f'model {model.name} ships as it is: optimize = "native" can be prepared on {architecture} only'
    return f'{lead} (build there, or use optimize = "auto")'


def native(model: Model, choice: str, architecture: str, is_targets: bool) -> str:
    """Say what `optimize = "native"` means for the bundle."""
    lead = f'optimize = "native": model {model.name}'
    if choice == PREPACKED.name:
        return f"{lead} is prepared for this machine's processor, and must run on the same kind of processor: AWS promises none"
    if not is_targets:
        return f"{lead} can be prepared for {architecture} on such a machine only; what is safe everywhere was measured"
    return f"{lead} has nothing of this processor in it: that would not have been faster"


def not_measured(model: Model, reason: str) -> str:
    """Say why a model ships as it is."""
    return f"model {model.name} is not prepared for a fast start: {reason}"


def other_bytes(model: Model) -> str:
    """Say that another machine made other bytes of the same model."""
    lead = f"model {model.name}: what onnxruntime makes of it here differs in bytes from what slsdeploy.lock names"
    return f'{lead}: its processor rounds differently, and the outputs agree; to build the same everywhere, use optimize = "off"'


def of_choice(model: Model, found: Preparation) -> Iterator[str]:
    """Say what is worth knowing about the outputs: what int8 did to them, and which candidates got them wrong."""
    if model.quantize and not found.digest:
        yield f"model {model.name}: there is nothing in it that int8 could quantize; it ships in its own precision"
    elif found.quantized_difference is not None:
        yield f"model {model.name}: with int8 its outputs differ by up to {found.quantized_difference:g} from the original's"
    for row in found.measured:
        if row.dropped:
            yield f"model {model.name}: {row.candidate} was dropped: {row.dropped}"
