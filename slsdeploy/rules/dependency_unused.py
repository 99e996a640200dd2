"""Requirements that nothing imports."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import distributions, facts
from slsdeploy.bundle.requirements import ASGI, IMAGE, RUNTIME
from slsdeploy.rules.dependency_useless import why
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle

# pyarrow: the runtime imports it for a function that is sent Parquet
_RUNTIME = (*distributions.names((*RUNTIME, *ASGI, *IMAGE)), "pyarrow")


class DependencyUnused(BundleRule):
    """A requirement of the project is imported by none of the files that ship.

    What other packages need, and what the runtime needs, is not told of. Plugins are used by their names, without an import.

    Why: it takes room.

    Mend: take it out of the requirements.

    Example:
        a requirements.txt with pandas, and a handler that only uses numpy
    """

    id = "dependency-unused"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        found = distributions.of_facts(facts.of(bundle, "dependencies"))
        imported = {name.partition(".")[0] for each in subject.contents.files.values() for name in each.imports}
        imported |= {trigger.module.partition(".")[0] for trigger in subject.project.triggers}
        needed = {*_RUNTIME, *(name for each in found for name in distributions.names(each.requires))}
        for each in found:
            is_unused = each.modules and each.key not in needed and not imported & set(each.modules)
            if is_unused and not why(each, bundle):  # dependency-useless says more
                message = f"{each.name} is a requirement, and no file that ships imports it"
                yield self.finding(message, "take it out of the requirements, unless something finds it by its name")
