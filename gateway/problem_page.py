"""The page that tells a problem to a person whose browser opened an address. Pure.

It loads nothing: on a host that is not ours, all else is refused too.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { max-width: 36rem; margin: 15vh auto; padding: 0 24px; font: 16px/1.5 system-ui, sans-serif; }
p { overflow-wrap: anywhere; }
"""
STYLE_SOURCE: Final = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
"""What the Content-Security-Policy has to allow as a `style-src`."""

_PAGE: Final = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}} · Buildfeed</title>
<style>{_STYLE.replace("{", "{{").replace("}", "}}")}</style>
</head>
<body>
<main>
<h1>{{title}}</h1>
<p>{{detail}}</p>
<p><a href="{{address}}">{{name}}</a></p>
</main>
</body>
</html>
"""


def page(title: str, detail: str, back: str | None) -> str:
    """Return the page; it leads to the address `back`, or to itself again where there is none."""
    return _PAGE.format(
        title=escape(title),
        detail=escape(detail),
        address=escape(back or ""),
        name="All builds" if back else "Try again",
    )
