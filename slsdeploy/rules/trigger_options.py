"""A trigger's options do not fit the function."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import stack
from slsdeploy.errors import ConfigError
from slsdeploy.rules.rule import Finding, Rule, Subject


class TriggerOptions(Rule):
    """A trigger's options do not fit the function, or the world that it is in.

    The trigger is wired as for a deployment, and says itself what is wrong.

    Why: there would be no template to deploy.

    Mend: each message names the option, what was found, and what is expected.

    Example:
        [[trigger]]
        type = "schedule"
        expression = "cron(0 12 * * ? *)"
        timezone = "Europe/Berln"
    """

    id = "trigger-options"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        models = subject.infos if len(subject.infos) == len(subject.project.models) else ()
        for index, trigger in enumerate(subject.project.triggers):
            try:
                stack.wire(subject.project, trigger, models)
            except ConfigError as error:
                message = error.message.partition(": ")[2] or error.message
                option = message.partition(":")[0]
                if option != "visibility_timeout":  # what queue-visibility is for
                    hint = "correct the option: docs/configuration.md has what each takes"
                    yield self.setting(subject, ("trigger", index, option), message, hint)
