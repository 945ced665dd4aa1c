"""Edge: HTTP. A description of what there is, for programs: the same for everybody."""

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.http import etags, requests

OPENAPI: Final = "/api/openapi.json"
ASYNCAPI: Final = "/api/asyncapi.json"
_ALL: Final = OPENAPI, ASYNCAPI
JSON: Final = "application/json"


class Description:
    """The endpoint at `path`, of a gateway that browsers reach below `root`.

    `make` returns the document; it is called once, when somebody asks.
    """

    def __init__(self, path: str, root: str, make: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._make = make
        # RFC 8631: each of them leads to all.
        links = (f'<{root}{each}>; rel="service-desc"; type="{JSON}"' for each in _ALL)
        self._headers = {"Link": ", ".join(links)}

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route(self._path, self.show)]

    async def show(self, request: Request) -> Response:
        """200 and this document, also for somebody who is not signed in; 304 if it is known."""
        requests.no_query(request.query_params.multi_items())
        content, tag = self._encoded
        headers = self._headers | {"ETag": tag}
        if etags.is_known(tag, request.headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, headers=headers, media_type=JSON)

    @cached_property
    def _encoded(self) -> tuple[bytes, str]:
        """The document and its tag."""
        content = msgspec.json.encode(self._make())
        return content, etags.tag(content)


def version() -> str:
    """Return the version of the package."""
    try:
        return installed_version("buildfeed")
    except PackageNotFoundError:  # it runs from a checkout that was not installed
        return "0"
