"""Apps by each way of listening: durable sessions, durable queues, the stream of RabbitMQ."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pika
import pytest

from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from buildfeed.subscribe.change import Change
from buildfeed.subscribe.program import source_of
from buildfeed.subscribe.queue import PREFETCH
from buildfeed.topics import Filter
from support.brokers import Embedded, Mosquitto
from support.peers import Proxy
from support.rabbitmq import NAMES_OF_QUORUM_QUEUES, ControlledRabbitMQ, stored
from support.service import until
from support.sink import Sink
from support.subscribing import App, Program, Way, on_rabbitmq

TUTORIAL = (Path(__file__).parents[2] / "docs" / "subscribing.md").read_text()
ON_RABBITMQ = ["session", "queue", "stream"]

Eventually = Callable[..., None]


@pytest.fixture(params=["embedded", "mosquitto", *ON_RABBITMQ])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    if request.param in ON_RABBITMQ:
        with on_rabbitmq(request.getfixturevalue("rabbitmq"), request.param) as found:
            yield found
    else:
        broker: Embedded | Mosquitto = request.getfixturevalue(request.param)
        with Way(broker.url, broker.url) as found:
            yield found


def test_an_app_gets_what_is_published_and_what_came_while_it_was_away(
    way: Way, tmp_path: Path
) -> None:
    first, away, last = way.life("b1"), way.life("b2"), way.life("b3")
    with App(way, tmp_path / "memory") as app:
        way.publish(*first)
        app.until_handled(*first)
    way.publish(*away)
    with App(way, tmp_path / "memory") as app:
        way.publish(*last)
        app.until_handled(*away, *last)


def test_an_app_gets_only_what_its_filter_matches(way: Way) -> None:
    first, second = way.life("b1"), way.life("b2")
    with App(way, filter_=f"builds/{way.project}/+/status") as app:
        way.publish(*first, *second)
        app.until_handled(first[0], first[-1], second[0], second[-1])


def test_what_was_not_handled_when_an_app_stopped_comes_again(way: Way, tmp_path: Path) -> None:
    said = way.life()
    begun = threading.Event()

    def fail_at_the_third(change: Change) -> None:
        if change.activity == said[2]:
            begun.set()
            raise OSError("the server is away")

    with App(way, tmp_path / "memory", handler=fail_at_the_third) as app:
        way.publish(*said)
        assert begun.wait(20)
    assert app.handled == said[:2]
    with App(way, tmp_path / "memory") as app:
        app.until_handled(*said[2:])


def test_what_was_handled_when_an_app_stopped_does_not_come_again(way: Way, tmp_path: Path) -> None:
    said = way.life()

    def stop_in_the_last(change: Change) -> None:
        if change.activity == said[-1]:
            app.stop()

    memory = tmp_path / "memory" if way.stream else None  # elsewhere the broker alone knows
    with App(way, memory, handler=stop_in_the_last) as app:
        way.publish(*said)
        app.until_handled(*said)
    with App(way, memory) as app:
        way.publish(*way.life("b2"))
        app.until_handled(*way.life("b2"))


def test_a_lost_connection_loses_nothing_and_repeats_nothing(way: Way) -> None:
    said = way.life(ticks=98)
    proxy = Proxy(way.url)
    cut_at = {said[number].id for number in (5, 30, 31, 80)}

    def cut(change: Change) -> None:
        if change.activity.id in cut_at:
            proxy.cut()

    try:
        with App(way, url=proxy.url, handler=cut) as app:
            way.publish(*said)
            app.until_handled(*said)
    finally:
        proxy.end()


def test_what_is_no_activity_does_not_hold_up_the_others(way: Way) -> None:
    topic = f"builds/{way.project}/b1/status"
    with App(way) as app:
        for payload in (b"", b"{", b"\0" * 1000, b"\xff", "\ufffd".encode()):
            way.send(topic, payload).result(30)
        way.send(f"builds/{way.project}/b1/nonsense", b"{}").result(30)
        way.publish(*way.life())
        app.until_handled(*way.life())


def test_a_routing_key_that_is_no_text_does_not_hold_up_the_others(
    rabbitmq: ControlledRabbitMQ,
) -> None:
    for name in ("queue", "stream"):
        with on_rabbitmq(rabbitmq, name) as way, App(way) as app:
            with pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url)) as connection:
                key = f"builds.{way.project}.".encode() + b"\xff\xfe"
                connection.channel().basic_publish(TOPIC_EXCHANGE, key, b"{}")
            way.publish(*way.life())
            app.until_handled(*way.life())


@pytest.mark.parametrize(("name", "most"), [("queue", 50), ("stream", 100)])
def test_few_messages_wait_in_an_app_that_is_slow(
    name: str, most: int, rabbitmq: ControlledRabbitMQ
) -> None:
    go_on = threading.Event()
    with on_rabbitmq(rabbitmq, name) as way, App(way, handler=lambda _: go_on.wait(30)) as app:
        try:
            for each in (*way.life(ticks=98), *way.life("b2", ticks=98)):
                way.publish(each)  # alone, since a stream sends whole what was stored together
            until(lambda: app.waiting >= most - 1, "as many wait as may, beside the one in hand")
            for _ in range(2):  # round trips, behind all that RabbitMQ sends
                app.ask_broker()
            assert app.waiting <= most
        finally:
            go_on.set()
        app.until_handled(*way.life(ticks=98), *way.life("b2", ticks=98))


@pytest.mark.timeout(120)  # RabbitMQ starts once
def test_a_broker_that_is_killed_loses_nothing_that_it_confirmed(
    rabbitmq: ControlledRabbitMQ, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        away = [stack.enter_context(on_rabbitmq(rabbitmq, name)) for name in ON_RABBITMQ]
        here = [stack.enter_context(on_rabbitmq(rabbitmq, name)) for name in ON_RABBITMQ]
        for way in away:
            with App(way, tmp_path / way.app) as app:
                way.publish(*way.life("b1"))
                app.until_handled(*way.life("b1"))
        listening = [stack.enter_context(App(way, tmp_path / way.app)) for way in here]
        for queue in (away[1].app, here[1].app):
            until(partial(stored, rabbitmq, queue, NAMES_OF_QUORUM_QUEUES), f"{queue} is whole")
        for way in (*away, *here):
            way.publish(*way.life("b2", ticks=50))
        rabbitmq.kill()
        rabbitmq.start()
        for way in away:
            app = stack.enter_context(App(way, tmp_path / way.app))
            way.publish(*way.life("b3"))
            app.until_handled(*way.life("b2", ticks=50), *way.life("b3"))
        until(lambda: all(app.up for app in listening), "the others listen again", 30)
        for way, app in zip(here, listening, strict=True):
            way.publish(*way.life("b3"))
            app.until_handled(*way.life("b2", ticks=50), *way.life("b3"))


def test_of_two_processes_with_a_queue_one_waits_until_the_other_ends(
    rabbitmq: ControlledRabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with on_rabbitmq(rabbitmq, "queue") as way, App(way) as second:
        assert "subscriber.standby" not in caplog.messages
        with App(way) as first:
            (standby,) = [each for each in caplog.records if each.message == "subscriber.standby"]
            assert standby.queue == f"{rabbitmq.user}:{way.app}"
            way.publish(*way.life("b1"))
            until(lambda: first.handled + second.handled == way.life("b1"), "one has them all")
            assert not (first.handled and second.handled)
        way.publish(*way.life("b2"))
        until(lambda: second.handled[-5:] == way.life("b2"), "the other goes on")


def test_an_app_that_stops_leaves_all_to_the_next_in_order(rabbitmq: ControlledRabbitMQ) -> None:
    begun, stopping = threading.Event(), threading.Event()

    def fail_when_stopped(_: Change) -> None:
        begun.set()
        assert stopping.wait(20)
        raise OSError("the server is away")

    with on_rabbitmq(rabbitmq, "queue") as way:
        said = way.life(ticks=2 * PREFETCH)
        with ExitStack() as stack:
            first = stack.enter_context(App(way, handler=fail_when_stopped))
            with App(way) as second:
                way.publish(*said)
                assert begun.wait(20)
                until(lambda: first.waiting == PREFETCH - 1, "the rest waits at the broker")
                first.stop()
                stopping.set()
                stack.close()
                second.until_handled(*said)


def test_an_app_listens_at_the_addresses_that_up_prints(
    embedded: Embedded, rabbitmq: ControlledRabbitMQ
) -> None:
    with on_rabbitmq(rabbitmq, "session") as session, on_rabbitmq(rabbitmq, "stream") as stream:
        with Way(embedded.reader_url, embedded.url) as way, App(way) as app:
            way.publish(*way.life())
            app.until_handled(*way.life())
        for way, url in ((session, rabbitmq.reader_mqtt_url), (stream, rabbitmq.reader_amqp_url)):
            with App(way, url=url) as app:
                way.publish(*way.life())
                app.until_handled(*way.life())


def until_told(caplog: pytest.LogCaptureFixture, event: str, reason: str, url: str) -> None:
    """Wait until an app at `url` has said in its log what is wrong."""
    source = source_of(url, Filter.parse("builds/acme/#"), app="app")
    source.start(lambda _received: None, None)
    try:
        until(lambda: event in caplog.messages, event)
    finally:
        source.stop()
    (told,) = [each for each in caplog.records if each.message == event]
    assert reason in told.reason


def test_an_app_says_that_its_password_is_wrong(
    embedded: Embedded, rabbitmq: ControlledRabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    until_told(caplog, "mqtt.refused", "", embedded.reader_url.replace(":only@", ":wrong@"))
    wrong = rabbitmq.amqp_url.replace(rabbitmq.password, "wrong")
    until_told(caplog, "amqp.down", "ACCESS_REFUSED", wrong)


def test_an_app_says_that_it_may_have_no_queue(
    rabbitmq: ControlledRabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    until_told(caplog, "amqp.down", "access to queue", rabbitmq.reader_amqp_url)


def test_an_app_listens_with_a_token_to_what_it_covers(
    sqlite_template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "history.db"
    database.write_bytes(sqlite_template.read_bytes())
    tokens = Tokens(Database(f"sqlite:///{database}"))
    broker = Embedded(tokens)
    broker.start()
    _, secret = tokens.add("ada", Grants.parse(["viewer@*"]))
    try:
        with Way(broker.url_of("ada", secret), broker.url) as way:
            with App(way) as app:
                way.publish(*way.life("b1"))
                app.until_handled(*way.life("b1"))
            way.publish(*way.life("b2"))
            with App(way) as app:
                app.until_handled(*way.life("b2"))
        _, other = tokens.add("bob", Grants.parse(["viewer@other"]))
        url = broker.url_of("bob", other)
        until_told(caplog, "mqtt.subscribe_refused", "builds/acme/#", url)
    finally:
        broker.stop()
        broker.end()


# --- the tutorial

PROGRAM = re.compile(r"^```python\n((?:from|import) .*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = PROGRAM.findall(TUTORIAL)
ADDRESS = re.compile(r'"(mqtt|amqp)://USER:PASSWORD@[\w.:]+"')


def test_the_tutorial_has_programs_for_sessions_queues_and_the_stream() -> None:
    protocols = [ADDRESS.findall(block) for block in BLOCKS]
    assert ["mqtt"] in protocols
    assert ["amqp"] in protocols
    assert any("stream=" in block for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_program_of_the_tutorial_does_what_it_says(
    block: str, rabbitmq: ControlledRabbitMQ, tmp_path: Path, eventually: Eventually
) -> None:
    (protocol,) = ADDRESS.findall(block)
    name = "stream" if "stream=" in block else {"mqtt": "session", "amqp": "queue"}[protocol]
    with on_rabbitmq(rabbitmq, name) as way, Sink() as sink:
        (way.app,) = re.findall(r'app="([\w-]+)"', block)
        file = tmp_path / "app.py"
        text = ADDRESS.sub(repr(way.url), block).replace("https://ntfy.example", sink.url)
        file.write_text(text.replace("builds/acme/", f"builds/{way.project}/"))
        with Program(tmp_path, "-u", file) as program:
            way.publish(*way.life())
            said = f"{way.project} b1 succeeded"
            eventually(lambda: said in program.text or said.encode() in sink.bodies, 20)
