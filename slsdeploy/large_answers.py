"""Project -> the bucket for answers that are more than AWS takes on their way back, where there can be any. Pure.

`slsdeploy_runtime/large.py` puts them there.
"""

from __future__ import annotations

from typing import Any

from slsdeploy.types import Project
from slsdeploy_runtime.answers import is_projects
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.resources import allow, bucket

ID = "LargeAnswers"
VARIABLE = "SLSDEPLOY_LARGE_ANSWERS"
OUTPUT = "LargeAnswersBucket"
# a pointer may lie in a queue for 14 days
DAYS = 15

# whose answers go to S3, which takes any size, or to nobody, unless there is an `[output]`
_PUSHED = ("s3", "sns", "eventbridge", "schedule")


def wire(project: Project) -> Wiring:
    """Return the bucket, and what lets the function put answers there and make URLs to them; nothing where nothing is answered."""
    if project.config.large_answers == "refuse" or not _has_limits(project):
        return Wiring()
    resources = bucket(ID, None)
    resources[ID]["Properties"] |= {"LifecycleConfiguration": _LIFECYCLE}
    if any(trigger.options.type == "http" for trigger in project.triggers):
        resources[ID]["Properties"] |= {"CorsConfiguration": _CORS}
    objects = {"Fn::Sub": f"${{{ID}.Arn}}/*"}
    return Wiring(
        resources=resources,
        # a URL is good for what its maker may do
        late_statements=[allow(ID, ["s3:PutObject", "s3:GetObject"], objects)],
        environment={VARIABLE: {"Ref": ID}},
        outputs={OUTPUT: {"Ref": ID}},
    )


def _has_limits(project: Project) -> bool:
    """Say whether there may be somebody to whom an answer can be too large: a caller, a queue, an output other than S3."""
    output = project.config.output
    return not project.triggers or any(_has_limit(trigger.options, output) for trigger in project.triggers)


def _has_limit(trigger: Any, output: Any) -> bool:
    is_pushed = trigger.type in _PUSHED
    if not (is_pushed or hasattr(trigger, "output")):
        return True  # somebody waits for it
    if output is not None and is_projects(trigger):
        return bool(output.type != "s3")
    return not is_pushed and trigger.output in (None, "queue")


_LIFECYCLE = {
    "Rules": [
        {
            "Id": "Expire",
            "Status": "Enabled",
            "ExpirationInDays": DAYS,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}
# Web pages follow the redirect of a Function URL to here with "Origin: null", whatever the trigger's allow_origins are, and /docs with
# an origin that no template can know; a URL is only had by who got the answer. https://fetch.spec.whatwg.org/#http-redirect-fetch
_CORS = {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}]}
