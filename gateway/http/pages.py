"""The page and the files that it loads: those of `web/`, sent as `site` says.

Below a root, the links of the page to our own paths are below it too.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import gateway
from gateway.http import requests
from gateway.http.site import ASSETS, FOLDERS, PLAIN, Site
from gateway.problems import SECURITY_HEADERS

_PACKAGE: Final = Path(gateway.__file__).parent
_PLACES: Final = _PACKAGE / "web", _PACKAGE.parent / "web"
"""In an installed package the page is data of `gateway`; in a checkout it lies beside it."""

WEB: Final = next((place for place in _PLACES if place.is_dir()), _PLACES[0])

_POLICY: Final = "content-security-policy"
_PAGE_HEADERS: Final = {
    # The picture on the tab is drawn by the page.
    _POLICY: f"{SECURITY_HEADERS[_POLICY]}; img-src 'self' data:",
}
_LOGIN_HEADERS: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
EMBED_HEADERS: Final = {
    _POLICY: _PAGE_HEADERS[_POLICY].replace("frame-ancestors 'none'", "frame-ancestors *"),
    "cross-origin-resource-policy": "cross-origin",
}
"""The bar has no button, so no page can make people press one. From the page of another site
browsers send none of our cookies, so it shows what everybody sees there."""
_FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}

Endpoint = Callable[[Request], Awaitable[Response]]


def pages(root: str) -> list[BaseRoute]:
    """Return the routes of the page and of the files that it loads, which are below `root`."""
    site = Site(WEB, root)

    def page(file: str, **headers: str) -> Endpoint:
        """Return what serves an HTML file; its script reads project and build from the address."""

        async def serve(request: Request) -> Response:
            for what, text in request.path_params.items():
                requests.name(what, text)
            if request.method == "OPTIONS":
                return Response(headers={"Allow": "GET, HEAD, OPTIONS"})
            found = await site.now().file(file)
            return found.answer(request.headers, _PAGE_HEADERS | headers)

        return serve

    async def asset(request: Request) -> Response:
        """Serve a file at the address of its version; it stays there for ever.

        Another version is that of a process which is newer or older than this one: the file as it
        is here does for this once.
        """
        now = site.now()
        version, path = request.path_params["version"], request.path_params["path"]
        if path.endswith(".html") or not now.has(path):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        found = await now.file(path)
        headers = _FOREVER if version == now.name else {"cache-control": "no-store"}
        return found.answer(request.headers, headers)

    async def plain(request: Request) -> Response:
        """Serve a file as it is."""
        found = await site.now().plain(request.scope["path"].removeprefix("/"))
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return found.answer(request.headers, {})

    overview = page("index.html")
    return [
        Route(
            "/", overview, methods=["GET", "OPTIONS"]
        ),  # HAProxy's check, unless it is told another
        Route("/projects/{project}", overview),
        Route("/projects/{project}/builds/{build}", page("build.html")),
        Route("/login", page("login.html", **_LOGIN_HEADERS)),
        Route("/phone", page("phone.html")),
        Route("/operations", page("operations.html")),
        Route("/embed/{project}", page("embed.html", **EMBED_HEADERS)),
        *(Route(f"/{file}", plain) for file in PLAIN),
        *(Route(f"/{folder}/{{path:path}}", plain) for folder in FOLDERS),
        Route(f"{ASSETS}/{{version}}/{{path:path}}", asset),
    ]
