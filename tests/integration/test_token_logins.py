"""People and apps log in at RabbitMQ with a token, and do there what its grants say."""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pika
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosed,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.broker.amqp.topology import BUILDS, TOPIC_EXCHANGE
from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import Tokens
from gateway.broker_auth.answers import MAX_CONNECTIONS, MAX_KEPT
from support.compose_rabbitmq import ComposeRabbitMQ, Session
from support.service import HTTP, Web, until

GRANTS = {
    "ada": ["viewer@acme"],
    "rina": ["runner@acme"],
    "eva": ["viewer@*"],
    "kim": ["read:builds/+/+/status"],
}
"""Who may do what; each of them has a token."""
SECONDS = 5.0
"""Within these, whoever may not be there any more is closed."""


class Scene:
    """The RabbitMQ of compose.yaml, a gateway that it asks, and tokens."""

    def __init__(self, directory: Path, sqlite: Path) -> None:
        database = f"sqlite:///{shutil.copy(sqlite, directory / 'history.db')}"
        self.store = Store(database)
        self.tokens: Tokens = self.store.tokens()
        self.secrets: dict[str, str] = {}
        self.broker = ComposeRabbitMQ(directory)
        self.broker.server.start()
        server = self.broker.server
        port = ports.free_block(1, os.getpid())
        self.gateway = Web(
            "gateway",
            directory,
            port=port,
            database_url=database,
            mqtt_url=f"mqtt://gateway:gateway@127.0.0.1:{server.mqtt_port}",
            amqp_url=f"amqp://gateway:gateway@127.0.0.1:{server.amqp_port}/",
            broker_auth=server.broker_auth,
            broker_auth_secret=server.broker_auth_secret,
            management_url=server.management_url.replace(
                f"{server.user}:{server.password}", "closer:closer"
            ),
        )
        self.gateway.start()
        self.gateway.until_ready()
        for name, grants in GRANTS.items():
            self.add(name, *grants)

    def add(self, name: str, *grants: str) -> None:
        _, self.secrets[name] = self.tokens.add(name, Grants.parse(grants))

    def close(self) -> None:
        self.gateway.__exit__()
        self.broker.server.kill()
        self.broker.server.stop()
        self.store.close()

    @contextmanager
    def channel(self, name: str) -> Iterator[BlockingChannel]:
        parameters = pika.ConnectionParameters(
            "127.0.0.1",
            self.broker.server.amqp_port,
            credentials=pika.PlainCredentials(name, self.secrets[name]),
        )
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Scene]:
    with closing(Scene(tmp_path_factory.mktemp("logins"), sqlite_template)) as scene:
        until(lambda: STREAM in scene.broker.server.ctl("list_queues", "name"), "the stream")
        yield scene


@pytest.fixture
def connect(scene: Scene) -> Iterator[Callable[..., Session]]:
    """A function that connects somebody by MQTT until the test ends; nothing is left of him."""
    made: list[Session] = []
    durable: list[tuple[str, str]] = []

    def connect(
        name: str, client_id: str = "", password: str | None = None, *, clean: bool = True
    ) -> Session:
        client_id = client_id or name
        if not clean:
            durable.append((name, client_id))
        password = scene.secrets.get(name, name) if password is None else password
        port = scene.broker.server.mqtt_port
        made.append(Session(port, name, client_id, password=password, clean=clean))
        return made[-1]

    yield connect
    for each in made:
        each.close()
    for name, client_id in durable:
        if name in scene.secrets and scene.tokens.good(name):
            with closing(connect(name, client_id)):
                pass


Connect = Callable[..., Session]


def refused(connect: Connect, name: str, *filters: str) -> bool:
    """Tell whether every one of these filters is refused."""
    return not any(connect(name).subscribe(each) for each in filters)


# Reading by MQTT.


def test_one_reads_ones_own_project_and_hears_nothing_of_others(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    phone = connect("ada", "ada:phone")
    assert phone.subscribe("builds/acme/#")
    worker = connect("worker", "worker-1")
    assert worker.publish("builds/other/b1/status")
    assert worker.publish("builds/acme/b1/status")
    eventually(lambda: phone.received == ["builds/acme/b1/status"])


@pytest.mark.parametrize(
    ("name", "filter_"),
    [
        *(("ada", each) for each in ("builds/acme/+/status", "builds/acme/b1/log")),
        ("ada", "projects/acme/latest"),
        *(("eva", each) for each in ("builds/#", "builds/+/+/error", "builds/other/#")),
        *(("kim", each) for each in ("builds/+/+/status", "builds/acme/+/status")),
    ],
)
def test_one_subscribes_to_what_grants_cover(connect: Connect, name: str, filter_: str) -> None:
    assert connect(name).subscribe(filter_)


@pytest.mark.parametrize(
    ("name", "filter_"),
    [
        *(("ada", each) for each in ("builds/other/#", "builds/other/b1/status")),
        *(("ada", each) for each in ("#", "+/#", "builds/#", "builds/+/+/status", "builds/+/b1/#")),
        *(("ada", each) for each in ("builds/other.acme/#", "builds/ac*/#", "builds/*/#")),
        *(("ada", each) for each in ("projects/other/latest", "projects/#", "workers/+/status")),
        *(("eva", each) for each in ("#", "gateways/#", "recorders/#", "workers/+/status")),
        *(("kim", each) for each in ("builds/#", "builds/acme/#", "builds/+/+/error")),
    ],
)
def test_a_filter_that_reaches_further_is_refused(
    connect: Connect, name: str, filter_: str
) -> None:
    assert not connect(name).subscribe(filter_)


def test_mosquitto_sub_reads_with_a_token(scene: Scene, connect: Connect) -> None:
    url = f"mqtt://ada:{scene.secrets['ada']}@127.0.0.1:{scene.broker.server.mqtt_port}"
    command = ["mosquitto_sub", "-L", f"{url}/builds/acme/%23".replace("%23", "#")]
    command += ["-i", "ada:mosquitto", "-C", "1", "-W", "20", "-v"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        worker = connect("worker", "worker-1")
        while program.poll() is None:
            assert worker.publish("builds/acme/b1/status")
        assert program.stdout
        assert program.stdout.read() == "builds/acme/b1/status {}\n"
        assert program.returncode == 0
    command = ["mosquitto_sub", "-L", f"{url}/builds/other/#", "-i", "ada:other", "-W", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 or "denied" in done.stderr  # 2.1 is content with that
    assert done.stdout == ""


# Publishing by MQTT.


@pytest.mark.parametrize(
    "topic",
    [
        *(f"builds/acme/b1/{kind}" for kind in ("status", "progress", "error", "log")),
        *("workers/rina/status", "workers/rina-laptop/status"),
    ],
)
def test_a_runner_publishes_its_builds_and_its_presence(connect: Connect, topic: str) -> None:
    assert connect("rina").publish(topic)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        *(("rina", f"builds/acme/b1/{kind}") for kind in ("start", "stop", "x")),
        *(("rina", f"builds/other/b1/{kind}") for kind in ("status", "start")),
        *(("rina", each) for each in ("builds/acme.x/b1/status", "builds/*/b1/status")),
        *(("rina", each) for each in ("workers/ada/status", "workers/rinax/status")),
        *(("rina", each) for each in ("projects/acme/latest", "gateways/0123456789abcdef/probe")),
        *(("ada", each) for each in ("builds/acme/b1/status", "workers/ada/status")),
    ],
)
def test_nobody_publishes_anything_else(connect: Connect, name: str, topic: str) -> None:
    assert not connect(name).publish(topic)


def test_a_last_will_on_a_foreign_topic_is_not_published(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    reader = connect("eva")
    assert reader.subscribe("builds/#")
    for topic in ("builds/other/b1/status", "builds/acme/b1/status"):
        runner = Client(CallbackAPIVersion.VERSION2, "rina:will", reconnect_on_failure=False)
        runner.username_pw_set("rina", scene.secrets["rina"])
        runner.will_set(topic, b"{}", 1)
        connected = threading.Event()
        runner.on_connect = lambda *_, connected=connected: connected.set()
        runner.connect("127.0.0.1", scene.broker.server.mqtt_port)
        runner.loop_start()
        assert connected.wait(10)
        runner.socket().shutdown(socket.SHUT_RDWR)  # without a DISCONNECT
        runner.loop_stop()
    eventually(lambda: reader.received == ["builds/acme/b1/status"])


# Sessions by MQTT.


def test_a_session_keeps_what_comes_while_its_client_is_away(
    connect: Connect, eventually: Callable[..., None]
) -> None:
    phone = connect("ada", "ada:kept", clean=False)
    assert phone.subscribe("builds/acme/+/status")
    phone.close()
    assert connect("worker", "worker-1").publish("builds/acme/b2/status")
    again = connect("ada", "ada:kept", clean=False)
    eventually(lambda: again.received == ["builds/acme/b2/status"])


@pytest.mark.parametrize("client_id", ["eva", "eva:phone", "adam", "ada-1", "recorder", "worker-1"])
@pytest.mark.parametrize("clean", [True, False])
def test_a_session_of_others_is_refused_and_goes_on(
    connect: Connect, client_id: str, *, clean: bool
) -> None:
    owner = client_id.partition(":")[0].partition("-")[0]
    mine = connect(owner, client_id) if owner in ("eva", "recorder", "worker") else None
    assert not connect("ada", client_id, clean=clean).accepted
    assert not (mine and mine._refused)


def test_strangers_and_wrong_tokens_are_refused(scene: Scene, connect: Connect) -> None:
    for name, password in [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", scene.secrets["eva"]),
        ("nobody", scene.secrets["ada"]),
        ("bf_instead-of-the-name", "ada"),
        ("closer", scene.secrets["ada"]),
    ]:
        assert not connect(name, "ada", password).accepted
    assert not connect("/:ada", "ada", scene.secrets["ada"] + "x").accepted


# AMQP.


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "quorum"}], ids=["classic", "quorum"])
def test_an_app_reads_by_amqp_from_a_queue_of_its_own(
    scene: Scene, connect: Connect, arguments: dict[str, Any]
) -> None:
    with scene.channel("ada") as channel:
        channel.queue_declare("ada:reports", durable=True, arguments=arguments)
        channel.queue_bind("ada:reports", TOPIC_EXCHANGE, "builds.acme.#")
        worker = connect("worker", "worker-1")
        assert worker.publish("builds/other/b1/status")
        assert worker.publish("builds/acme/b1/status")
        method, _, _ = next(channel.consume("ada:reports", inactivity_timeout=10))
        assert method.routing_key == "builds.acme.b1.status"
        channel.basic_ack(method.delivery_tag)
        channel.cancel()
        channel.queue_delete("ada:reports")


@pytest.mark.parametrize(
    "key",
    [
        *("builds.other.#", "builds.#", "builds.*.*.status", "#", "builds.#.status", "*.acme.#"),
        *("builds.acme.#.status", "projects.#", "workers.*.status", "builds/other.#", ""),
    ],
)
@pytest.mark.parametrize("by", ["queue", "mqtt queue"])
def test_a_queue_is_not_bound_to_more_than_one_may_read(
    scene: Scene, connect: Connect, key: str, by: str
) -> None:
    queue = "ada:bound" if by == "queue" else "mqtt-subscription-adaqos1"
    if by == "mqtt queue":
        assert connect("ada").subscribe("builds/acme/#")
    with scene.channel("ada") as channel:
        if by == "queue":
            channel.queue_declare(queue, exclusive=True)
        with pytest.raises(ChannelClosedByBroker, match="403"):
            channel.queue_bind(queue, TOPIC_EXCHANGE, key)


@pytest.mark.parametrize("name", ["ada", "eva", "rina"])
@pytest.mark.parametrize(
    ("exchange", "key"),
    [
        (TOPIC_EXCHANGE, "builds.acme.b1.status"),
        (TOPIC_EXCHANGE, "builds.acme.b1.start"),
        ("builds.start", "builds.acme.b1.start"),
        ("", BUILDS),
        ("", "ada:x"),
    ],
)
def test_nobody_publishes_by_amqp(scene: Scene, name: str, exchange: str, key: str) -> None:
    with scene.channel(name) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_publish(exchange, key, b"{}")


@pytest.mark.parametrize("exchange", [TOPIC_EXCHANGE, "", "builds.start"])
def test_a_queue_does_not_publish_what_its_owner_may_not_as_dead_letters(
    scene: Scene, exchange: str
) -> None:
    arguments = {
        "x-message-ttl": 0,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": "builds.other.b1.start",
    }
    with scene.channel("rina") as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.queue_declare("rina:trap", arguments=arguments)


@pytest.mark.parametrize(
    "request_",
    [
        lambda channel: channel.queue_declare("reports"),
        lambda channel: channel.queue_declare("eva:reports"),
        lambda channel: channel.queue_declare("", exclusive=True),
        lambda channel: channel.queue_declare("mqtt-subscription-ada:xqos1"),
        lambda channel: channel.exchange_declare("ada:exchange"),
        lambda channel: channel.exchange_bind(TOPIC_EXCHANGE, TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.exchange_bind("builds.start", TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.queue_bind(BUILDS, TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.queue_purge(BUILDS),
        lambda channel: channel.queue_delete(BUILDS),
        lambda channel: channel.basic_get(BUILDS),
        lambda channel: channel.basic_get("builds.dead"),
        lambda channel: channel.queue_delete(STREAM),
    ],
)
def test_what_is_others_is_left_alone(
    scene: Scene, request_: Callable[[BlockingChannel], object]
) -> None:
    with scene.channel("ada") as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        request_(channel)


def test_the_stream_is_for_those_who_may_read_everything(scene: Scene, connect: Connect) -> None:
    assert connect("worker", "worker-1").publish("builds/other/b1/log")
    for name in ("ada", "kim", "rina"):
        with scene.channel(name) as channel:
            channel.basic_qos(prefetch_count=1)
            with pytest.raises(ChannelClosedByBroker, match="403"):
                next(channel.consume(STREAM, inactivity_timeout=5))
    with scene.channel("eva") as channel:
        channel.basic_qos(prefetch_count=1)
        offset = {"x-stream-offset": "last"}
        method, _, _ = next(channel.consume(STREAM, arguments=offset, inactivity_timeout=10))
        assert method.routing_key.startswith("builds.")


def test_wrong_tokens_do_not_log_in_by_amqp(scene: Scene) -> None:
    url = f"127.0.0.1:{scene.broker.server.amqp_port}"
    for login in ("ada:wrong", f"eva:{scene.secrets['ada']}", f"nobody:{scene.secrets['ada']}"):
        with pytest.raises(ProbableAuthenticationError):
            pika.BlockingConnection(pika.URLParameters(f"amqp://{login}@{url}/"))
    scene.broker.server.ctl("add_vhost", "private")
    login = f"eva:{scene.secrets['eva']}"
    with pytest.raises(ProbableAccessDeniedError):
        pika.BlockingConnection(pika.URLParameters(f"amqp://{login}@{url}/private"))


def test_who_has_a_token_manages_nothing(scene: Scene) -> None:
    server = scene.broker.server
    url = f"{server.management_url.partition('@')[2]}/api/connections"
    done = subprocess.run(
        ["curl", "-s", "-u", f"eva:{scene.secrets['eva']}", f"http://{url}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["error"] == "not_authorised"


def logs_in_by_amqp(scene: Scene, name: str) -> bool:
    try:
        with scene.channel(name):
            return True
    except AMQPConnectionError:
        return False


# Limits.


def test_a_token_has_five_connections(connect: Connect, scene: Scene) -> None:
    phones = [connect("ada", f"ada:{n}") for n in range(MAX_CONNECTIONS - 1)]
    assert all(each.accepted for each in phones)
    with scene.channel("ada"):
        assert not connect("ada", "ada:more").accepted
        assert connect("eva").accepted
    until(lambda: connect("ada", "ada:more").accepted, "one of five connections is free again")


def test_a_token_keeps_three_sessions(connect: Connect) -> None:
    def keeps(client_id: str) -> bool:
        with closing(connect("ada", client_id, clean=False)) as phone:
            return phone.subscribe("builds/acme/#")

    assert [keeps(f"ada:{n}") for n in range(MAX_KEPT + 1)] == [True] * MAX_KEPT + [False]
    assert keeps("ada:0")
    assert connect("eva", clean=False).subscribe("builds/#")


def test_queues_of_tokens_are_bounded(scene: Scene) -> None:
    with scene.channel("ada") as channel:
        channel.queue_declare("ada:reports", durable=True)
        policies = scene.broker.server.ctl("list_queues", "name", "policy")
        (mine,) = [line for line in policies.splitlines() if line.startswith("ada:reports")]
        assert mine.split() == ["ada:reports", "token-queues"]
        channel.queue_delete("ada:reports")


# Leaving.


def test_a_revoked_token_is_closed_and_comes_back_no_more(scene: Scene, connect: Connect) -> None:
    scene.add("zoe", "viewer@acme")
    phone, app = connect("zoe"), connect("zoe", "zoe:app", clean=False)
    assert phone.subscribe("builds/acme/#")
    assert app.subscribe("builds/acme/#")
    with scene.channel("zoe") as channel:
        channel.queue_declare("zoe:reports", exclusive=True)
        other = connect("ada")
        began = time.monotonic()
        scene.tokens.revoke("zoe")
        with pytest.raises((ConnectionClosed, AMQPConnectionError)):
            channel.connection.process_data_events(2 * SECONDS)
        until(lambda: phone._refused and app._refused, "both are closed", SECONDS)
        assert time.monotonic() - began < SECONDS
    until(lambda: not connect("zoe").accepted, "it is refused", SECONDS)
    assert not connect("zoe", "zoe:app", clean=False).accepted
    assert not other._refused
    until(lambda: not logs_in_by_amqp(scene, "zoe"), "by AMQP too", SECONDS)


def test_a_renewed_token_takes_over_its_session_and_the_old_one_ends(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    scene.add("uma", "viewer@acme")
    old = scene.secrets["uma"]
    app = connect("uma", "uma:app", clean=False)
    assert app.subscribe("builds/acme/+/status")
    _, scene.secrets["uma"], _ = scene.tokens.renew("uma", None, timedelta(seconds=6))
    left = connect("uma", "uma:left", old)
    assert left.accepted  # the old one is good still
    app.close()
    worker = connect("worker", "worker-1")
    assert worker.publish("builds/acme/b3/status")
    again = connect("uma", "uma:app", clean=False)
    eventually(lambda: again.received == ["builds/acme/b3/status"])
    until(lambda: left._refused, "the old one is closed", 6 + SECONDS)
    until(lambda: not connect("uma", "uma:left", old).accepted, "it is refused", SECONDS)
    assert worker.publish("builds/acme/b4/status")
    last = connect("uma", "uma:app", clean=False)  # RabbitMQ does not say by which one came
    eventually(lambda: "builds/acme/b4/status" in [*again.received, *last.received])


def test_while_the_gateway_is_away_services_go_on_and_nobody_new_comes(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    phone = connect("ada")
    assert phone.subscribe("builds/acme/#")
    scene.gateway.stop()
    try:
        worker = connect("worker", "worker-1")
        assert worker.publish("builds/acme/b1/status")
        eventually(lambda: phone.received == ["builds/acme/b1/status"])
        assert connect("recorder", "recorder-x").subscribe("builds/#")
        with scene.broker.channel("worker") as channel:
            assert channel.is_open
        assert not connect("eva").accepted
    finally:
        scene.gateway.start()
        scene.gateway.until_ready()
    until(lambda: connect("eva").accepted, "phones come again")


def test_who_was_revoked_while_the_gateway_was_away_is_closed(
    scene: Scene, connect: Connect
) -> None:
    scene.add("yan", "viewer@acme")
    phone = connect("yan")
    assert phone.subscribe("builds/acme/#")
    scene.gateway.stop()
    scene.tokens.revoke("yan")
    scene.gateway.start()
    scene.gateway.until_ready()
    until(lambda: phone._refused, "it is closed", 2 * SECONDS)  # the list of all has it late


def test_no_log_has_a_token_or_the_secret_of_the_listener(scene: Scene) -> None:
    server = scene.broker.server
    logs = [
        scene.gateway.text,
        *(
            path.read_text(errors="replace")
            for path in (server.password_file.parent / "log").iterdir()
            if path.is_file()
        ),
    ]
    for text in logs:
        assert server.broker_auth_secret not in text
        assert not any(secret in text for secret in scene.secrets.values())


def test_the_public_port_answers_no_question_of_rabbitmq(scene: Scene) -> None:
    secret = scene.broker.server.broker_auth_secret
    asked = {"username": "ada", "password": scene.secrets["ada"]}
    for subject in ("user", "vhost", "resource", "topic"):
        answer = HTTP.post(f"{scene.gateway.url}/{secret}/{subject}", data=asked)
        assert answer.status_code in (404, 405)
    listener = f"http://{scene.broker.server.broker_auth}"
    assert HTTP.post(f"{listener}/{secret}/user", data=asked).text == "allow"
    assert HTTP.get(f"{listener}/api/builds").status_code == 404


def test_what_was_asked_is_counted(scene: Scene, connect: Connect) -> None:
    assert not connect("ada").publish("builds/acme/b1/status")
    told = HTTP.get(f"{scene.gateway.url}/metrics").text
    counts = dict(re.findall(r'buildfeed_broker_auth_total\{outcome="(\S+)"\} (\S+)', told))
    assert float(counts["allowed"]) > 0
    assert float(counts["grants"]) > 0


def test_with_up_a_phone_uses_a_token_and_is_closed_when_it_is_revoked(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    up = Web("up", tmp_path, port=free_port(), broker="rabbitmq", no_worker=1, workers=2)
    with up, closing(Store(f"sqlite:///{tmp_path / 'history.db'}")) as store:
        up.until_ready()
        up.until_logged("MQTT clients:")
        (port,) = re.findall(r"mqtt://\S+@127.0.0.1:(\d+)", up.text)
        _, secret = store.tokens().add("ada", Grants.parse(["viewer@acme"]))
        phones = [
            Session(int(port), "ada", f"ada:{n}", password=secret) for n in range(MAX_CONNECTIONS)
        ]
        try:
            assert all(phone.subscribe("builds/acme/#") for phone in phones)
            store.tokens().revoke("ada")
            until(lambda: all(phone._refused for phone in phones), "all are closed", SECONDS)
        finally:
            for phone in phones:
                phone.close()
