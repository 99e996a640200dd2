"""The keys of slsdeploy.toml: their types, bounds, defaults and descriptions."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slsdeploy import plugins
from slsdeploy.config import origin, secret, spelling
from slsdeploy.errors import ProjectError

NAME_LENGTH = 32  # with the stage, a Lambda function's name has 64
NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
SERVED_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
REGION = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"
# botocore's EnvironmentVariableName
VARIABLE = r"^[A-Za-z][A-Za-z0-9_]+$"
# botocore's shapes LocalMountPath, FileSystemArn, SubnetId, SecurityGroupId
MOUNT = r"^/mnt/[a-zA-Z0-9-_.]+$"
MOUNT_POINT = "/mnt/models"
ACCESS_POINT = (
    r"^arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z]{2,4}(-[a-z]+)+-[0-9]:[0-9]{12}:access-point/fsap-[a-f0-9]{17}$"
)
SUBNET = r"^subnet-[0-9a-z]+$"
SECURITY_GROUP = r"^sg-[0-9a-zA-Z]+$"
ACTION = r"^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$"
RESOURCE = r"^(\*|arn:[^\s]+)$"

# botocore's LayerArn
LAYER = r"arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9-_]+"

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_LIST = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"
_RESERVED = (
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
)
_NOT_RESERVED = ("AWS_LAMBDA_EXEC_WRAPPER",)  # for wrapper scripts, set by users

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
Retention = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


DAY = 24 * 3600


def _is_inside(path: PurePosixPath) -> PurePosixPath:
    if "\\" in str(path):
        raise ValueError("expected a path with / between its parts, also on Windows")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("expected a path inside the project folder, relative to it")
    if not path.parts or not str(path).isprintable():
        raise ValueError("expected a file's path")
    return path


def _is_model(source: str) -> str:
    if "://" in source or source.partition(":")[0] in origin.SCHEMES:
        origin.read(source)
    else:
        _is_inside(PurePosixPath(source))
    return source


def _is_module(name: str) -> str:
    if name.endswith(".py"):
        raise ValueError(f'expected the module, not its file: write "{name.removesuffix(".py").replace("/", ".")}"')
    module, colon, app = name.partition(":")
    if not re.match(MODULE, module) or (colon and not app.isidentifier()):
        raise ValueError(
            'expected a Python module, as in "handler" or "package.handler", or an application in one, as in "app:app"'
        )
    return name


def _is_settable(name: str) -> str:
    is_lambdas = name in _RESERVED or (name.startswith("AWS_LAMBDA_") and name not in _NOT_RESERVED)
    if is_lambdas:
        raise ValueError(f"reserved: Lambda sets it itself and refuses such a function ({RESERVED_LIST})")
    if name.startswith("SLSDEPLOY_"):
        raise ValueError("reserved: names that begin with SLSDEPLOY_ are set by the template")
    if not re.match(VARIABLE, name):
        raise ValueError("expected letters, digits and underscores, at least two, beginning with a letter")
    return name


def _is_secret(source: str) -> str:
    secret.read(source)
    return source


def _is_image(text: str) -> str:
    from slsdeploy import oci  # most projects name no base

    try:
        oci.reference(text)
    except ProjectError as error:
        raise ValueError(f"expected {error.hint}") from None
    return text


def _is_layer(arn: str) -> str:
    if re.fullmatch(LAYER, arn):
        raise ValueError(
            "expected one version of the layer: its number stands at the end of the ARN, as in ...:layer:NAME:7"
        )
    if not re.fullmatch(f"{LAYER}:[0-9]+", arn):
        raise ValueError(
            "expected the ARN of a layer's version, as in arn:aws:lambda:eu-central-1:123456789012:layer:NAME:7"
        )
    return arn


def _is_tag(key: str) -> str:
    if key.lower().startswith("aws:"):
        raise ValueError('tags that begin with "aws:" are reserved (https://docs.aws.amazon.com/tag-editor/)')
    return key


def _is_rule(id: str) -> str:
    known = plugins.rules()
    if id not in known:
        meant = spelling.did_you_mean(id, known) or "`slsdeploy explain` lists them"
        raise ValueError(f'there is no rule "{id}"; {meant}')
    return id


ProjectPath = Annotated[PurePosixPath, AfterValidator(_is_inside)]
ModelSource = Annotated[str, AfterValidator(_is_model), Field(json_schema_extra={"format": "path"})]
Module = Annotated[str, AfterValidator(_is_module)]
Variable = Annotated[str, AfterValidator(_is_settable)]
Secret = Annotated[str, AfterValidator(_is_secret)]
TagKey = Annotated[str, AfterValidator(_is_tag), Field(min_length=1, max_length=128)]
ImageReference = Annotated[str, AfterValidator(_is_image)]
RuleId = Annotated[str, AfterValidator(_is_rule)]
LayerVersion = Annotated[str, AfterValidator(_is_layer)]
ServedName = Annotated[str, Field(pattern=SERVED_NAME, max_length=64)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # all are built once, for Config


# Not `list` and `dict` themselves: pydantic reads a factory's signature, and for builtins that takes longer than all else here.
def _no_items() -> list[Any]:
    return []


def _no_entries() -> dict[str, Any]:
    return {}


Optimize = Literal["auto", "off", "native"]


class ConstantAnswer(_Section):
    """`fallback = { outputs = {...} }`: what is answered in a model's place, for each row."""

    outputs: dict[str, Any] = Field(description="a value for each output: one row, without the batch dimension")


class ModelConfig(_Section):
    """`[models.NAME]`: one of several models."""

    path: ModelSource = Field(description="where the model is, as for `model`")
    version: ServedName = Field("1", description="the version that the Open Inference Protocol shows")
    load: Literal["eager", "lazy"] = Field(
        "eager", description="load it when the function starts, or at its first request"
    )
    timeout: Annotated[float, Field(gt=0, le=900)] | None = Field(
        None, description="seconds that one run may take before its fallback answers"
    )
    fallback: ServedName | ConstantAnswer | None = Field(
        None,
        description="who answers when it fails to load, fails, or takes too long: another model's name, or `{ outputs = {...} }`",
    )
    optimize: Optimize | None = Field(None, description="as `optimize`, for this model")
    quantize: Literal["int8"] | None = Field(None, description="as `quantize`, for this model")
    max_batch: Annotated[int, Field(ge=1)] | None = Field(None, description="as `max_batch`, for this model")


class Vpc(_Section):
    """`[vpc]`: the network that the function joins."""

    subnets: Annotated[list[Annotated[str, Field(pattern=SUBNET)]], Field(min_length=1, max_length=16)] = Field(
        description="the subnets' ids"
    )
    security_groups: Annotated[
        list[Annotated[str, Field(pattern=SECURITY_GROUP)]], Field(min_length=1, max_length=5)
    ] = Field(description="the security groups' ids")


class FileSystem(_Section):
    """`[file_system]`: an EFS access point that the function mounts; it needs `[vpc]`."""

    arn: Annotated[str, Field(pattern=ACCESS_POINT)] = Field(description="the access point's ARN")
    mount: Annotated[str, Field(pattern=MOUNT, max_length=160)] = Field(MOUNT_POINT, description="where it is mounted")
    local: ProjectPath = Field(
        PurePosixPath("efs"),
        description="the project's folder with copies of the models on it: read by `build`, mounted by the local AWS, never shipped",
    )


class Image(_Section):
    """`[image]`: how `package = "image"` is built."""

    base: ImageReference | None = Field(
        None,
        description="the image to build upon, as HOST/REPOSITORY:TAG; default: AWS's own for the Python version, "
        "public.ecr.aws/lambda/python",
    )
    builder: Literal["slsdeploy", "docker"] = Field(
        "slsdeploy",
        description="who builds it: slsdeploy, which needs no engine; or a Docker-compatible engine, for images with system packages",
    )
    dockerfile: ProjectPath | None = Field(
        None,
        description="what the engine builds; default: slsdeploy's own, with the layers that it makes itself (docs/images.md)",
    )
    engine: Literal["docker", "podman"] | None = Field(
        None, description="the engine's program; default: the first of them that answers"
    )


class Policy(_Section):
    """`[[policy]]`: what the function may do besides what slsdeploy lets it do by itself: a statement of its role's policy."""

    actions: Annotated[list[Annotated[str, Field(pattern=ACTION)]], Field(min_length=1)] = Field(
        description='what it may do, as in "dynamodb:GetItem"'
    )
    resources: Annotated[list[Annotated[str, Field(pattern=RESOURCE)]], Field(min_length=1)] = Field(
        description='what it may do that with: ARNs; "*" for actions that know no resources'
    )


class Check(_Section):
    """`[check]`: what the preflight lets pass (docs/rules.md)."""

    fail_on: Literal["error", "warning", "note"] = Field(
        "error",
        description="the least severe finding that stops `check`, `build`, `plan` and `up`; `--fail-on` overrides it",
    )
    ignore: list[RuleId] = Field(
        default_factory=_no_items, description="rules that are not to be run, errors included; `--ignore` adds to them"
    )


class Idempotency(_Section):
    """`idempotent = { ... }`: how long what was answered is remembered."""

    # a mark must outlast the longest invocation
    expires_after_seconds: Annotated[int, Field(ge=900, le=31_536_000)] = Field(
        DAY, description="seconds for which what was answered is remembered"
    )


class Config(_Section):
    """`slsdeploy.toml` for one stage."""

    name: Annotated[str, Field(pattern=NAME, max_length=NAME_LENGTH)] = Field(
        description="names the stack and the function, with the stage behind it"
    )
    model: ModelSource | None = Field(
        None,
        description="the model file, relative to the project folder; or s3://BUCKET/KEY, or efs:/mnt/NAME/FILE",
    )
    models: dict[ServedName, ModelConfig] = Field(
        default_factory=_no_entries, description="several models, by the name they are served under; instead of `model`"
    )
    handler: Module | None = Field(
        None,
        description='the module with preprocess, predict, postprocess; default: "handler" when there is one; '
        'or an ASGI application, which answers HTTP instead: "app:app"',
    )
    optimize: Optimize = Field(
        "auto",
        description="how models are prepared for a fast start: measured at build, safe on any processor of the architecture; "
        "as they are; or for the very processor that builds",
    )
    quantize: Literal["int8"] | None = Field(
        None, description="int8: weights as 8-bit integers; the outputs differ a little"
    )
    max_batch: Annotated[int, Field(ge=1)] | None = Field(
        None, description="rows that one run of the model takes at most; default: as many as 16 MB hold"
    )
    model_memory: Annotated[int, Field(ge=1, le=10240)] | None = Field(
        None, description="MB that loaded models may take together; default: what `memory` leaves"
    )
    snap_start: bool = Field(
        False, description="start from a snapshot of the initialised function: Lambda SnapStart (docs/snapstart.md)"
    )
    verify: bool = Field(
        False,
        description="the function hashes each model before it loads it, and refuses another (docs/supply-chain.md)",
    )
    idempotent: bool | Idempotency = Field(
        False,
        description="answer once what a queue, stream or event delivers twice; true, or "
        "`{ expires_after_seconds = N }`; default of those: a day (docs/idempotency.md)",
    )
    python: Literal["3.12", "3.13", "3.14"] = Field("3.13", description="the Lambda runtime's Python")
    architecture: Literal["arm64", "x86_64"] = Field("arm64", description="the processor architecture")
    # Limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    memory: Annotated[int, Field(ge=128, le=10240)] = Field(1769, description="MB; 1,769 MB buy one vCPU")
    timeout: Annotated[int, Field(ge=1, le=900)] = Field(30, description="seconds that one invocation may take")
    ephemeral_storage: Annotated[int, Field(ge=512, le=10240)] = Field(512, description="MB of /tmp")
    package: Literal["auto", "zip", "layer", "image"] = Field("auto", description="how the bundle is packaged")
    layers: list[LayerVersion] = Field(
        default_factory=_no_items,
        description="layers of others that the function gets: ARNs of their versions; not for images (docs/packages.md)",
    )
    image: Image = Field(default_factory=Image.model_construct, description="how an image is built: `[image]`")
    requirements: str | list[str] | None = Field(
        None,
        description="a requirements file, or an array of requirements; "
        "default: requirements.txt, uv.lock or pyproject.toml when there is one",
    )
    include: list[str] = Field(
        default_factory=_no_items, description="patterns of further project files that ship with the code"
    )
    exclude: list[str] = Field(default_factory=_no_items, description="patterns of files that do not ship")
    slim: Literal["auto", "off"] = Field(
        "auto",
        description="auto: leave out of the dependencies what a function does not need, as far as it is tried out (docs/slimming.md); "
        "off: only what cannot run",
    )
    environment: dict[Variable, str] = Field(
        default_factory=_no_entries, description="environment variables of the function"
    )
    secrets: dict[Variable, Secret] = Field(
        default_factory=_no_entries,
        description="environment variables whose values are read at start: the ARN of a Secrets Manager secret or of an SSM parameter, "
        "or ssm:/NAME; a key of your own (KMS) must let the function's role decrypt",
    )
    large_answers: Literal["s3", "refuse"] = Field(
        "s3",
        description="an answer that is more than AWS takes: goes to a bucket of the stack, with a pointer in its place; or is an error",
    )
    vpc: Vpc | None = Field(None, description="the network that the function joins: `[vpc]`")
    file_system: FileSystem | None = Field(None, description="an EFS access point: `[file_system]`")
    region: Annotated[str, Field(pattern=REGION)] | None = Field(
        None, description="the AWS region; default: the AWS configuration's"
    )
    tags: dict[TagKey, Annotated[str, Field(max_length=256)]] = Field(
        default_factory=_no_entries, description="tags of the stack and everything in it"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least severe level that the function logs"
    )
    log_retention: Retention = Field(30, description="days that log events are kept")
    check: Check = Field(default_factory=Check.model_construct, description="what the preflight lets pass: `[check]`")
    policy: list[Policy] = Field(
        default_factory=_no_items,
        description="what the function may do besides: `[[policy]]`, each a statement of its role's policy",
    )
    output: Any = Field(
        None, description="where answers go that nobody waits for, of all triggers that say nothing else: `[output]`"
    )
    trigger: tuple[Any, ...] = Field(
        (), description="what calls the function: `[[trigger]]`, each with a type and that type's options"
    )

    @property
    def idempotency_seconds(self) -> int | None:
        """Return for how long what was answered is remembered; None when it is not."""
        if isinstance(self.idempotent, Idempotency):
            return self.idempotent.expires_after_seconds
        return DAY if self.idempotent else None
