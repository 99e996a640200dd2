"""What layers are: shared ones, which are ours, and those of others that a project attaches.

A shared layer is dependencies, runtime or model, named after its content, so that stages and functions of an account use the same.
The tool publishes it, not a stack: what a stack publishes is its own. The template names the layer; the number of its version, which
only Lambda gives, is a parameter of the stack.

Decision (2026-11): a name is no proof, as anybody may take it who may publish layers. A version that the stack does not have already is
used only if Lambda says of its content what the zip here is; else it is published anew. So machines whose bytecode differs (see
bundle/tree.py) have a version each, under one name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = "slsdeploy-"
# What PublishLayerVersion takes in the call itself, zipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
DIRECT_LIMIT = 50 * 1024**2
FOLDER = "layers"  # of the artifact bucket; no stack is called so
_OURS = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:layer:(slsdeploy-[a-z]+-[0-9a-f]{32}):(\d+)")
_NAMED = re.compile(r":layer:(slsdeploy-[a-z]+-[0-9a-f]{32}):\$\{(\w+)\}")  # as a template says it


@dataclass(frozen=True, slots=True)
class SharedLayer:
    """A layer that a function needs: its name, which parts it holds, what it runs on (no runtimes: any), its zip and the zip's bytes.

    `parameter` is the template's, for the number of the version.
    """

    name: str
    title: str
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]
    path: Path
    bytes: int

    @property
    def parameter(self) -> str:
        return f"{self.title.capitalize()}LayerVersion"

    @property
    def key(self) -> str:
        """Where the zip goes in the artifact bucket, when it is too large to be sent in the call; it stays there as long as the layer."""
        return key_of(self.name)

    @property
    def is_direct(self) -> bool:
        return self.bytes <= DIRECT_LIMIT


@dataclass(frozen=True, slots=True)
class Published:
    """What there is of a layer: the numbers of its versions that hold what its zip does, and whether its zip is in the bucket."""

    numbers: tuple[int, ...] = ()
    has_object: bool = False


def key_of(name: str) -> str:
    """Return the key of a shared layer's zip."""
    return f"{FOLDER}/{name}.zip"


def read(arn: str) -> tuple[str, int] | None:
    """Return name and number of a shared layer's version; None for any other layer's ARN."""
    found = _OURS.fullmatch(arn)
    return (found[1], int(found[2])) if found else None


def held(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, int]:
    """Return the shared layers that a stack with this template and these parameters has: name -> number."""
    found = dict(_NAMED.findall(json.dumps(template)))
    return {name: int(parameters[parameter]) for name, parameter in found.items() if parameter in parameters}


@dataclass(frozen=True, slots=True)
class AttachedLayer:
    """A version of somebody else's layer, and its bytes, unzipped (None: not known yet)."""

    arn: str
    bytes: int | None = None

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]
