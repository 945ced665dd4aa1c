"""A real gateway with low limits: whoever is beyond one is told so, and it is counted."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.conftest import free_block

from support.client_frames import sent
from support.raw_polling import Raw, request
from support.service import Web, until
from support.sse import metric, stalled_watcher

PING = 9
START = b"POST /api/projects/acme/builds HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def low(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Everything but a worker, with low limits, and 60 builds that wait."""
    directory: Path = tmp_path_factory.mktemp("low")
    port = free_block(2)
    options = {
        "no_worker": 1,
        "messages_per_second": 3,
        "questions_kib": 16,
        "unfetched_kib": 16,
        "head_seconds": 1,
        "body_seconds": 1,
    }
    with Web("up", directory, port=port, mqtt_port=port + 1, **options) as web:
        web.until_ready()
        for number in range(60):
            web.press_start(f"p{number}")
        yield web


def port(web: Web) -> int:
    return int(str(web.options["port"]))


def reached(web: Web, limit: str) -> float:
    return metric(web, f'buildfeed_limits_reached_total{{limit="{limit}"}}')


def test_a_websocket_that_says_too_much_is_told_by_its_close_frame(low: Web) -> None:
    before = reached(low, "messages-per-second")
    with stalled_watcher(low, "builds/none/#") as greedy:
        greedy.sendall(sent(PING, b"") * 40)
        heard = b""
        while more := greedy.recv(65536):
            heard += more
    assert heard.endswith(b"more than 3 messages a second")
    assert reached(low, "messages-per-second") == before + 1


def test_a_client_that_polls_and_says_too_much_is_told_by_its_answer(low: Web) -> None:
    before = reached(low, "messages-per-second")
    with Raw(port(low)) as greedy:
        greedy.send(request("POST", greedy.session, b"\x1e".join([b"40", *[b"3"] * 15])))
        greedy.answer()
        greedy.send(request("POST", greedy.session, b"\x1e".join([b"3"] * 16)))
        refused(greedy, "more than 3 messages a second")
    assert reached(low, "messages-per-second") == before + 1


def test_a_client_that_fetches_nothing_and_asks_on_is_told_so(low: Web) -> None:
    with Raw(port(low)) as greedy:
        greedy.send(request("POST", greedy.session, b'40\x1e420["watch","builds/#"]'))
        greedy.answer()
        until(lambda: asked_again(greedy) == 429, "refused")
    assert reached(low, "unfetched-kib") == 1


def asked_again(greedy: Raw) -> int:
    greedy.send(request("POST", greedy.session, b"3"))
    return greedy.answer().status


def test_questions_that_wait_are_bounded(low: Web) -> None:
    with Raw(port(low)) as greedy:
        asked = [b"40", *[f'42{number}["watch","{"x" * 6000}"]'.encode() for number in range(3)]]
        greedy.send(request("POST", greedy.session, b"\x1e".join(asked)))
        refused(greedy, "too many questions wait")
    assert reached(low, "questions-kib") == 1


def refused(greedy: Raw, reason: str) -> None:
    answer = greedy.answer()
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (429, "urn:buildfeed:problem:too-many-messages")
    assert reason in problem["detail"]


@pytest.mark.parametrize(
    ("limit", "begun"),
    [
        ("head-seconds", b"GET / HTT"),
        ("body-seconds", START + b"Content-Length: 9\r\n\r\n12"),
    ],
)
def test_a_request_that_comes_too_slowly_is_told_how_long_it_has(
    low: Web, limit: str, begun: bytes
) -> None:
    before = reached(low, limit)
    with socket.create_connection(("127.0.0.1", port(low)), timeout=10) as slow:
        slow.sendall(begun)
        answer = slow.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 408")
    assert "within 1 s, and its body within 1 s." in answer
    assert reached(low, limit) == before + 1
