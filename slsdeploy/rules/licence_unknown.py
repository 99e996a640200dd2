"""Dependencies whose licence nobody states."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import distributions, facts
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class LicenceUnknown(BundleRule):
    """A dependency does not say under which licence it is.

    Neither an expression nor a field nor a classifier, nor a licence's text among its files.

    Why: without a licence nobody may pass it on, and an SBOM has nothing to say of it.

    Mend: look into its repository, and ask its maker to state it (`license` in its pyproject.toml).

    Example:
        a package of one's own firm whose pyproject.toml has no `license`
    """

    id = "licence-unknown"
    severity = "note"
    link = "https://packaging.python.org/en/latest/guides/licensing-examples-and-user-scenarios/"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        for each in distributions.of_facts(facts.of(bundle, "dependencies")):
            if not each.licences and not each.licence_files:
                message = f"{each.name} {each.version} does not say under which licence it is"
                yield self.finding(message, "look into its repository, and ask its maker to state it")
