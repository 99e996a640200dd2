"""What looks like a secret stands in `environment`, for everybody to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_NAMES = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|AUTH)_?KEY)$"
)
# what such names hold when it is no secret: nothing, a switch or a number, where the secret is
_HARMLESS = re.compile(
    r"|true|false|yes|no|on|off|none|\d{1,6}|arn:.*|ssm:.*|/.*|\$\{.*\}|\{\{resolve:.*\}\}", re.IGNORECASE
)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids; of GitHub, Slack, Stripe; PEM
_VALUES = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk_live_[A-Za-z0-9]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@]+@"
)


class EnvironmentSecret(Rule):
    """What looks like a secret stands in `environment`, for everybody to read.

    By its name (DB_PASSWORD, API_TOKEN) with a value of its own, or by its value: an access key, a private key, a URL with a password.

    Why: slsdeploy.toml is in the repository, and the function's variables are shown to whoever may look at it, in the console and in the
    template.

    Mend: put the value into Secrets Manager or an SSM parameter, and the variable into `secrets`: the function reads it when it starts.

    Example:
        [environment]
        DB_PASSWORD = "correct horse battery staple"
    """

    id = "environment-secret"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-secrets"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for name, value in subject.project.config.environment.items():
            is_named = _NAMES.search(name.upper()) and not _HARMLESS.fullmatch(value.strip())
            if is_named or _VALUES.search(value):
                message = f"{name} looks like a secret, in plain text"
                hint = f'keep it in Secrets Manager or SSM: [secrets] {name} = "ssm:/{subject.project.name}/{name.lower()}"'
                yield self.setting(subject, ("environment", name), message, hint)
