"""Requests over HTTP to one server, without a proxy of the environment, each on its own."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from buildfeed.doctor.unreachable import Unreachable, reason

_SECONDS: Final = 8.0
_MOST_BYTES: Final = 16 * 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443}


class Answer(msgspec.Struct, frozen=True):
    """An answer: `headers` by their names in lower case; between which times it was on its way."""

    status: int
    headers: dict[str, str]
    body: bytes
    asked: datetime
    answered: datetime

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the document in the body; raises Unreachable."""
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise Unreachable(f"it answers {self.status} without JSON") from exc

    @property
    def problem(self) -> str:
        """What a problem says in its last word (`urn:buildfeed:problem:…`), empty without one."""
        return problem(self.body)

    @property
    def detail(self) -> str:
        """What a problem says to people, empty without one."""
        return _member(self.body, "detail")

    @property
    def time(self) -> datetime | None:
        """The clock of the server, to the second."""
        try:
            return parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None


class Site:
    """The server at a URL, `root` being the path in it. `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self.root = parts.path.rstrip("/")
        self.netloc = parts.netloc.rpartition("@")[2]
        self._headers = dict(headers or {})

    @property
    def origin(self) -> str:
        """The origin that a browser gives this address."""
        return f"{self.scheme}://{self.netloc}"

    def without_headers(self) -> Self:
        """Return the same server, asked by nobody in particular."""
        return type(self)(f"{self.origin}{self.root}")

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        source: str = "",
    ) -> Answer:
        """Return the answer to a request, which leaves from the address `source` if one is given.

        Raises Unreachable.
        """
        asked = datetime.now(UTC)
        with self.open(path, method=method, headers=headers, body=body, source=source) as response:
            told = {name.lower(): value for name, value in response.getheaders()}
            text = b"" if response.status == 101 else response.read(_MOST_BYTES)  # noqa: PLR2004
        return Answer(response.status, told, text, asked, datetime.now(UTC))

    @contextmanager
    def open(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        source: str = "",
    ) -> Iterator[HTTPResponse]:
        """Give the response, before its body was read; raises Unreachable, also in the context."""
        try:
            with closing(self._connection(source)) as connection:
                every = {"Accept": "application/json", **self._headers, **(headers or {})}
                connection.request(method, f"{self.root}{path}", body, every)
                yield connection.getresponse()
        except (HTTPException, OSError) as exc:
            raise Unreachable(reason(exc)) from exc

    def _connection(self, source: str) -> HTTPConnection:
        leaves = (source, 0) if source else None
        if self.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(
                self.host, self.port, timeout=_SECONDS, source_address=leaves, context=context
            )
        return HTTPConnection(self.host, self.port, timeout=_SECONDS, source_address=leaves)


def problem(body: bytes) -> str:
    """Return the last word of the type of a problem, empty where a body is none."""
    return _member(body, "type").rpartition(":")[2]


def _member(body: bytes, name: str) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""
