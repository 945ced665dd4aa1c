"""A build never waits for the broker, and output is what goes first while that is away."""

from msgspec.structs import replace

from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.worker.publisher import MOST_OUTPUT_BYTES, Publisher
from support.builders import accept, log


def test_output_waits_for_the_broker_within_a_limit() -> None:
    link = MqttLink("mqtt://127.0.0.1:1", name="w1")  # never started: nothing is acknowledged
    publisher = Publisher(link)
    lines = [log("x" * 16_000, seq % 100) for seq in range(1000)]
    waiting = [each for each in map(publisher.publish, lines) if not each.done()]
    assert 0.9 < sum(16_000 for _ in waiting) / MOST_OUTPUT_BYTES < 1
    assert not publisher.publish(accept()).done()
    while not publisher.publish(log("x", 0)).done():
        pass
    for seq in range(3):
        content = f"[{seq:,} bytes of output are left out here]\n"
        note = log(content, seq)
        assert publisher.publish(note).done()  # nobody asked whether the broker takes it
        assert not publisher.publish(replace(note, offset=7)).done()
    link.stop(0)


def test_acknowledged_output_makes_room() -> None:
    link = MqttLink("mqtt://127.0.0.1:1", name="w1")
    publisher = Publisher(link)
    for seq in range(1000):
        future = publisher.publish(log("x" * 16_000, seq % 100))
        assert not future.done()
        future.cancel()  # as good as done
    link.stop(0)
