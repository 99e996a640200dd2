"""slsdeploy.toml -> Config: parsed, merged, validated, completed; every problem at once, each with its line. The only user of pydantic.

Where a value comes from, the first that has one:

    option            --set memory=512
    environment       SLSDEPLOY_MEMORY=512   (every key that is one value, SLSDEPLOY_STAGE for the stage)
    [stages.<stage>]  memory = 512           (tables are merged key by key; arrays are replaced)
    file              memory = 512
    default

It is resolved in `loading.load` and nowhere else.
"""

from slsdeploy.config.file import FILE
from slsdeploy.config.loading import load
from slsdeploy.config.schema import json_schema
from slsdeploy.config.sections import NAME, NAME_LENGTH, Config, ConstantAnswer, ModelConfig, Policy

__all__ = ["FILE", "NAME", "NAME_LENGTH", "Config", "ConstantAnswer", "ModelConfig", "Policy", "json_schema", "load"]
