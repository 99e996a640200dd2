"""Powertools' page for trying an API."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_FOLDER = "aws_lambda_powertools/event_handler/openapi/swagger_ui"


class PowertoolsSwagger(Cut):
    """Takes the script and the style of Swagger UI out of Powertools, 1.7 MB. Its resolver reads them when `enable_swagger` was called.

    The function's own /docs has another page. Not when the project's code or another package names `enable_swagger`.
    """

    name = "powertools_swagger"
    why = "a page that only enable_swagger() serves"
    loose = frozenset({"enable_swagger"})

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        files = frozenset(path for path in installed.below(_FOLDER) if path.endswith((".js", ".css")))
        yield self.piece("aws-lambda-powertools", files, "enable_swagger")
