"""What Lambda charges: a duration and a memory size -> US dollars. Pure; prices are here and nowhere else.

On-demand list prices of us-east-1, first tier, without the free tier, as of 2026-11-21: https://aws.amazon.com/lambda/pricing/
The duration is rounded up to a millisecond. Since 2025-08-01 the init phase is billed like the rest:
https://www.cloudyali.io/blogs/aws-lambda-cold-starts-now-cost-money-august-2025-billing-changes-explained
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from slsdeploy.types import Architecture

PAGE = "https://aws.amazon.com/lambda/pricing/"
DATE = "2026-11-21"
REGION = "us-east-1"
GB_SECOND: Mapping[Architecture, float] = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
REQUEST = 0.20 / 1_000_000


def per_request(duration_ms: float, memory: int, architecture: Architecture) -> float:
    """Return what one request costs that takes so many milliseconds with so many MB of memory."""
    return math.ceil(duration_ms) / 1000 * memory / 1024 * GB_SECOND[architecture] + REQUEST


def per_million(duration_ms: float, memory: int, architecture: Architecture) -> float:
    """Return what a million of them cost."""
    return per_request(duration_ms, memory, architecture) * 1_000_000
