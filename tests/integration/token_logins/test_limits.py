"""How much a token may have at RabbitMQ, when that ends, and what is told about it."""

import itertools
import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ConnectionClosed

from buildfeed.grants import Grants
from buildfeed.history.store import Store
from gateway.broker_auth.answers import MAX_CONNECTIONS, MAX_KEPT
from support.compose_rabbitmq import Session
from support.service import HTTP, Web, until
from support.token_scene import SECONDS, Connect, Scene


def logs_in_by_amqp(scene: Scene, name: str) -> bool:
    try:
        with scene.channel(name):
            return True
    except AMQPConnectionError:
        return False


def test_a_token_has_five_connections(connect: Connect, scene: Scene) -> None:
    doors = itertools.cycle(["mqtt", "ws"])
    phones = [connect("ada", f"ada:{n}", by=next(doors)) for n in range(MAX_CONNECTIONS - 1)]
    assert all(each.accepted for each in phones)
    with scene.channel("ada"):
        assert not connect("ada", "ada:more").accepted
        assert not connect("ada", "ada:more", by="ws").accepted
        assert connect("eva").accepted
    until(lambda: connect("ada", "ada:more").accepted, "one of five connections is free again")


def test_a_token_keeps_three_sessions(connect: Connect) -> None:
    doors = itertools.cycle(["mqtt", "ws"])

    def keeps(client_id: str) -> bool:
        with closing(connect("ada", client_id, clean=False, by=next(doors))) as phone:
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
    phones = [
        connect("zoe"),
        connect("zoe", "zoe:app", clean=False),
        connect("zoe", "zoe:page", by="ws"),
    ]
    assert all(each.subscribe("builds/acme/#") for each in phones)
    with scene.channel("zoe") as channel:
        channel.queue_declare("zoe:reports", exclusive=True)
        other = connect("ada")
        began = time.monotonic()
        scene.tokens.revoke("zoe")
        with pytest.raises((ConnectionClosed, AMQPConnectionError)):
            channel.connection.process_data_events(2 * SECONDS)
        until(lambda: all(each._refused for each in phones), "all are closed", SECONDS)
        assert time.monotonic() - began < SECONDS
    # RabbitMQ remembers each login for a second.
    until(lambda: not connect("zoe").accepted, "it is refused", SECONDS)
    until(lambda: not connect("zoe", "zoe:app", clean=False).accepted, "its session", SECONDS)
    until(lambda: not connect("zoe", "zoe:page", by="ws").accepted, "by WebSocket", SECONDS)
    assert not other._refused
    until(lambda: not logs_in_by_amqp(scene, "zoe"), "by AMQP too", SECONDS)


def test_a_renewed_token_takes_over_its_session_and_the_old_one_ends(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    scene.add("uma", "viewer@acme")
    old = scene.secrets["uma"]
    app = connect("uma", "uma:app", clean=False)
    assert app.subscribe("builds/acme/+/status")
    _, scene.secrets["uma"], _ = scene.tokens.renew("uma", None, timedelta(seconds=8))
    left = connect("uma", "uma:left", old)
    assert left.accepted  # the old one is good still
    app.close()
    worker = connect("worker", "worker-1")
    assert worker.publish("builds/acme/b3/status")
    again = connect("uma", "uma:app", clean=False)
    assert again.accepted  # the new one is good at once
    eventually(lambda: again.received == ["builds/acme/b3/status"])
    until(lambda: left._refused, "the old one is closed", 8 + SECONDS)
    until(lambda: not connect("uma", "uma:left", old).accepted, "it is refused", SECONDS)
    assert worker.publish("builds/acme/b4/status")
    last = connect("uma", "uma:app", clean=False)  # RabbitMQ does not say by which one came
    eventually(lambda: "builds/acme/b4/status" in [*again.received, *last.received])


def test_a_token_with_other_grants_gets_nothing_of_the_one_before(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    scene.add("leo", "viewer@*")
    app = connect("leo", "leo:app", clean=False)
    assert app.subscribe("builds/#")
    with scene.channel("leo") as channel:
        channel.queue_declare("leo:reports", durable=True)
        channel.queue_bind("leo:reports", "amq.topic", "builds.#")
    app.close()
    scene.tokens.revoke("leo")
    scene.add("leo", "viewer@acme")
    until(lambda: connect("leo").accepted, "the new one is good", 2 * SECONDS)
    assert connect("worker", "worker-1").publish("builds/shop/b5/status")
    again = connect("leo", "leo:app", clean=False)
    assert again.subscribe("builds/acme/#")
    with scene.channel("leo") as channel, pytest.raises(ChannelClosedByBroker, match="NOT_FOUND"):
        channel.basic_get("leo:reports")
    assert connect("worker", "worker-1").publish("builds/acme/b6/status")
    eventually(lambda: again.received == ["builds/acme/b6/status"])


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
        up.until_logged("In a WebSocket:")
        (mqtt,) = re.findall(r"mqtt://\S+@127.0.0.1:(\d+)", up.text)
        (ws,) = re.findall(r"ws://\S+@127.0.0.1:(\d+)/mqtt", up.text)
        _, secret = store.tokens().add("ada", Grants.parse(["viewer@acme"]))
        doors = itertools.cycle([(int(mqtt), False), (int(ws), True)])
        phones = [
            Session(port, "ada", f"ada:{n}", password=secret, web_socket=web_socket)
            for n, (port, web_socket) in zip(range(MAX_CONNECTIONS), doors, strict=False)
        ]
        try:
            assert all(phone.subscribe("builds/acme/#") for phone in phones)
            store.tokens().revoke("ada")
            until(lambda: all(phone._refused for phone in phones), "all are closed", SECONDS)
        finally:
            for phone in phones:
                phone.close()
