"""A bundle -> sbom.cdx.json beside it: what it is made of, as CycloneDX 1.6, written by that project's own library.

The same bundle gives the same bytes: nothing of the time or of this machine is in it, and its serial number comes of its content. Importing
the library takes longer than packing a changed handler, so where only the code changed, the last document is taken with the new digest.
https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from slsdeploy import __version__
from slsdeploy.bundle import distributions, facts, needs_graph
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.bundle.requirements import ARM64, ASGI, IMAGE, RUNTIME
from slsdeploy.types import SBOM, Bundle, EfsOrigin, Model, ModelInfo, Preparation, Project, S3Origin

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom

_MADE_FROM = "slsdeploy:made-from"
# Requirements that no project states.
_OURS = frozenset({*RUNTIME, *ARM64, *ASGI, *IMAGE})
# Raise it when what this module writes of the same bundle changes.
_RECIPE = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """What a document is written of. `named` are the packages that the project's requirements name, as far as they are known."""

    project: Project
    bundle: Bundle
    distributions: tuple[Distribution, ...]
    named: tuple[str, ...]

    @property
    def key(self) -> str:
        """The digest of all that is told, but for the code."""
        told = [
            _RECIPE,
            __version__,
            self.project.name,
            self.whole,
            [part.digest for part in self.bundle.parts if part.name == "runtime"],
            self.models,
            self.base,
            [asdict(each) for each in self.distributions],
            self.named,
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def whole(self) -> Mapping[str, list[str]]:
        """What is told of the bundle itself, beside its digest."""
        return {
            "stage": [self.project.stage],
            "package": [self.bundle.package],
            "python": [self.bundle.python],
            "platform": [self.project.target.platform],
            **{f"part:{part.name}": [part.digest] for part in self.bundle.parts if part.name != "code"},
        }

    @property
    def models(self) -> list[tuple[str, str, str, Mapping[str, list[str]]]]:
        """Each model's name, version, digest, and what else is told of it."""
        each = zip(self.project.models, self.bundle.models, self.bundle.preparations, strict=True)
        return [(model.name, model.version, info.digest, _told(model, info, made)) for model, info, made in each]

    @property
    def base(self) -> str:
        """The image that the bundle's is built upon, with its digest; "" for none."""
        return self.project.base.reference if self.project.base else ""


def read(folder: Path) -> str:
    """Return the document of the bundle in a folder, "" when there is none."""
    try:
        return (folder / SBOM).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def subject(project: Project, bundle: Bundle, requirements: Iterable[str], draft: Path) -> Subject:
    """Return what is to be told of a bundle that is still a draft; `requirements` are the project's own."""
    found = distributions.of_facts(facts.read(facts.place(draft, "dependencies")))
    once = {each.key: each for each in found}  # of one that is there twice, nobody knows which is imported
    named = tuple(filter(None, (needs_graph.name_of(each) for each in requirements if each not in _OURS)))
    return Subject(project, bundle, tuple(once.values()), named)


def write(subject: Subject, draft: Path, former: str) -> None:
    """Write the document into a draft of the bundle; `former` is that of the last bundle."""
    (draft / SBOM).write_text(_again(former, subject) or make(subject), encoding="utf-8")


def make(subject: Subject) -> str:
    """Return the document."""
    from cyclonedx.output.json import JsonV1Dot6

    with warnings.catch_warnings():  # the library warns where nobody says what a component needs
        warnings.simplefilter("ignore")
        document: dict[str, Any] = json.loads(JsonV1Dot6(_bom(subject)).output_as_string())
    del document["metadata"]["timestamp"]  # the library always has one
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _again(text: str, subject: Subject) -> str:
    """Return the last document with the bundle's digest in it, if nothing else of it changed; else ""."""
    try:
        said = json.loads(text)
        former: str = said["metadata"]["component"]["hashes"][0]["content"]
        told = {each["name"]: each["value"] for each in said["metadata"]["properties"]}
        serial: str = said["serialNumber"]
        if told[_MADE_FROM] != subject.key or len(former) != len(subject.bundle.digest):
            return ""
    except (ValueError, LookupError, TypeError):
        return ""
    return text.replace(former, subject.bundle.digest).replace(serial, _serial(subject).urn)


def _serial(subject: Subject) -> UUID:
    return uuid5(NAMESPACE_URL, f"slsdeploy:{subject.bundle.digest}:{subject.key}")


def _bom(subject: Subject) -> Bom:
    from cyclonedx.contrib.this.builders import this_component
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    from slsdeploy.bundle import sbom_components as components

    whole = components.whole(subject.project.name, subject.bundle.digest, subject.whole)
    runtime = components.runtime(subject.bundle)
    models = [components.model(*each) for each in subject.models]
    base = [components.base(subject.base)] if subject.base else []
    packages = {each.key: components.package(each) for each in subject.distributions}
    slsdeploy = Component(type=ComponentType.APPLICATION, name="slsdeploy", version=__version__)
    metadata = BomMetaData(
        component=whole,
        tools=ToolRepository(components=[slsdeploy, this_component()]),
        properties=components.properties({_MADE_FROM.removeprefix(components.PREFIX): [subject.key]}),
    )
    own = [runtime, *models, *base]
    bom = Bom(serial_number=_serial(subject), metadata=metadata, components=[*own, *packages.values()])
    runtimes = [name for name in map(needs_graph.name_of, RUNTIME) if name in packages]
    edges = needs_graph.needs(subject.distributions, subject.project.target)
    direct = needs_graph.roots({**edges, "": runtimes}, subject.named) - {""}
    bom.register_dependency(whole, [*own, *(packages[name] for name in direct)])
    bom.register_dependency(runtime, [packages[name] for name in runtimes])
    for name, others in edges.items():
        bom.register_dependency(packages[name], [packages[other] for other in others])
    return bom


def _told(model: Model, info: ModelInfo, made: Preparation) -> Mapping[str, list[str]]:
    signature = {
        f"model:{side}:{tensor.name}": [f"{tensor.datatype}{list(tensor.shape)}"]
        for side, tensors in (("input", info.inputs), ("output", info.outputs))
        for tensor in tensors
    }
    said = {
        "format": [info.format],
        "opset": [str(info.opset)],
        "bytes": [str(info.bytes)],
        "file": [file.relative_to(model.path.parent).as_posix() for file in info.files],
        "origin": [_origin(model)],
        "preparation": [made.choice],
        "prepared-digest": [made.digest],
        "prepared-by": [f"onnxruntime {made.onnxruntime}" if made.onnxruntime else ""],
        "quantize": [made.quantize or ""],
    }
    return {**{f"model:{name}": values for name, values in said.items()}, **signature}


def _origin(model: Model) -> str:
    match model.origin:
        case S3Origin() as origin:
            return origin.uri
        case EfsOrigin(path):
            return f"efs:{path}"
        case None:
            return ""
