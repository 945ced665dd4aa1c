"""The whole program: what it refuses at once. What it does with brokers is in tests/contract."""

import re
from pathlib import Path
from typing import Any

import pytest

from buildfeed.errors import InvalidFilter, InvalidName
from buildfeed.subscribe import Change, InvalidAddress, subscribe
from buildfeed.subscribe.amqp import AmqpSource
from buildfeed.subscribe.memory import MOST_IDS, MOST_STATES
from buildfeed.subscribe.mqtt import MqttSession
from buildfeed.subscribe.program import source_of
from buildfeed.subscribe.queue import ARGUMENTS
from buildfeed.subscribe.retries import FIRST_SECONDS, MAX_SECONDS
from buildfeed.subscribe.subscriber import MAX_WAIT_SECONDS, PATIENCE_SECONDS
from buildfeed.topics import Filter

EVERYTHING = Filter.parse("builds/#")


def ignore(_change: Change) -> None:
    pass


@pytest.mark.parametrize(
    ("url", "filter_", "options", "refusal"),
    [
        ("mqtt://host", "acme/#", {"app": "app"}, InvalidFilter),
        ("mqtt://host", "builds/Acme/#", {"app": "app"}, InvalidFilter),
        ("mqtt://host", "builds/#", {"app": "My App"}, InvalidName),
        ("http://host", "builds/#", {"app": "app"}, InvalidAddress),
        ("mqtt://host", "builds/#", {"app": "app", "stream": "first"}, InvalidAddress),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    url: str, filter_: str, options: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        subscribe(url, filter_, ignore, **options)


def test_the_protocol_of_the_url_says_how_the_app_listens() -> None:
    assert isinstance(source_of("mqtts://u:p@host", EVERYTHING, app="app"), MqttSession)
    assert isinstance(source_of("amqps://u:p@host", EVERYTHING, app="app"), AmqpSource)
    stream = source_of("amqp://u:p@host", EVERYTHING, app="app", stream=0)
    assert isinstance(stream, AmqpSource)


def test_the_tutorial_has_the_figures_of_the_code() -> None:
    tutorial = (Path(__file__).parents[4] / "docs" / "subscribing.md").read_text()
    said = re.sub(r"\s+", " ", tutorial)
    for figure in (
        f"after {FIRST_SECONDS} s, 1 s, 2 s, and so on up to every minute",
        f"After 10 minutes (`patience={PATIENCE_SECONDS:.0f}`)",
        f"the last {MOST_IDS // 1000} 000 ids, and the states of the {MOST_STATES} builds",
        "waits an hour at most",
        "the newest 100 000, or 64 MiB",
        "all, up to 7 days",
    ):
        assert figure in said
    assert (MAX_SECONDS, PATIENCE_SECONDS, MAX_WAIT_SECONDS) == (60, 10 * 60, 3600)
    assert ARGUMENTS["x-max-length"] == 100_000
    assert ARGUMENTS["x-max-length-bytes"] == 64 * 2**20
    assert ARGUMENTS["x-expires"] == 7 * 24 * 3600 * 1000
