"""The files of the page as they are sent: in few pieces, compressed, and kept by browsers.

**Addresses.** A version is the hash of all files. An HTML file names scripts, styles and pictures
below `/assets/{version}/`, so a browser may keep them for ever: changed files have other addresses.
Only the HTML is asked for again.

**Pieces.** A script is sent with all that it imports (`bundle`), the styles of an HTML file as one.
Each is made when it is first asked for, and then once. What begins only when a script runs, as a
worker does, is named in the HTML too, so that it comes at once.

**No build.** `Site` looks whether a file has changed since. So in a checkout a change is seen at
the next load.
"""

import asyncio
import contextlib
import gzip
import hashlib
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response

from gateway.http import bundle, etags

ASSETS: Final = "/assets"
"""The path below which the files lie."""

PLAIN: Final = "favicon.svg", "manifest.webmanifest"
"""Files at the top that have an address of their own besides, without a version."""
FOLDERS: Final = "icons", "scripts", "styles", "vendor"
"""Folders whose files have one, too: as they are, for other pages and for people who read them."""

_MAKERS: Final = b"".join(Path(each).read_bytes() for each in (__file__, bundle.__file__))
"""What the pieces are made by: when that changes, so do they."""
_LOOK_SECONDS: Final = 0.2
"""Seconds for which the files count as unchanged."""
_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "map": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
"""As browsers want them, whatever the machine believes."""

_OURS: Final = re.compile(r'\b(href|src)="/([^"]*)"')
_STYLE: Final = re.compile(r'^ *<link rel="stylesheet" href="/(styles/[^"]+)">\n', re.MULTILINE)
_SCRIPT: Final = re.compile(
    r'^( *)<script type="module"[^>]* src="/([^"]+)"></script>\n', re.MULTILINE
)


class File(msgspec.Struct, frozen=True):
    """What is sent of a file, also compressed, where that is shorter."""

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str

    def answer(self, asked: Headers, more: Mapping[str, str]) -> Response:
        """Return the answer to a request with the headers `asked`; it has the headers `more`."""
        packed = self.packed if _takes_gzip(asked.get("accept-encoding", "")) else None
        tag = f'{self.tag[:-1]}-gzip"' if packed else self.tag
        headers = {"etag": tag, "vary": "Accept-Encoding", **more}
        kept = more.get("cache-control") != "no-store"
        if kept and etags.is_known(tag, asked):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(packed or self.content, headers=headers, media_type=self.media_type)


class Version:
    """The files at one moment, by their paths; links to them are below `root`."""

    def __init__(self, files: Mapping[str, bytes], root: str) -> None:
        self._files = files
        self._root = root
        whole = hashlib.sha256(_MAKERS)
        for path, content in sorted(files.items()):
            whole.update(f"{path}\0{len(content)}\0".encode() + content)
        self.name = whole.hexdigest()[:16]
        """The hash of all files, and of what makes pieces of them."""
        self._scripts = _texts(files, ".js")
        self._pages = _texts(files, ".html")
        self._entries = {
            match[2] for page in self._pages.values() for match in _SCRIPT.finditer(page)
        }
        self._styles = {_styles_of(page): page for page in self._pages}
        self._made: dict[str, File] = {}
        self._plain: dict[str, File] = {}

    def has(self, path: str) -> bool:
        """Tell whether there is something to be sent for the path."""
        return (
            path in self._files
            or path in self._styles
            or path.removesuffix(".map") in self._scripts
        )

    async def file(self, path: str) -> File:
        """Return what is sent for a path that is there; raises NotBundled."""
        if path not in self._made:
            self._made[path] = await asyncio.to_thread(lambda: _file(path, self._content(path)))
        return self._made[path]

    async def plain(self, path: str) -> File | None:
        """Return a file as it is, None if there is none."""
        if path in self._files and path not in self._plain:
            self._plain[path] = await asyncio.to_thread(_file, path, self._files[path])
        return self._plain.get(path)

    def _content(self, path: str) -> bytes:
        suffix = _suffix(path)
        if suffix == "html":
            return self._page(path).encode()
        if suffix == "map":
            return self._bundle(path.removesuffix(".map")).map.encode()
        if suffix == "js" and bundle.is_module(self._scripts[path]):
            return self._bundle(path).text.encode()
        if path in self._styles:
            page = self._pages[self._styles[path]]
            return b"".join(self._files[match[1]] for match in _STYLE.finditer(page))
        return self._files[path]

    def _bundle(self, path: str) -> bundle.Bundle:
        return bundle.bundle(path, self._scripts, self._entries)

    def _page(self, path: str) -> str:
        """Return a page with its links below the root, those to files at their addresses."""
        styles = f'    <link rel="stylesheet" href="/{_styles_of(path)}">\n'
        first, *rest = _STYLE.split(self._pages[path])[::2]
        text = "".join([first, styles if rest else "", *rest])
        text = _SCRIPT.sub(self._with_beside, text)
        return _OURS.sub(self._placed, text)

    def _with_beside(self, script: re.Match[str]) -> str:
        """Return the line of a script, and what the scripts need that it will start."""
        beside = self._bundle(script[2]).beside if script[2] in self._scripts else ()
        ahead = (f'{script[1]}<link rel="modulepreload" href="/{path}">\n' for path in beside)
        return "".join([script[0], *ahead])

    def _placed(self, link: re.Match[str]) -> str:
        attribute, path = link.groups()
        place = f"{ASSETS}/{self.name}" if path != "manifest.webmanifest" and self.has(path) else ""
        return f'{attribute}="{self._root}{place}/{path}"'


class Site:
    """The files in `folder`, as they are now; their links are below `root`."""

    def __init__(self, folder: Path, root: str = "") -> None:
        self._folder = folder
        self._root = root
        self._looked = 0.0
        self._seen: object = None
        self._version: Version | None = None

    def now(self) -> Version:
        """Return the version of the files, the same one as long as nothing has changed."""
        moment = time.monotonic()
        if self._version is None or moment - self._looked > _LOOK_SECONDS:
            self._looked = moment
            with contextlib.suppress(
                FileNotFoundError
            ):  # an editor is at work: the next look sees it
                seen = {path: path.stat() for path in self._folder.rglob("*.*")}
                marks = {path: (stat.st_mtime_ns, stat.st_size) for path, stat in seen.items()}
                if marks != self._seen:
                    self._version, self._seen = self._read(list(marks)), marks
        return self._version or Version({}, self._root)

    def _read(self, paths: list[Path]) -> Version:
        files = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in paths}
        return Version(files, self._root)


def _texts(files: Mapping[str, bytes], suffix: str) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items() if path.endswith(suffix)}


def _styles_of(page: str) -> str:
    """Return the path of the styles of a page, all in one."""
    return page.removesuffix(".html") + ".css"


def _takes_gzip(accepted: str) -> bool:
    """Tell whether `Accept-Encoding` (RFC 9110 §12.5.3) names gzip as one that is taken."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _file(path: str, content: bytes) -> File:
    packed = gzip.compress(content, 9, mtime=0)
    media_type = _TYPES.get(_suffix(path), "application/octet-stream")
    shorter = packed if len(packed) < len(content) else None
    return File(content, shorter, media_type, etags.tag(content))


def _suffix(path: str) -> str:
    return path.rpartition(".")[2]
