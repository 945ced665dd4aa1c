"""Every user of compose.yaml can do its own job, and nobody else's."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from buildfeed.broker.amqp.stream import STREAM, assert_stream
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    NORMAL_EXCHANGE,
    START_EXCHANGE,
    TOPIC_EXCHANGE,
    assert_topology,
)
from buildfeed.topics import ALL_BUILDS, ALL_WORKERS, STOPS
from support.compose_rabbitmq import ComposeRabbitMQ, Session
from support.packages import ROOT

CLIENT_IDS = {
    "gateway": "gateway-0123abcd",
    "worker": "worker-1a2b3c4d-0123abcd",
    "recorder": "recorder",
    "mobile": "phone-1",
}
LONGEST = "a" * 64
PROBE = "gateways/0123456789abcdef/probe"
OWN_TOPICS = {
    "gateway": {"builds/acme/b1/start", "builds/acme/b1/stop", PROBE},
    "worker": {
        *(f"builds/acme/b1/{kind}" for kind in ("status", "progress", "error", "log")),
        f"builds/{LONGEST}/{LONGEST}/status",
        "workers/worker-1/status",
        "workers/worker-1/hello",
    },
    "recorder": {
        *("projects/acme/latest", "builds/acme/b1/status", "workers/worker-1/status"),
        f"builds/{LONGEST}/{LONGEST}/status",
        *("recorders/recorder/status", "recorders/recorder/hello"),
    },
    "mobile": set[str](),
}
OWN_FILTERS = {
    "gateway": {ALL_BUILDS, ALL_WORKERS, PROBE},
    "worker": {
        *(STOPS, "builds/acme/b1/status", ALL_WORKERS),
        *("workers/worker-1/status", "workers/worker-1/hello"),
    },
    "recorder": {
        *(ALL_BUILDS, ALL_WORKERS),
        *("recorders/recorder/status", "recorders/recorder/hello"),
    },
    "mobile": {ALL_BUILDS, "builds/+/+/error", "projects/acme/latest", ALL_WORKERS},
}
FOREIGN_FILTERS = {
    "gateway": {"#", "projects/#"},
    "worker": {"#", ALL_BUILDS, "builds/+/+/+", "workers/#"},
    "recorder": {"#", "projects/#"},
    "mobile": {"#", "+/#", "gateways/#", "recorders/#", "secret/#"},
}
ALL_TOPICS = set[str]().union(*OWN_TOPICS.values())
MALFORMED = {
    "too many levels": "builds/acme/b1/x/progress",
    "a dot, which is a level": "builds/acme.secret/b1/progress",
    "a star, which is a +": "builds/*/b1/progress",
    "too few levels": "builds/acme/progress",
    "an empty level": "builds/acme//progress",
    "another kind": "builds/acme/b1/retry",
    "a capital": "builds/Acme/b1/progress",
    "a line break": "builds/acme/b1/progress\n",
    "a name too long": f"builds/{LONGEST}a/b1/progress",
    "longer than AMQP can say, which ends every consumer": f"builds/acme/{'b' * 300}/progress",
}


def pairs(texts_of: dict[str, set[str]]) -> list[tuple[str, str]]:
    return [(user, text) for user, texts in texts_of.items() for text in sorted(texts)]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeRabbitMQ]:
    """Running, with the queues and the stream that the gateway makes."""
    broker = ComposeRabbitMQ(tmp_path_factory.mktemp("compose"))
    broker.server.start()
    with broker.channel("gateway") as channel:
        assert_topology(channel)
        assert_stream(channel.connection)
    yield broker
    broker.server.kill()
    broker.server.stop()


@pytest.fixture
def connect(broker: ComposeRabbitMQ) -> Iterator[Callable[..., Session]]:
    """A function that connects a user by MQTT until the test ends."""
    sessions: list[Session] = []

    def connect(user: str, client_id: str = "", password: str = "", **options: bool) -> Session:
        sessions.append(
            Session(
                broker.server.mqtt_port,
                user,
                client_id or CLIENT_IDS[user],
                password=password or user,
                **options,
            )
        )
        return sessions[-1]

    yield connect
    for each in sessions:
        each.close()


Connect = Callable[..., Session]


@pytest.mark.parametrize(("user", "topic"), pairs(OWN_TOPICS))
def test_a_user_publishes_on_its_own_topics(connect: Connect, user: str, topic: str) -> None:
    assert connect(user).publish(topic)


@pytest.mark.parametrize(
    ("user", "topic"), pairs({user: ALL_TOPICS - own for user, own in OWN_TOPICS.items()})
)
def test_a_user_does_not_publish_on_those_of_others(
    connect: Connect, user: str, topic: str
) -> None:
    assert not connect(user).publish(topic)


@pytest.mark.parametrize("topic", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_topic_is_refused(connect: Connect, topic: str) -> None:
    assert not connect("worker").publish(topic)
    assert not connect("gateway").publish(topic.replace("progress", "start"))


@pytest.mark.parametrize(("user", "filter_"), pairs(OWN_FILTERS))
def test_a_user_subscribes_to_what_it_needs(connect: Connect, user: str, filter_: str) -> None:
    assert connect(user).subscribe(filter_)


@pytest.mark.parametrize(("user", "filter_"), pairs(FOREIGN_FILTERS))
def test_a_user_does_not_subscribe_to_anything_else(
    connect: Connect, user: str, filter_: str
) -> None:
    assert not connect(user).subscribe(filter_)


def test_the_example_says_that_it_may_not_subscribe(broker: ComposeRabbitMQ) -> None:
    address = f"mqtt://worker:worker@127.0.0.1:{broker.server.mqtt_port}"
    command = [sys.executable, ROOT / "examples" / "subscriber.py", address]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as example:
        assert example.stderr
        said = example.stderr.readline()
        example.kill()
    assert re.match("The connection has ended|The broker at .* cannot be used: it refuses", said)


def test_a_phone_sees_builds_as_they_go_and_the_latest_of_a_project(
    connect: Connect, eventually: Callable[[Callable[[], object]], None]
) -> None:
    assert connect("recorder").publish("projects/acme/latest", retain=True)
    phone = connect("mobile")
    assert phone.subscribe("projects/acme/latest")
    assert phone.subscribe("builds/acme/#")
    assert connect("worker").publish("builds/acme/b2/status")
    eventually(lambda: phone.received == ["projects/acme/latest", "builds/acme/b2/status"])


def test_a_start_of_the_gateway_reaches_the_worker(broker: ComposeRabbitMQ) -> None:
    with broker.channel("gateway") as gateway, broker.channel("worker") as worker:
        for queue, priority in ((BUILDS, "normal"), (BUILDS_HIGH, "high")):
            worker.queue_purge(queue)
            properties = pika.BasicProperties(headers={"priority": priority})
            gateway.basic_publish(TOPIC_EXCHANGE, "builds.acme.b1.start", b"{}", properties)
            _, _, body = next(worker.consume(queue, inactivity_timeout=5))
            assert body == b"{}"
            worker.cancel()


@pytest.mark.parametrize("user", ["worker", "recorder", "mobile"])
@pytest.mark.parametrize(
    ("exchange", "key"),
    [
        (TOPIC_EXCHANGE, "builds.acme.b1.start"),
        (START_EXCHANGE, "builds.acme.b1.start"),
        (NORMAL_EXCHANGE, ""),
        ("", BUILDS),
    ],
)
def test_nobody_else_puts_a_start_into_the_queue(
    broker: ComposeRabbitMQ, user: str, exchange: str, key: str
) -> None:
    with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_publish(exchange, key, b"{}")


@pytest.mark.parametrize(
    ("user", "queue"),
    [
        ("gateway", STREAM),
        ("worker", BUILDS_DEAD),
        ("worker", STREAM),
        ("recorder", STREAM),
        *((user, queue) for user in ("recorder", "mobile") for queue in (BUILDS, BUILDS_HIGH)),
    ],
)
def test_nobody_else_takes_from_a_queue(broker: ComposeRabbitMQ, user: str, queue: str) -> None:
    with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_get(queue)


@pytest.mark.parametrize("user", ["worker", "recorder", "mobile"])
def test_only_the_gateway_makes_and_deletes_queues(broker: ComposeRabbitMQ, user: str) -> None:
    for request in (
        assert_topology,
        lambda channel: channel.queue_delete(BUILDS),
        lambda channel: channel.queue_delete(STREAM),
    ):
        with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
            request(channel)


def test_an_app_reads_the_stream(broker: ComposeRabbitMQ, connect: Connect) -> None:
    assert connect("worker").publish("builds/acme/b1/log")
    with broker.channel("mobile") as app:
        app.basic_qos(prefetch_count=1)
        method, _, body = next(
            app.consume(STREAM, arguments={"x-stream-offset": "last"}, inactivity_timeout=5)
        )
        assert (method.routing_key, body) == ("builds.acme.b1.log", b"{}")


def test_who_may_not_make_the_stream_goes_on_without(
    broker: ComposeRabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    with broker.channel("recorder") as channel:
        assert_stream(channel.connection)
        assert channel.is_open
    (record,) = [each for each in caplog.records if each.getMessage() == "amqp.no_stream"]
    assert "access to queue 'builds.stream' in vhost '/' refused" in vars(record)["reason"]


def test_the_operator_takes_from_the_dead_and_starts_again(broker: ComposeRabbitMQ) -> None:
    with broker.channel("operator") as operator, broker.channel("worker") as worker:
        assert_topology(operator)
        assert operator.basic_get(BUILDS_DEAD) == (None, None, None)
        operator.basic_publish(TOPIC_EXCHANGE, "builds.acme.b1.start", b"{}")
        _, _, body = next(worker.consume(BUILDS, inactivity_timeout=5))
        assert body == b"{}"


@pytest.mark.parametrize("session", ["clean", "durable"])
def test_a_phone_that_calls_itself_recorder_takes_nothing_from_the_recorder(
    connect: Connect, eventually: Callable[[Callable[[], object]], None], session: str
) -> None:
    recorder = connect("recorder", clean=False)
    assert recorder.subscribe(ALL_BUILDS)
    recorder.close()
    assert connect("worker").publish("builds/acme/b3/status")
    thief = connect("mobile", "recorder", clean=session == "clean")
    assert not (thief.accepted and thief.subscribe(ALL_BUILDS))
    assert thief.received == []
    recorder = connect("recorder", clean=False)
    eventually(lambda: recorder.received == ["builds/acme/b3/status"])
    connect("recorder", clean=True).close()


@pytest.mark.parametrize(
    ("user", "password"), [("guest", "guest"), ("mobile", "wrong"), ("nobody", "nobody")]
)
def test_strangers_are_refused(
    broker: ComposeRabbitMQ, connect: Connect, user: str, password: str
) -> None:
    assert not connect(user, "phone-2", password).accepted
    with pytest.raises(ProbableAuthenticationError), broker.channel(user, password):
        pass


def test_it_starts_again_with_the_same_definitions(
    broker: ComposeRabbitMQ, connect: Connect
) -> None:
    before = definitions(broker)
    broker.server.kill()
    broker.server.start()
    broker.server.ctl("await_startup")
    assert definitions(broker) == before
    assert connect("mobile").accepted


def definitions(broker: ComposeRabbitMQ) -> dict[str, list[str]]:
    """Who there is, who may do what, and the policies; of a password only that there is one."""
    exported = json.loads(broker.server.ctl("export_definitions", "-", "--format", "json"))
    for user in exported["users"]:
        assert user.pop("password_hash")  # a new one at each start, with another salt
    kinds = ("users", "permissions", "topic_permissions", "policies")
    return {
        kind: sorted(json.dumps(each, sort_keys=True) for each in exported[kind]) for kind in kinds
    }


def test_the_connections_of_phones_are_limited(connect: Connect) -> None:
    phones = [connect("mobile", f"many-{n}") for n in range(110)]
    assert 50 <= sum(each.accepted for each in phones) <= 100
    assert connect("gateway").accepted


def test_the_sessions_of_phones_are_limited(broker: ComposeRabbitMQ) -> None:
    def phone(number: int, *, clean: bool) -> bool:
        port, client_id = broker.server.mqtt_port, f"away-{number}"
        with closing(Session(port, "mobile", client_id, password="mobile", clean=clean)) as session:
            return session.subscribe(ALL_BUILDS)

    kept = next(number for number in range(260) if not phone(number, clean=False))
    assert 100 < kept < 250
    for number in range(kept):  # a clean one removes what a durable one left
        phone(number, clean=True)
