"""API Gateway waits for a function for half a minute at most, whatever the function's own timeout is."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_MORE = {
    "http_api": "which nothing raises: lower `timeout`, or use a Function URL (15 minutes)",
    "rest_api": "which a higher quota of the account may raise: lower `timeout`, or use a Function URL (15 minutes)",
}


class ApiTimeout(Rule):
    """The function may run longer than API Gateway waits for it.

    A function that goes on when its caller has been told that it is too late works for nobody, and costs all the same.

    Why: an HTTP API ends a request after 30 seconds, which nothing raises; a REST API after 29, unless the account's quota is raised.

    Mend: lower `timeout`, or let requests come over a Function URL, which waits for 15 minutes: leave out `via`.

    Example:
        timeout = 60

        [[trigger]]
        type = "http"
        via = "http_api"
    """

    id = "api-timeout"
    severity = "warning"
    link = (
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
    )

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        for index, each in enumerate(config.trigger):
            if each.type == "http" and each.waits is not None and config.timeout > each.waits:
                message = f'via = "{each.via}" ends a request after {each.waits} s; the function has {config.timeout} s'
                hint = f"it is API Gateway's limit, {_MORE[each.via]}"
                yield self.setting(subject, ("trigger", index, "via"), message, hint)
