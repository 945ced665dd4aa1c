"""A gateway that was frozen hears what happened meanwhile before it tells how things are."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest

from gateway.sources.subscriber import SILENT_AFTER
from support.service import HTTP, Service, Web, until

Run = Callable[..., Service]


@pytest.fixture
def reader(gateway: Web) -> list[dict[str, Any]]:
    """The `feed` events of the gateway, as they come."""
    feeds: list[dict[str, Any]] = []

    def read() -> None:
        address = f"{gateway.url}/api/events"
        options: dict[str, Any] = {"params": {"watch": "builds/#"}, "timeout": None}
        with suppress(httpx.HTTPError), httpx.stream("GET", address, **options) as stream:
            feeds.extend(
                msgspec.json.decode(line[5:])
                for line in stream.iter_lines()
                if line.startswith("data:") and '"broker"' in line
            )

    threading.Thread(target=read, daemon=True).start()
    until(lambda: feeds, "the first feed")
    return feeds


def test_it_does_not_say_that_the_broker_is_down_because_it_was_frozen_itself(
    gateway: Web, reader: list[dict[str, Any]]
) -> None:
    gateway.send(signal.SIGSTOP)
    try:
        time.sleep(SILENT_AFTER + 1)  # the freeze
    finally:
        gateway.send(signal.SIGCONT)
    heard = len(reader)
    assert HTTP.get(f"{gateway.url}/readyz").is_success
    until(lambda: len(reader) > heard + 1, "two more feeds")
    assert {each["broker"] for each in reader} == {"up"}
    assert max(each["recorder_lag_ms"] for each in reader) < 1000 * SILENT_AFTER


def test_a_build_that_ended_meanwhile_is_told_as_ended(gateway: Web) -> None:
    build = gateway.press_start("frozen", script={"seconds": 1, "steps": 5, "errors": []})["build"]
    gateway.until_status("frozen", build, "running")
    gateway.send(signal.SIGSTOP)
    try:
        time.sleep(2)  # the freeze
    finally:
        gateway.send(signal.SIGCONT)
    gateway.until_status("frozen", build, "succeeded", seconds=1)
