"""The keys of slsdeploy.toml: their types, bounds, defaults and descriptions."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slsdeploy.config import secret

NAME_LENGTH = 32  # with the stage, a Lambda function's name has 64
NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
SERVED_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
REGION = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"
# botocore's EnvironmentVariableName
VARIABLE = r"^[A-Za-z][A-Za-z0-9_]+$"

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


def _is_inside(path: PurePosixPath) -> PurePosixPath:
    if "\\" in str(path):
        raise ValueError("expected a path with / between its parts, also on Windows")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("expected a path inside the project folder, relative to it")
    if not path.parts or not str(path).isprintable():
        raise ValueError("expected a file's path")
    return path


def _is_module(name: str) -> str:
    if name.endswith(".py"):
        raise ValueError(f'expected the module, not its file: write "{name.removesuffix(".py").replace("/", ".")}"')
    if not re.match(MODULE, name):
        raise ValueError('expected the name of a Python module, as in "handler" or "package.handler"')
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


def _is_tag(key: str) -> str:
    if key.lower().startswith("aws:"):
        raise ValueError('tags that begin with "aws:" are reserved (https://docs.aws.amazon.com/tag-editor/)')
    return key


ProjectPath = Annotated[PurePosixPath, AfterValidator(_is_inside)]
Module = Annotated[str, AfterValidator(_is_module)]
Variable = Annotated[str, AfterValidator(_is_settable)]
Secret = Annotated[str, AfterValidator(_is_secret)]
TagKey = Annotated[str, AfterValidator(_is_tag), Field(min_length=1, max_length=128)]
ServedName = Annotated[str, Field(pattern=SERVED_NAME, max_length=64)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(_Section):
    """`[models.NAME]`: one of several models."""

    path: ProjectPath = Field(description="the model file, relative to the project folder")
    version: ServedName = Field("1", description="the version that the Open Inference Protocol shows")


class Config(_Section):
    """`slsdeploy.toml` for one stage."""

    name: Annotated[str, Field(pattern=NAME, max_length=NAME_LENGTH)] = Field(
        description="names the stack and the function, with the stage behind it"
    )
    model: ProjectPath | None = Field(None, description="the model file, relative to the project folder")
    models: dict[ServedName, ModelConfig] = Field(
        default_factory=dict, description="several models, by the name they are served under; instead of `model`"
    )
    handler: Module | None = Field(
        None, description='the module with preprocess, predict, postprocess; default: "handler" when there is one'
    )
    python: Literal["3.12", "3.13", "3.14"] = Field("3.13", description="the Lambda runtime's Python")
    architecture: Literal["arm64", "x86_64"] = Field("arm64", description="the processor architecture")
    # Limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    memory: Annotated[int, Field(ge=128, le=10240)] = Field(1769, description="MB; 1,769 MB buy one vCPU")
    timeout: Annotated[int, Field(ge=1, le=900)] = Field(30, description="seconds that one invocation may take")
    ephemeral_storage: Annotated[int, Field(ge=512, le=10240)] = Field(512, description="MB of /tmp")
    package: Literal["auto", "zip", "layer", "image"] = Field("auto", description="how the bundle is packaged")
    requirements: str | list[str] | None = Field(
        None,
        description="a requirements file, or an array of requirements; "
        "default: requirements.txt, uv.lock or pyproject.toml when there is one",
    )
    include: list[str] = Field(
        default_factory=list, description="patterns of further project files that ship with the code"
    )
    exclude: list[str] = Field(default_factory=list, description="patterns of files that do not ship")
    environment: dict[Variable, str] = Field(default_factory=dict, description="environment variables of the function")
    secrets: dict[Variable, Secret] = Field(
        default_factory=dict,
        description="environment variables whose values are read at start: the ARN of a Secrets Manager secret or of an SSM parameter, "
        "or ssm:/NAME; a key of your own (KMS) must let the function's role decrypt",
    )
    region: Annotated[str, Field(pattern=REGION)] | None = Field(
        None, description="the AWS region; default: the AWS configuration's"
    )
    tags: dict[TagKey, Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict, description="tags of the stack and everything in it"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least severe level that the function logs"
    )
    log_retention: Retention = Field(30, description="days that log events are kept")
    trigger: tuple[Any, ...] = Field(
        (), description="what calls the function: `[[trigger]]`, each with a type and that type's options"
    )
