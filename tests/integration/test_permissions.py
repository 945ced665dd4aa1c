"""Every user of compose.yaml can do its own job, and nobody else's."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
import yaml
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from broker import rabbitmq
from broker.rabbitmq import PrivateRabbitMQ
from broker.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    NORMAL_EXCHANGE,
    START_EXCHANGE,
    TOPIC_EXCHANGE,
    assert_topology,
)
from buildfeed.topics import ALL_BUILDS, ALL_WORKERS, STOPS

ROOT = Path(__file__).parents[2]
OLD_KEYS = {
    "mqtt.max_session_expiry_interval_seconds = 604800": "mqtt.subscription_ttl = 604800000",
    "mqtt.max_packet_size_authenticated = 131072": "",
}
"""Their names before RabbitMQ 3.13: it does not start with a key that it does not know."""

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
    },
    "recorder": {"projects/acme/latest"},
    "mobile": set[str](),
}
OWN_FILTERS = {
    "gateway": {ALL_BUILDS, ALL_WORKERS, PROBE},
    "worker": {STOPS, "builds/acme/b1/status"},
    "recorder": {ALL_BUILDS},
    "mobile": {ALL_BUILDS, "builds/+/+/error", "projects/acme/latest", ALL_WORKERS},
}
FOREIGN_FILTERS = {
    "gateway": {"#", "projects/#"},
    "worker": {"#", ALL_BUILDS, "builds/+/+/+", ALL_WORKERS},
    "recorder": {"#", ALL_WORKERS},
    "mobile": {"#", "+/#", "gateways/#", "secret/#"},
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


class Broker:
    """A RabbitMQ that starts with what compose.yaml gives its own; passwords are the names."""

    def __init__(self, directory: Path) -> None:
        definitions = directory / "definitions"
        definitions.mkdir()
        users = yaml.safe_load((ROOT / "compose.yaml").read_text())["configs"]["users"]["content"]
        users = re.sub(r"\$\{(\w+)_PASSWORD[^}]*\}", lambda match: match[1].lower(), users)
        (definitions / "1-users.json").write_text(users)
        permissions = (ROOT / "deploy/rabbitmq/definitions.json").read_text()
        (definitions / "2-permissions.json").write_text(permissions)

        settings = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
        settings = settings.replace("/etc/rabbitmq/definitions", str(definitions))
        if rabbitmq._version() < (3, 13):
            for new, old in OLD_KEYS.items():
                assert new in settings
                settings = settings.replace(new, old)
        (directory / "conf.d").mkdir()
        (directory / "conf.d" / "90-buildfeed.conf").write_text(settings)
        self.server = PrivateRabbitMQ(directory)

    @contextmanager
    def channel(self, user: str, password: str | None = None) -> Iterator[BlockingChannel]:
        parameters = pika.ConnectionParameters(
            "127.0.0.1",
            self.server.amqp_port,
            credentials=pika.PlainCredentials(user, password or user),
        )
        with closing(pika.BlockingConnection(parameters)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel


class Session:
    """One MQTT connection. RabbitMQ closes it when it refuses something."""

    def __init__(
        self, port: int, user: str, client_id: str, *, password: str, clean: bool = True
    ) -> None:
        self.received: list[str] = []
        self._refused = False
        self._answered = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, clean, reconnect_on_failure=False
        )
        self._client.username_pw_set(user, password)
        self._client.on_connect = self._answer
        self._client.on_publish = self._answer
        self._client.on_subscribe = self._answer
        self._client.on_disconnect = self._closed
        self._client.on_message = self._receive
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.accepted = self._wait()

    def publish(self, topic: str, *, retain: bool = False) -> bool:
        self._answered.clear()
        self._client.publish(topic, b"{}", qos=1, retain=retain)
        return self._wait()

    def subscribe(self, filter_: str) -> bool:
        self._answered.clear()
        self._client.subscribe(filter_, qos=1)
        return self._wait()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self) -> bool:
        """Return whether the broker said yes."""
        assert self._answered.wait(10), "the broker does not answer"
        return not self._refused

    def _answer(self, _client: Client, _data: object, _what: object, codes: Any, *_: Any) -> None:
        codes = codes if isinstance(codes, list) else [codes]
        self._refused |= any(code.is_failure for code in codes)
        self._answered.set()

    def _closed(self, *_: object) -> None:
        self._refused = True
        self._answered.set()

    def _receive(self, _client: Client, _data: object, message: Any) -> None:
        self.received.append(message.topic)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Running, with the queues that the gateway makes."""
    broker = Broker(tmp_path_factory.mktemp("compose"))
    broker.server.start()
    with broker.channel("gateway") as channel:
        assert_topology(channel)
    yield broker
    broker.server.stop()


@pytest.fixture
def connect(broker: Broker) -> Iterator[Callable[..., Session]]:
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


def test_a_phone_sees_builds_as_they_go_and_the_latest_of_a_project(
    connect: Connect, eventually: Callable[[Callable[[], object]], None]
) -> None:
    assert connect("recorder").publish("projects/acme/latest", retain=True)
    phone = connect("mobile")
    assert phone.subscribe("projects/acme/latest")
    assert phone.subscribe("builds/acme/#")
    assert connect("worker").publish("builds/acme/b2/status")
    eventually(lambda: phone.received == ["projects/acme/latest", "builds/acme/b2/status"])


def test_a_start_of_the_gateway_reaches_the_worker(broker: Broker) -> None:
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
    broker: Broker, user: str, exchange: str, key: str
) -> None:
    with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_publish(exchange, key, b"{}")


@pytest.mark.parametrize(
    ("user", "queue"),
    [
        ("gateway", BUILDS_DEAD),
        ("worker", BUILDS_DEAD),
        *((user, queue) for user in ("recorder", "mobile") for queue in (BUILDS, BUILDS_HIGH)),
    ],
)
def test_nobody_else_takes_from_a_queue(broker: Broker, user: str, queue: str) -> None:
    with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_get(queue)


@pytest.mark.parametrize("user", ["worker", "recorder", "mobile"])
def test_only_the_gateway_makes_and_deletes_queues(broker: Broker, user: str) -> None:
    for request in (assert_topology, lambda channel: channel.queue_delete(BUILDS)):
        with broker.channel(user) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
            request(channel)


def test_the_operator_takes_from_the_dead(broker: Broker) -> None:
    with broker.channel("operator") as channel:
        assert channel.basic_get(BUILDS_DEAD) == (None, None, None)


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
def test_strangers_are_refused(broker: Broker, connect: Connect, user: str, password: str) -> None:
    assert not connect(user, "phone-2", password).accepted
    with pytest.raises(ProbableAuthenticationError), broker.channel(user, password):
        pass


def test_it_starts_again_with_the_same_definitions(broker: Broker, connect: Connect) -> None:
    lists = ("list_users", "list_permissions", "list_topic_permissions", "list_policies")
    before = [sorted(broker.server.ctl(each).splitlines()) for each in lists]
    broker.server.stop()
    broker.server.start()
    assert [sorted(broker.server.ctl(each).splitlines()) for each in lists] == before
    assert connect("mobile").accepted
