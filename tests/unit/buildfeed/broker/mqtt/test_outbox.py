from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.broker.mqtt.outbox import MAX_LOSSES, RETRY_SECONDS, Outbox, Publish
from buildfeed.errors import BrokerUnavailable, InvalidActivity, InvalidTopic


def publish(name: str = "a", qos: int = 1) -> Publish:
    return Publish.checked(name, b"", qos=qos, retain=False)


def failed(future: Future[None]) -> BrokerUnavailable:
    error = future.exception(0)
    assert isinstance(error, BrokerUnavailable)
    return error


class Sender:
    """Sends what an outbox gives, with packet ids that count."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.sent: list[tuple[int, str]] = []
        self.now = 0.0

    def add(self, *names: str, qos: int = 1) -> list[Publish]:
        added = [publish(name, qos) for name in names]
        for one in added:
            self.outbox.add(one)
        return added

    def send(self, window: int = 100) -> list[str]:
        """Send all that may be sent now; return the topics."""
        names = []
        while taken := self.outbox.take(self.now, window):
            self.sent.append((len(self.sent) + 1, taken.topic))
            self.outbox.sent(taken, len(self.sent), self.now)
            names.append(taken.topic)
        return names

    def acknowledge(self, *names: str) -> None:
        for packet_id, name in self.sent:
            if name in names:
                self.outbox.acknowledged(packet_id)


@pytest.fixture
def sender() -> Sender:
    return Sender()


def test_a_publish_is_done_when_it_is_acknowledged(sender: Sender) -> None:
    (one,) = sender.add("a")
    sender.send()
    assert not one.future.done()
    sender.acknowledge("a")
    assert one.future.result(0) is None
    assert not sender.outbox


def test_qos_0_is_done_when_it_is_sent_and_takes_no_room_in_the_window(sender: Sender) -> None:
    (tick,) = sender.add("tick", qos=0)
    sender.add("a", "b")
    assert sender.send(window=1) == ["tick", "a"]
    assert tick.future.done()


def test_the_window_opens_with_every_acknowledgement(sender: Sender) -> None:
    sender.add("a", "b", "c")
    assert sender.send(window=2) == ["a", "b"]
    sender.acknowledge("b")
    assert sender.send(window=2) == ["c"]


def test_an_unknown_acknowledgement_is_ignored(sender: Sender) -> None:
    sender.outbox.acknowledged(7)
    assert sender.outbox.refused(7, 0, for_good=True) is None


def test_one_that_was_cancelled_before_it_was_sent_is_never_sent(sender: Sender) -> None:
    first, second = sender.add("a", "b")
    assert first.future.cancel()
    assert sender.send() == ["b"]
    assert not second.future.cancel()


def test_after_a_lost_connection_all_are_sent_again_in_order_before_newer_ones(
    sender: Sender,
) -> None:
    sender.add("a", "b", "c", "d")
    sender.send(window=3)
    sender.acknowledge("b")
    assert sender.outbox.lost(by_broker=False) == []
    sender.add("e")
    assert sender.send() == ["a", "c", "d", "e"]


def test_qos_0_is_not_kept_over_a_lost_connection(sender: Sender) -> None:
    sender.add("a")
    (tick,) = sender.add("tick", qos=0)
    sender.outbox.lost(by_broker=True)
    assert not failed(tick.future).sent
    assert sender.send() == ["a"]


def test_what_the_broker_closed_over_is_sent_again_one_at_a_time(sender: Sender) -> None:
    sender.add("a", "b", "c")
    sender.send(window=2)
    sender.outbox.lost(by_broker=True)
    assert sender.send() == ["a"]
    sender.acknowledge("a")
    assert sender.send() == ["b"]
    sender.acknowledge("b")
    assert sender.send() == ["c"]


def test_one_that_the_broker_closes_every_connection_over_is_given_up(sender: Sender) -> None:
    poison, innocent = sender.add("poison", "innocent")
    for _ in range(MAX_LOSSES - 1):
        assert sender.send()[0] == "poison"
        assert sender.outbox.lost(by_broker=True) == []
    sender.send()
    assert sender.outbox.lost(by_broker=True) == [poison]
    assert failed(poison.future).sent
    assert sender.send() == ["innocent"]
    assert innocent.losses == 1


def test_a_bad_network_never_makes_it_give_up(sender: Sender) -> None:
    sender.add("a")
    for _ in range(100):
        assert sender.send() == ["a"]
        assert sender.outbox.lost(by_broker=False) == []


def test_a_refused_publish_waits_while_others_pass(sender: Sender) -> None:
    refused, _ = sender.add("a", "b")
    sender.send(window=1)
    assert sender.outbox.refused(1, 0, for_good=False) is refused
    assert sender.send(window=1) == ["b"]
    sender.acknowledge("b")
    sender.now = RETRY_SECONDS
    assert sender.send() == ["a"]
    assert sender.outbox.refused(3, 1, for_good=False) is None  # reported once
    assert len(sender.outbox) == 1


def test_a_publish_refused_for_good_fails(sender: Sender) -> None:
    (refused,) = sender.add("a")
    sender.send()
    sender.outbox.refused(1, 0, for_good=True)
    assert failed(refused.future)
    assert not sender.outbox


def test_the_oldest_unacknowledged_publish_has_a_time(sender: Sender) -> None:
    sender.add("a", "b")
    assert sender.outbox.oldest() is None
    sender.now = 5
    sender.send(window=1)
    sender.now = 6
    sender.send(window=2)
    assert sender.outbox.oldest() == 5
    sender.acknowledge("a")
    assert sender.outbox.oldest() == 6


def test_what_is_abandoned_says_whether_it_was_sent(sender: Sender) -> None:
    sent, waiting = sender.add("a", "b")
    cancelled = sender.add("c")[0].future
    cancelled.cancel()
    sender.send(window=1)
    sender.outbox.abandon()
    assert failed(sent.future).sent
    assert not failed(waiting.future).sent
    assert cancelled.cancelled()


@given(st.lists(st.sampled_from(["add", "send", "acknowledge", "lost", "refused"]), max_size=60))
def test_none_is_forgotten_and_none_overtakes_whatever_happens(steps: list[str]) -> None:
    sender = Sender()
    acknowledged: list[Publish] = []
    added: list[Publish] = []
    for step in steps:
        sender.now += 1
        if step == "add":
            added += sender.add(f"{len(added)}")
        elif step == "send":
            names = sender.send(window=3)
            assert names == sorted(names, key=int)
        elif step == "acknowledge" and sender.sent:
            sender.outbox.acknowledged(sender.sent[-1][0])
        elif step == "refused" and sender.sent:
            sender.outbox.refused(sender.sent[-1][0], sender.now, for_good=False)
        elif step == "lost":
            sender.outbox.lost(by_broker=False)
            sender.sent.clear()
        acknowledged = [one for one in added if one.future.done()]
        assert len(acknowledged) + len(sender.outbox) == len(added)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0", "x" * 256, "é" * 128, "\ud800"])
def test_a_topic_that_no_broker_would_take_is_refused(topic: str) -> None:
    with pytest.raises(InvalidTopic):
        publish(topic)


def test_a_payload_over_64_kib_is_refused() -> None:
    with pytest.raises(InvalidActivity):
        Publish.checked("a", bytes(64 * 1024 + 1), qos=1, retain=False)


def test_qos_2_is_refused() -> None:
    with pytest.raises(ValueError, match="QoS"):
        publish(qos=2)
