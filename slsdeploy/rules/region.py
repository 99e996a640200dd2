"""There is no such region, as far as is known."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.config.spelling import did_you_mean
from slsdeploy.rules.rule import Finding, Rule, Subject

# botocore's endpoints.json has these for Lambda (a test compares them); AWS opens about one a year
_KNOWN = """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2
    ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1
    eu-central-1 eu-central-2 eu-isoe-west-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1 il-central-1
    me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1
    us-isob-east-1 us-isob-west-1 us-isof-east-1 us-isof-south-1 us-west-1 us-west-2
"""
REGIONS = frozenset(_KNOWN.split())


class Region(Rule):
    """There is no such region, as far as this version of slsdeploy knows.

    Why: the first call of a deployment would look for a host that is not there, and wait for it.

    Mend: correct `region`. If it is newer than slsdeploy, ignore the rule.

    Example:
        region = "eu-centrall-1"
    """

    id = "region"
    severity = "warning"
    link = "https://docs.aws.amazon.com/general/latest/gr/lambda-service.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        region = subject.project.config.region
        if region is not None and region not in REGIONS:
            hint = did_you_mean(region, sorted(REGIONS)) or "correct it, or ignore this rule if the region is new"
            yield self.setting(subject, ("region",), f'region = "{region}": Lambda is not known to be there', hint)
