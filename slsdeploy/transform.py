"""SAM -> CloudFormation on this machine, with AWS's own translator: what `plan` shows is what is applied, on AWS and locally alike.

The translator takes over a second to import, so its answers are kept by the digest of the question.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

from slsdeploy import assets
from slsdeploy.errors import ProjectError


def transform(sam: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return the CloudFormation template that a SAM template stands for.

    Raises ProjectError when the translator refuses it.
    """
    question = json.dumps([version("aws-sam-translator"), region, sam], sort_keys=True)
    kept = assets.cache_dir() / "transform" / f"{sha256(question.encode()).hexdigest()}.json"
    try:
        answer: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        answer = _translate(sam, region)
        assets.write_atomically(kept, json.dumps(answer).encode())
    return answer


def _translate(sam: Mapping[str, Any], region: str) -> dict[str, Any]:
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The translator only asks its session for the region, to know the partition.
    translator = Translator({}, Parser(), boto_session=SimpleNamespace(region_name=region))
    try:
        answer: dict[str, Any] = translator.translate(copy.deepcopy(dict(sam)), {})
    except InvalidDocumentException as refused:
        raise ProjectError(
            f"the SAM translator refuses the template: {refused.message}", where="slsdeploy template"
        ) from refused
    translator.metrics.publish()  # nowhere: it would complain at exit that it had not been asked to
    return answer
