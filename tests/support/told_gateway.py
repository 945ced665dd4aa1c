"""A server on the loopback that answers as a test tells it, in the place of a gateway."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

STREAM = "/api/events"


class Reply(msgspec.Struct, frozen=True):
    """An answer; without a `status` the connection is lost instead. One that `holds` goes on."""

    status: int | None = 200
    body: bytes = b""
    media: str = "application/json"
    holds: bool = False
    headers: dict[str, str] = {}


class Request(msgspec.Struct, frozen=True):
    """What was asked."""

    path: str
    query: str
    headers: dict[str, str]
    body: bytes


def answer(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode())


def problem(status: int, name: str, detail: str, **more: Any) -> Reply:
    return answer({"type": f"urn:buildfeed:problem:{name}", "detail": detail, **more}, status)


def events(*told: tuple[str, Any], holds: bool = False) -> Reply:
    """A stream of events, after which the connection ends, unless it `holds`."""
    text = "".join(f"event: {name}\ndata: {json.dumps(body)}\n\n" for name, body in told)
    return Reply(200, text.encode(), "text/event-stream", holds)


def build(**more: Any) -> dict[str, Any]:
    """The body of a `build` event."""
    body = {"project": "acme", "build": "01a1", "kind": "progress", "status": "running"}
    return {**body, "progress": 10, "errors": 0, "attempt": 1, "seq": 1, **more}


class ToldGateway:
    """As a context: `tell` it what to answer at a path, one answer after another.

    The last one of a path is repeated.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._replies: dict[str, list[Reply]] = {}
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def tell(self, path: str, *replies: Reply) -> None:
        self._replies[path] = list(replies)

    def asked(self, path: str) -> list[Request]:
        return [each for each in self.requests if each.path == path]

    def _next(self, path: str) -> Reply:
        left = self._replies.get(path, [Reply(404)])
        return left.pop(0) if len(left) > 1 else left[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                told.requests.append(Request(parts.path, parts.query, headers, body))
                reply = told._next(parts.path)
                if reply.status is None:
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.media)
                for header in reply.headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(reply.body)
                self.wfile.flush()
                if reply.holds:
                    told._ending.wait(30)

            do_POST = do_GET  # noqa: N815 - its name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        return Handler
