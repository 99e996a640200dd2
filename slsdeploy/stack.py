"""Project + Artifact -> Template: structure merged onto templates/function.yaml. Pure.

What a trigger adds is said in its own file (`slsdeploy_runtime/events/`); what a package adds, in `targets/`. This module only joins them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from slsdeploy import assets, idempotency, large_answers, reach
from slsdeploy.config import FILE, Policy, secret
from slsdeploy.errors import ConfigError
from slsdeploy.transform import transform
from slsdeploy.types import Model, ModelInfo, Project, Trigger
from slsdeploy_runtime.events import Signature, Site, Wiring

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Template

FUNCTION = "Function"
# What a function is made of is the artifact's to say; the template has it only to be valid as it lies.
_PACKAGING = ("InlineCode", "Handler", "Runtime")
# What a version of the function is made of.
BUNDLE, MODELS = "SLSDEPLOY_BUNDLE", "SLSDEPLOY_MODELS"
_FEW, _SHORT = 8, 16
LATE_POLICY = "FunctionDataPolicy"


def make_template(project: Project, artifact: Artifact, region: str, models: Sequence[ModelInfo] = ()) -> Template:
    """Return the stack that serves this project's bundle: SAM, and the CloudFormation it stands for.

    `models` are the project's, as the bundle has them.
    """
    from slsdeploy.artifacts import Template  # the preflight needs what else is here, and no template

    sam = make_sam(project, artifact, models)
    return Template(
        stack=project.stack,
        sam=sam,
        cloudformation=_keeping_versions(transform(sam, region)),
        tags={**project.config.tags, "slsdeploy:name": project.name, "slsdeploy:stage": project.stage},
    )


def make_sam(project: Project, artifact: Artifact, models: Sequence[ModelInfo] = ()) -> dict[str, Any]:
    """Merge the function's settings, the artifact and the wiring of every trigger onto templates/function.yaml."""
    import yaml  # most commands make no template

    sam: dict[str, Any] = yaml.safe_load((assets.templates() / "function.yaml").read_text(encoding="utf-8"))
    sam["Metadata"] = {"slsdeploy": {"bundle": artifact.digest, "package": artifact.package}}
    resources = sam["Resources"]
    properties = resources[FUNCTION]["Properties"]
    for name in _PACKAGING:
        del properties[name]
    properties.update(_settings(project))
    properties["Environment"]["Variables"] |= identity(project, artifact.digest, [info.digest for info in models])
    properties.update(artifact.properties)
    if project.layers:  # before ours: what lies upon them was verified without them
        properties["Layers"] = [*(layer.arn for layer in project.layers), *artifact.properties.get("Layers", ())]
    sam.update(_parameters(artifact))
    if artifact.layers:
        properties["VersionDescription"] = _numbers(artifact)
    resources["LogGroup"]["Properties"]["RetentionInDays"] = project.config.log_retention
    for trigger in project.triggers:
        _add(sam, wire(project, trigger, models), trigger.name)
    for wiring in additions(project):
        _add(sam, wiring)
    properties["AutoPublishCodeSha256"] = _release(properties, artifact)
    return sam


def _parameters(artifact: Artifact) -> dict[str, Any]:
    """Declare what is known only when a layer is published: the number of its version."""
    declared = {
        layer.parameter: {"Type": "Number", "MinValue": 1, "Description": f"the version of the layer {layer.name}"}
        for layer in artifact.layers
    }
    return {"Parameters": declared} if declared else {}


def _numbers(artifact: Artifact) -> dict[str, str]:
    """Describe a version of the function by the numbers of its layers: one that is published anew makes another version.

    The name of the version's resource is made from the template alone, which does not know them; its description cannot be changed
    without replacing it: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html
    """
    return {"Fn::Sub": ", ".join(f"{layer.title} ${{{layer.parameter}}}" for layer in artifact.layers)}


def _keeping_versions(cloudformation: dict[str, Any]) -> dict[str, Any]:
    """Keep the former version of the function where another takes its place, as SAM keeps one that is left out."""
    for resource in cloudformation["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Version" and "Description" in resource["Properties"]:
            resource["UpdateReplacePolicy"] = "Retain"
    return cloudformation


def to_yaml(template: Mapping[str, Any]) -> str:
    """Return a template as people read it, in the order in which it was built."""
    import yaml

    return yaml.safe_dump(json.loads(json.dumps(template)), sort_keys=False, width=120)


def wire(project: Project, trigger: Trigger, models: Sequence[ModelInfo] = ()) -> Wiring:
    """Return what one trigger adds to the stack.

    Raises ConfigError when its options do not fit the function's.
    """
    vpc = project.config.vpc
    site = Site(
        function=FUNCTION,
        timeout=project.config.timeout,
        trigger=trigger.name,
        subnets=vpc.subnets if vpc else (),
        security_groups=vpc.security_groups if vpc else (),
        models=[_signature(model, info) for model, info in zip(project.models, models, strict=bool(models))],
        functions=project.handler.functions if project.handler else (),
        texts=trigger.texts,
        has_output=project.config.output is not None,
    )
    try:
        wiring: Wiring = import_module(trigger.module).wire(trigger.options, site)
    except ValueError as error:
        raise ConfigError(
            f"[[trigger]] of type {trigger.options.type!r}: {error}", where=str(project.root / FILE)
        ) from error
    return wiring


def _signature(model: Model, info: ModelInfo) -> Signature:
    inputs, outputs = (
        [(each.name, each.datatype, each.shape) for each in side] for side in (info.inputs, info.outputs)
    )
    return Signature(model.name, inputs, outputs)


def _release(properties: Mapping[str, Any], artifact: Artifact) -> str:
    """Return the digest that a new version is published for: of the bundle and of every property of the function."""
    return sha256(json.dumps([artifact.digest, properties], sort_keys=True).encode()).hexdigest()


def variables(project: Project) -> dict[str, Any]:
    """Return the function's environment variables; a value that only CloudFormation knows is an intrinsic function.

    Raises ConfigError as `wire` does.
    """
    wired = [wire(project, trigger).environment for trigger in project.triggers]
    wired += [wiring.environment for wiring in additions(project)]
    return {
        "SLSDEPLOY_STAGE": project.stage,
        "POWERTOOLS_SERVICE_NAME": project.name,
        "POWERTOOLS_METRICS_NAMESPACE": "slsdeploy",
        "POWERTOOLS_LOG_LEVEL": project.config.log_level,
        **project.config.environment,
        **{name: value for environment in wired for name, value in environment.items()},
    }


def identity(project: Project, bundle: str, models: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables that say what a version of the function is made of: digests of the bundle and of its models ("NAME=DIGEST ...").

    They are with each version in what GetFunctionConfiguration answers, which metadata of the template, tags and the package are not.
    All variables may take 4 KB together: of many models, digests are cut short.
    """
    named = zip(project.models, models, strict=bool(models))
    length = 64 if len(models) <= _FEW else _SHORT
    return {BUNDLE: bundle, MODELS: " ".join(f"{model.name}={digest[:length]}" for model, digest in named)}


def models_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the models that a stack serves, by name; none of one that was deployed before they were told."""
    properties = template.get("Resources", {}).get(FUNCTION, {}).get("Properties", {})
    said = str(properties.get("Environment", {}).get("Variables", {}).get(MODELS, ""))
    return dict(each.split("=", 1) for each in said.split() if "=" in each)


def _settings(project: Project) -> dict[str, Any]:
    config = project.config
    settings: dict[str, Any] = {
        "Architectures": [project.target.architecture],
        "MemorySize": config.memory,
        "Timeout": config.timeout,
        "Environment": {"Variables": variables(project)},
    }
    if config.ephemeral_storage != 512:  # Lambda's default
        settings["EphemeralStorage"] = {"Size": config.ephemeral_storage}
    if config.snap_start:
        settings["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    return settings


def additions(project: Project) -> list[Wiring]:
    """Return what the project's own settings add to the stack beside its triggers."""
    config = project.config
    wirings = [_policy(config.policy), _secrets(config.secrets), reach.wire(project), *_output(config.output)]
    return [*wirings, idempotency.wire(project), large_answers.wire(project)]


def _add(sam: dict[str, Any], wiring: Wiring, trigger: str = "") -> None:
    properties = sam["Resources"][FUNCTION]["Properties"]
    properties.update(wiring.properties)
    if wiring.events:
        properties.setdefault("Events", {}).update(wiring.events)
    sam["Resources"].update(wiring.resources)
    for name, value in wiring.outputs.items():
        if sam["Outputs"].get(name) == {"Value": value}:  # what triggers share, such as the queue of failed events
            continue
        # the second trigger of a type says whose outputs these are
        sam["Outputs"][f"{trigger}{name}" if name in sam["Outputs"] else name] = {"Value": value}
    _allow(sam, wiring.statements)
    if wiring.late_statements:
        policy = sam["Resources"].setdefault(LATE_POLICY, _late_policy())
        policy["Properties"]["PolicyDocument"]["Statement"].extend(wiring.late_statements)


def _allow(sam: dict[str, Any], statements: Any) -> None:
    sam["Resources"]["FunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].extend(statements)


def _late_policy() -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "data",
            "Roles": [{"Ref": "FunctionRole"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": []},
        },
    }


def _output(output: Any) -> list[Wiring]:
    return [] if output is None else [import_module(type(output).__module__).wire(output, "")]


def _policy(policy: Sequence[Policy]) -> Wiring:
    allowed = [
        {"Sid": f"Own{number}", "Effect": "Allow", "Action": each.actions, "Resource": each.resources}
        for number, each in enumerate(policy, 1)
    ]
    return Wiring(statements=allowed)


def _secrets(secrets: Mapping[str, str]) -> Wiring:
    by_action: dict[str, list[Any]] = {}
    for source in secrets.values():
        found = secret.read(source)
        by_action.setdefault(found.action, []).append(found.resource)
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resources} for action, resources in by_action.items()]
    return Wiring(statements=allowed)
