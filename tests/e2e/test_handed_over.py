"""Requests of a session that polls, on connections that another gateway process took."""

import json
import os
from collections.abc import Iterator

import pytest

from buildfeed.broker.local import ports
from support.raw_polling import Raw, pair, request
from support.service import Web, until

PROCESSES = 2
FILTERS = [f"builds/{'p' * 60}/{number:03}{'b' * 61}/#" for number in range(100)]
CONNECT = b"40" + json.dumps({"watch": FILTERS}).encode()
"""As long as it gets: a few segments."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.free_block(2, os.getpid()) or 0
    directory = tmp_path_factory.mktemp("handed-over")
    options = {"port": port, "mqtt_port": port + 1, "workers": PROCESSES}
    with Web("up", directory, **options, no_worker=True) as web:
        web.until_ready()
        until(lambda: web.text.count("gateway.caught_up") == PROCESSES, "all processes", 60)
        yield web
        assert "Traceback" not in web.text


@pytest.fixture
def strangers(web: Web) -> Iterator[tuple[Raw, Raw]]:
    """Two connections to different processes."""
    one, other = pair(int(web.options["port"]))
    with one, other:
        yield one, other


def packets_of(raw: Raw, session: str) -> list[str]:
    raw.send(request("GET", session))
    answer = raw.answer()
    assert answer.status == 200, answer
    return answer.body.split("\x1e")


@pytest.mark.parametrize("a_time", [1 << 20, 1000, 7], ids=["at once", "segments", "crumbs"])
def test_a_request_is_whole_however_it_comes(strangers: tuple[Raw, Raw], a_time: int) -> None:
    one, other = strangers
    one.send(request("POST", other.session, CONNECT), a_time=a_time)
    assert one.answer() == (200, "ok")
    assert packets_of(one, other.session)[0].startswith('40{"sid":')


def test_a_body_may_come_when_it_is_asked_for(strangers: tuple[Raw, Raw]) -> None:
    one, other = strangers
    head = request("POST", other.session, CONNECT, "Expect: 100-continue").removesuffix(CONNECT)
    one.send(head)
    assert one.answer().status == 100
    one.send(CONNECT, a_time=5000)
    assert one.answer() == (200, "ok")
    assert packets_of(one, other.session)[0].startswith('40{"sid":')


def test_a_connection_goes_to_and_fro(strangers: tuple[Raw, Raw]) -> None:
    """As a proxy's does that has many clients on one."""
    one, other = strangers
    for raw in strangers:
        for session in (one.session, other.session) * 3:
            raw.send(request("POST", session, b"3"))
            assert raw.answer() == (200, "ok")
    for session in (one.session, other.session):
        one.send(request("POST", session, b"40"))
        assert one.answer() == (200, "ok")
        assert packets_of(one, session)[0].startswith('40{"sid":')


def test_what_waits_behind_a_request_goes_along(strangers: tuple[Raw, Raw]) -> None:
    one, other = strangers
    one.send(request("POST", other.session, b"40") + request("GET", other.session))
    assert one.answer() == (200, "ok")
    assert one.answer().body.startswith('40{"sid":')


def test_a_request_behind_one_of_this_process_is_answered_here(strangers: tuple[Raw, Raw]) -> None:
    one, other = strangers
    one.send(request("GET") + request("POST", other.session, b"40"))
    assert one.answer().status == 200
    refused = one.answer()
    assert refused.status == 400
    assert "unknown-session" in refused.body

    other.send(request("POST", other.session, b"40"))
    assert other.answer() == (200, "ok")
