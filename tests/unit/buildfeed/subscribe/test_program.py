"""The whole program: what it refuses at once. What it does with brokers is in tests/contract."""

from typing import Any

import pytest

from buildfeed.errors import InvalidFilter, InvalidName
from buildfeed.subscribe import Change, InvalidAddress, subscribe
from buildfeed.subscribe.amqp import AmqpSource
from buildfeed.subscribe.mqtt import MqttSession
from buildfeed.subscribe.program import source_of
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
