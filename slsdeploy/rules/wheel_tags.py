"""Installed packages whose wheels are for another Python or machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slsdeploy.bundle import distributions, facts, wheel_tags
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class WheelTags(BundleRule):
    """A package in the bundle is a wheel for another Python or platform than the function's.

    Those that were installed from the requirements, and those that lie in the project with their .dist-info (`pip install --target`).

    Why: its modules do not import: Python looks for those of its own version and platform.

    Mend: put the package into the requirements instead of the project; leave out a wheel that a URL or `--find-links` brings in by force.

    Example:
        pip install --target . orjson, on a Mac, with include = ["**/*.so"]
    """

    id = "wheel-tags"
    link = "https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        target = subject.project.target
        known = wheel_tags.supported(target)
        if not known:
            return
        installed = [(each.name, each.tags, "") for each in distributions.of_facts(facts.of(bundle, "dependencies"))]
        vendored = wheel_tags.vendored(subject.project.root, map(Path, subject.contents.files))
        for name, tags, path in [*installed, *vendored]:
            if tags and not wheel_tags.fits(tags, known):
                message = (
                    f"{name} is a wheel for {tags[0]}; the function runs Python {target.python} on {target.platform}"
                )
                yield self.finding(
                    message, f"put {name} into the requirements: its wheel is chosen for the function", path
                )
