import pytest

from buildfeed.broker.mqtt.link import Message
from buildfeed.subscribe.mqtt import MqttSession
from buildfeed.subscribe.waiting import Received
from buildfeed.topics import Filter


@pytest.mark.parametrize(("qos", "again"), [(0, False), (1, True)])
def test_a_message_of_qos_0_does_not_come_again(
    qos: int, *, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Received] = []
    session = MqttSession("mqtt://host", "app-tell", Filter.parse("builds/#"))
    monkeypatch.setattr(session._link, "start", lambda: None)
    session.start(taken.append, None)
    topic = "builds/acme/b1/progress"
    session._receive(Message(topic, b"{}", qos, retain=False, packet_id=qos, connection=3))
    (received,) = taken
    assert (received.topic, received.payload, received.connection) == (topic, b"{}", 3)
    assert received.again is again
