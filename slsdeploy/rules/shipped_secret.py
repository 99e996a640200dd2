"""Secrets lie among the files that ship."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Severity, Subject

_ID = "an AWS access key id"


class ShippedSecret(Rule):
    """A file that ships holds a secret: a private key, a password, a token.

    Only what can hardly be anything else counts; an AWS access key id without its secret is a warning. The secret itself is never shown.

    Why: who may read the function's code may read it, its copies stay in layers and registries, and changing it needs a deployment.

    Mend: take it out, revoke it if it was ever published, and let the function read it at start: `secrets = { NAME = "ssm:/path" }`.

    Example:
        include = ["keys/*"], and a private key in keys/service.pem
    """

    id = "shipped-secret"
    link = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for path, content in subject.contents.files.items():
            for found in content.credentials:
                what = "it" if found.line else "the file"
                hint = f"take {what} out and let `secrets` read it at start; revoke it if others have seen it"
                severity: Severity | None = "warning" if found.kind == _ID else None
                yield self.finding(f"{printable(path)} holds {found.kind}, and ships", hint, path, severity, found.line)
