"""The thread of a link, when something fails that nobody thought of."""

from collections.abc import Callable

import pytest

from buildfeed.broker.mqtt import link as module
from buildfeed.broker.mqtt.link import MqttLink


@pytest.mark.parametrize("where", ["Connection", "Session"])
def test_it_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None], where: str
) -> None:
    monkeypatch.setattr(module, "_CRASH_SECONDS", 0.01)
    tried: list[object] = []
    down: list[str] = []

    def odd(*_: object, **given: object) -> object:
        tried.append(given)
        raise TypeError("odd")

    monkeypatch.setattr(module, where, odd)
    link = MqttLink("mqtt://127.0.0.1:9", name="test", on_down=down.append)
    link.start()
    eventually(lambda: len(tried) > 2)
    assert link._thread.is_alive()
    assert not link.up
    assert down == ["TypeError('odd')"]
    link.stop(0)
