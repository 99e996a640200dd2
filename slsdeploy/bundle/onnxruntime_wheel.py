"""An installed onnxruntime -> what inference needs of it, about a third less.

The wheel has the engine twice: inside the module that Python loads (`capi/onnxruntime_pybind11_state*.so`), and as a library for C programs
(`capi/libonnxruntime.so.*`, 20 to 30 MB), which that module does not link to. And it has tools to make models with, 10 MB of them.
Whatever is mentioned anywhere in the bundle stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from slsdeploy.bundle import tree

_NAME = "onnxruntime"
# They import one another, and nothing else in the package needs them to import.
_TOOLS = ("quantization", "tools", "transformers")
_LIBRARY = "libonnxruntime.so*"
_MODULE = "onnxruntime_pybind11_state*.so"
# A shared object names what it links to (DT_NEEDED) in plain text; the providers are plugins of other names.
_USES_LIBRARY = re.compile(rb"libonnxruntime(?!_providers)")
_USES_TOOLS = re.compile(
    rb"onnxruntime\.(?:quantization|tools|transformers)\b"
    rb"|from\s+onnxruntime\s+import\s[\s(]*(?:\w+(?:\s+as\s+\w+)?\s*,\s*)*(?:quantization|tools|transformers)\b"
)


def uses_tools(files: Iterable[Path]) -> bool:
    """Say whether one of these modules names the tools that come with onnxruntime."""
    return any(_USES_TOOLS.search(file.read_bytes()) for file in files if file.suffix == ".py")


def slim(packages: Path, *, keep_tools: bool) -> None:
    """Remove from a folder of installed packages what nobody needs of onnxruntime; `keep_tools` when the project uses those."""
    engine = packages / _NAME / "capi"
    if not any(engine.glob(_MODULE)):  # of a kind that is not known here
        return
    others = [path for path in packages.rglob("*.py") if path.relative_to(packages).parts[0] != _NAME]
    if not keep_tools and not uses_tools(others):
        for name in _TOOLS:
            tree.remove(packages / _NAME / name)
    libraries = set(engine.glob(_LIBRARY))
    shared = (path for path in packages.rglob("*.so*") if path not in libraries)
    if not any(_USES_LIBRARY.search(path.read_bytes()) for path in (*shared, *others) if path.is_file()):
        for library in libraries:
            library.unlink()
