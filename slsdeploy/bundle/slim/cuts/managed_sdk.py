"""The AWS SDK, where Lambda has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from slsdeploy.bundle.distributions import compared
from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Distribution, Installed
from slsdeploy.bundle.slim.wish import Wish

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_SDK = frozenset({"boto3", "botocore", "s3transfer"})
_THEIRS = frozenset({"jmespath", "python-dateutil", "six", "urllib3"})
# The runtime brings a version that depends on it and on the region: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
# These two are taken for the ends of what it may be: no older, and of the same major version.
_OLDEST, _NEWEST = "1.34.0", "1.999"


class ManagedSdk(Cut):
    """Takes boto3, botocore and s3transfer, 25 MB, and what nobody but they require, when the Python that the function runs in has them:
    a managed runtime, or an image whose base has Lambda's runtime client.

    Not when the project's requirements name one of them with a version (`boto3==1.40.1`, `boto3>=1.40`): then that very one is wanted;
    nor when a package requires a version that the runtime may not have.
    """

    name = "managed_sdk"
    why = "the Python runtime brings it"
    distributions = _SDK | _THEIRS

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        going = {each.name for each in installed.distributions if each.name in _SDK}
        is_pinned = any(asked.has_version for asked in wish.asked if asked.name in _SDK)
        if not going or not wish.has_sdk or is_pinned or not all(map(_is_met, installed.distributions)):
            return
        going |= {name for name in _THEIRS if installed.find(name) and not wish.asks_for(name)}
        while left := {name for name in going & _THEIRS if installed.needers(name) - going}:
            going -= left
        for each in installed.distributions:
            if each.name in going:
                piece = self.piece(each.name, each.files & installed.files.keys(), named_by="nobody")
                yield replace(piece, is_distribution=True)


def _is_met(each: Distribution) -> bool:
    """Say whether any version that the runtime may have will do for a distribution."""
    if each.name in _SDK:
        return True
    asked = (need for need in each.held if compared(need.name) in _SDK)
    return _SDK.isdisjoint(each.unread) and all(map(_is_open, asked))


def _is_open(need: Requirement) -> bool:
    if compared(need.name) == "s3transfer" or need.url:
        return False
    return need.specifier.contains(_OLDEST) and need.specifier.contains(_NEWEST)
