"""The management API of RabbitMQ, as far as it is asked; its real answers are in `integration`."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.broker_auth.management import Management, ManagementUnavailable


class Server(http.server.HTTPServer):
    status = 200
    body = b"[]"
    asked: list[tuple[str, str | None]]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def management(server: Server) -> Management:
    return Management(f"http://clo%40ser:p%2Fw@127.0.0.1:{server.server_port}")


async def test_it_logs_in_as_the_url_says(server: Server, management: Management) -> None:
    server.body = b'[{"name": "gateway", "tags": []}]'
    assert await management.users() == {"gateway"}
    assert server.asked == [("/api/users?columns=name", "Basic Y2xvQHNlcjpwL3c=")]


@pytest.mark.parametrize(
    ("status", "body"), [(401, b""), (403, b""), (500, b""), (200, b"<html>"), (200, b'[{"x": 1}]')]
)
async def test_an_answer_that_is_none_is_told_as_one(
    server: Server, management: Management, status: int, body: bytes
) -> None:
    server.status, server.body = status, body
    with pytest.raises(ManagementUnavailable) as caught:
        await management.users()
    assert "p/w" not in str(caught.value)


async def test_a_server_that_is_not_there_is_told(free_port: Callable[[], int]) -> None:
    with pytest.raises(ManagementUnavailable):
        await Management(f"http://a:b@127.0.0.1:{free_port()}").connections()
