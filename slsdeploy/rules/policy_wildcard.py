"""A statement that the user added allows more than it names."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class PolicyWildcard(Rule):
    """A statement of `[[policy]]` has a wildcard: all of a service's actions, or every resource.

    A wildcard behind a name (`dynamodb:Get*`, `arn:aws:s3:::bucket/*`) is fine.

    Why: whoever makes the function do what it should not, with a file or a request, may do all of that too.

    Mend: name the actions that the code calls and the ARNs that it calls them for. Few actions know no resources
    (`rekognition:DetectLabels`): ignore the rule for those.

    Example:
        [[policy]]
        actions = ["dynamodb:*"]
        resources = ["*"]
    """

    id = "policy-wildcard"
    severity = "warning"
    link = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for index, statement in enumerate(subject.project.config.policy):
            for place, action in enumerate(statement.actions):
                if action.rpartition(":")[2] == "*":
                    message = f'"{action}" allows {"everything" if action == "*" else "every action of the service"}'
                    hint = "name the actions that your code calls"
                    yield self.setting(subject, ("policy", index, "actions", place), message, hint)
            for place, resource in enumerate(statement.resources):
                if resource.rpartition(":")[2] == "*":
                    message = f'"{resource}" allows {", ".join(statement.actions)} for every resource'
                    hint = "name the ARNs; ignore this rule if the action knows no resources"
                    yield self.setting(subject, ("policy", index, "resources", place), message, hint)
