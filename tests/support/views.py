"""Every view of the page: its file in `web`, and the addresses at which to look at it."""

from pathlib import Path

from support.staged import BUILDS, PROJECT

WEB = Path(__file__).parents[2] / "web"

VIEWS = {
    "index.html": ("/", f"/projects/{PROJECT}", "/projects/nobody"),
    "build.html": tuple(f"/projects/{PROJECT}/builds/{build}" for build in (*BUILDS, "unknown")),
    "operations.html": ("/operations",),
    "embed.html": (f"/embed/{PROJECT}",),
    "login.html": ("/login",),
    "phone.html": ("/phone",),
}

PATHS = [path for file, paths in VIEWS.items() if (WEB / file).exists() for path in paths]
"""The addresses of the views that are there."""
