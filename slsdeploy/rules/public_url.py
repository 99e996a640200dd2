"""Anybody may call the function over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_NAMES = {"url": "the Function URL", "http_api": "the HTTP API", "rest_api": "the REST API"}


class PublicUrl(Rule):
    """Anybody may call the function over HTTP, unsigned.

    Why: whoever finds the URL may use the model, at your cost, as often as the account's concurrency allows.

    Mend: leave out auth = "none": callers sign their requests then. If it is meant, say so: ignore = ["public-url"] in `[check]`; an API
    can be throttled, and a CloudFront distribution or a WAF may stand before it.

    Example:
        [[trigger]]
        type = "http"
        auth = "none"
    """

    id = "public-url"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for index, trigger in enumerate(subject.project.config.trigger):
            if trigger.type == "http" and trigger.auth == "none" and trigger.via in _NAMES:
                message = f'auth = "none": anybody may call {_NAMES[trigger.via]}'
                hint = 'leave it out, or, if that is meant, ignore this rule: [check] ignore = ["public-url"]'
                yield self.setting(subject, ("trigger", index, "auth"), message, hint)
