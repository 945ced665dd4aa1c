"""The page and the files that it loads: those of `web/`, served as they are.

Below a root, the links of the page to our own paths are below it too.
"""

import re
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import gateway
from gateway.http import requests

_PACKAGE: Final = Path(gateway.__file__).parent
_PLACES: Final = _PACKAGE / "web", _PACKAGE.parent / "web"
"""In an installed package the page is data of `gateway`; in a checkout it lies beside it."""

WEB: Final = next((place for place in _PLACES if place.is_dir()), _PLACES[0])

_FILES: Final = StaticFiles(directory=WEB, check_dir=False)
"""They answer 304 to whom has them already."""


_LOGIN_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def pages(root: str) -> list[BaseRoute]:
    """Return the routes of the page and of the files that it loads, which are below `root`."""

    async def page(request: Request) -> Response:
        """Serve the page; its script reads the project and build from the address."""
        for what, text in request.path_params.items():
            requests.name(what, text)
        if request.method == "OPTIONS":
            return Response(headers={"Allow": "GET, HEAD, OPTIONS"})
        if not root:
            return await _FILES.get_response("index.html", request.scope)
        return HTMLResponse(_below(root, (WEB / "index.html").read_text()))

    async def login(_: Request) -> Response:
        """Serve the page that signs people in; its script takes the token out of the address."""
        html = (WEB / "login.html").read_text()
        return HTMLResponse(_below(root, html), headers=_LOGIN_HEADERS)

    async def phone(_: Request) -> Response:
        """Serve the page that says how a phone hears of builds."""
        return HTMLResponse(_below(root, (WEB / "phone.html").read_text()))

    static = [
        Mount(f"/{folder}", StaticFiles(directory=WEB / folder, check_dir=False))
        for folder in ("scripts", "styles", "vendor")
    ]
    return [
        Route("/", page, methods=["GET", "OPTIONS"]),  # HAProxy's check, unless it is told another
        Route("/projects/{project}", page),
        Route("/projects/{project}/builds/{build}", page),
        Route("/login", login),
        Route("/phone", phone),
        Route("/favicon.svg", favicon),
        *static,
    ]


def _below(root: str, html: str) -> str:
    """Return the page with its links, which begin with a slash, below `root`."""
    return re.sub(r'\b(href|src)="/', rf'\1="{root}/', html)


async def favicon(request: Request) -> Response:
    """Serve the picture on the tab."""
    return await _FILES.get_response("favicon.svg", request.scope)
