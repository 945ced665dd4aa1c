"""The page and the files that it loads: those of `web/`, served as they are."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import gateway
from gateway.http import requests

_PACKAGE: Final = Path(gateway.__file__).parent
_PLACES: Final = _PACKAGE / "web", _PACKAGE.parent / "web"
"""In an installed package the page is data of `gateway`; in a checkout it lies beside it."""

WEB: Final = next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def pages() -> list[BaseRoute]:
    """Return the routes of the page and of the files that it loads."""
    static = [
        Mount(f"/{folder}", StaticFiles(directory=WEB / folder, check_dir=False))
        for folder in ("scripts", "styles", "vendor")
    ]
    return [
        Route("/", page),
        Route("/projects/{project}", page),
        Route("/projects/{project}/builds/{build}", page),
        Route("/favicon.svg", favicon),
        *static,
    ]


async def page(request: Request) -> Response:
    """Serve the page; its script reads the project and build from the address."""
    for what, text in request.path_params.items():
        requests.name(what, text)
    return FileResponse(WEB / "index.html")


async def favicon(_request: Request) -> Response:
    """Serve the picture on the tab."""
    return FileResponse(WEB / "favicon.svg")
