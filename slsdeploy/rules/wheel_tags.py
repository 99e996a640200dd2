"""Installed packages whose wheels are for another Python or machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from slsdeploy.bundle import distributions, facts, wheel_tags
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class WheelTags(BundleRule):
    """A package in the bundle is a wheel for another Python or platform than the function's.

    Those that were installed from the requirements, and those that lie in the project with their .dist-info (`pip install --target`): if no
    machine code of those ships, it is a warning.

    Why: its modules do not import: Python looks for those of its own version and platform.

    Mend: put the package into the requirements instead of the project; leave out a wheel that a URL or `--find-links` brings in by force.

    Example:
        pip install --target . orjson, on a Mac, with include = ["**/*.so"]
    """

    id = "wheel-tags"
    link = "https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        known = wheel_tags.supported(subject.project.target)
        if not known:
            return
        for each in distributions.of_facts(facts.of(bundle, "dependencies")):
            if each.tags and not wheel_tags.fits(each.tags, known):
                yield self._told(subject, each.name, each.tags)
        code = [path for path, content in subject.contents.files.items() if content.object]
        for vendored in wheel_tags.vendored(subject.project.root, map(Path, subject.contents.files)):
            if vendored.tags and not wheel_tags.fits(vendored.tags, known):
                is_bound = any(path.startswith(top) for path in code for top in vendored.tops)
                finding = self._told(subject, vendored.name, vendored.tags, vendored.path)
                yield finding if is_bound else replace(finding, severity="warning")

    def _told(self, subject: Subject, name: str, tags: tuple[str, ...], path: str = "") -> Finding:
        target = subject.project.target
        message = f"{name} is a wheel for {tags[0]}; the function runs Python {target.python} on {target.platform}"
        return self.finding(message, f"put {name} into the requirements: its wheel is chosen for the function", path)
