"""To go away is no fault: no traceback, and nothing in the log at its usual level."""

import os
import random
import re
import secrets
from collections.abc import Iterator

import pytest

from buildfeed.broker.local import ports
from support.leaving import KINDS, leave
from support.service import HTTP, Web, until

CUTS = 4
EXPECTED = re.compile(
    r" INFO |^Buildfeed is ready|^MQTT clients|^In a WebSocket|^To publish|^Ctrl-C|^Stopping"
)


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = ports.free_block(2, os.getpid()) or 0
    directory = tmp_path_factory.mktemp("leaving")
    options = {"port": port, "mqtt_port": port + 1, "workers": request.param}
    with Web("up", directory, **options) as web:
        web.until_ready()
        until(lambda: web.text.count("gateway.caught_up") == request.param, "all processes", 60)
        for _ in range(20):  # there is something to send
            web.press_start("leaving", script={"seconds": 30, "steps": 300, "errors": [3]})
        yield web


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - to do it again
    return random.Random(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_goes_in_the_middle_leaves_no_trace(
    web: Web, kind: str, chance: random.Random
) -> None:
    before = len(web.text)
    leave(int(web.options["port"]), kind, CUTS, chance)
    assert HTTP.get(f"{web.url}/healthz").status_code == 200
    assert unexpected(web.text[before:]) == []


def test_nothing_is_left_of_them(web: Web) -> None:
    until(lambda: streams(web) == 0, "no reader of a stream")
    web.stop()
    assert unexpected(web.text) == []


def streams(web: Web) -> float:
    """Return how many readers of Server-Sent Events there are, in all processes."""
    text = HTTP.get(f"{web.url}/metrics").text
    series = re.findall(r'^buildfeed_watchers{.*"sse"} (.*)$', text, re.MULTILINE)
    assert series
    return sum(map(float, series))


def unexpected(text: str) -> list[str]:
    return [line for line in text.splitlines() if not EXPECTED.search(line)]
