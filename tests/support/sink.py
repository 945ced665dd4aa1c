"""A small HTTP server that takes what apps send, and fails or waits when a test says so."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Sent(NamedTuple):
    """A request, and what it was answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer: int


class Sink:
    """The server, on loopback. `failures` requests are answered 503 next, then others `answer`,
    all with `headers`."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.failures = 0
        self.answer: int = HTTPStatus.OK
        self.headers: dict[str, str] = {}
        self.begun = 0
        self._open = threading.Event()
        self._open.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def accepted(self) -> list[Sent]:
        return [each for each in self.sent if each.answer < HTTPStatus.BAD_REQUEST]

    @property
    def bodies(self) -> list[bytes]:
        return [each.body for each in self.accepted]

    def hold(self) -> None:
        """Let requests wait for their answers."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        self.begun += 1
        self._open.wait(30)
        answer = self.answer
        if self.failures:
            self.failures -= 1
            answer = HTTPStatus.SERVICE_UNAVAILABLE
        self.sent.append(Sent(method, path, headers, body, answer))
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(sink._take(self.command, self.path, headers, body))
                for header in sink.headers.items():
                    self.send_header(*header)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None: ...

        return Handler
