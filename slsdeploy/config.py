"""slsdeploy.toml -> Config: parsed, validated, completed; every problem at once, each with its line. The only user of pydantic.

Values: option > environment (`SLSDEPLOY_<KEY>`) > `[stages.<stage>]` > file > default; resolved here, once.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FILE = "slsdeploy.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(_Section):
    """`[models.NAME]`: one of several models."""

    path: PurePosixPath = Field(description="the model file, relative to the project folder")
    version: str = Field("1", description="the version that the Open Inference Protocol shows")


class Config(_Section):
    """`slsdeploy.toml` for one stage."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)] = Field(
        description="names the stack and the function, with the stage behind it"
    )
    model: PurePosixPath | None = Field(None, description="the model file, relative to the project folder")
    models: dict[str, ModelConfig] = Field(
        default_factory=dict, description="several models, by the name they are served under"
    )
    handler: str | None = Field(
        None, description='the module with preprocess, predict, postprocess; default: "handler" when there is one'
    )
    python: Literal["3.12", "3.13", "3.14"] = Field("3.13", description="the Lambda runtime's Python")
    architecture: Literal["arm64", "x86_64"] = Field("arm64", description="the processor architecture")
    memory: Annotated[int, Field(ge=128, le=10240)] = Field(1769, description="MB; 1,769 MB buy one vCPU")
    timeout: Annotated[int, Field(ge=1, le=900)] = Field(30, description="seconds")
    ephemeral_storage: Annotated[int, Field(ge=512, le=10240)] = Field(512, description="MB of /tmp")
    package: Literal["auto", "zip", "layer", "image"] = Field("auto", description="how the bundle is packaged")
    requirements: str | list[str] | None = Field(
        None,
        description="a requirements file, or requirements; default: requirements.txt, uv.lock or pyproject.toml when there is one",
    )
    include: list[str] = Field(
        default_factory=list, description="patterns of further project files that ship with the code"
    )
    exclude: list[str] = Field(default_factory=list, description="patterns of files that do not ship")
    environment: dict[str, str] = Field(default_factory=dict, description="environment variables of the function")
    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="environment variables whose values are read at start from a Secrets Manager ARN or an ssm:/parameter",
    )
    region: str | None = Field(None, description="the AWS region; default: the AWS configuration's")
    tags: dict[str, str] = Field(default_factory=dict, description="tags of the stack and everything in it")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="of the function's logger")
    log_retention: int = Field(30, description="days that log events are kept")
    trigger: tuple[Any, ...] = Field(
        (), description="what calls the function; each is the options of its event source (its `Trigger`)"
    )
