"""People and apps at the embedded broker, with tokens: the rules of docs/access.md."""

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest

from buildfeed.broker.local import users
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from buildfeed.secret_kinds import LINK
from gateway.http.certificate import Certificate
from support.brokers import Embedded
from support.certificates import certificate as make_certificate
from support.peers import Connect
from support.programs import lines
from support.raw_mqtt import (
    ACCEPTED,
    NOT_AUTHORIZED,
    REFUSED,
    REJECTED_ID,
    UNAVAILABLE,
    Raw,
    text,
)

CLOSED_SECONDS: Final = 5.0
"""Within this, what a token has open that is good no more is closed."""
TOPIC: Final = "builds/acme/01a1/status"


every_door = pytest.mark.parametrize("scheme", ["mqtt", "ws"])
"""By MQTT, and by MQTT over WebSocket: what one may is the same."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the broker, with its key beside it."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Tokens]:
    path = tmp_path_factory.mktemp("tokens") / "history.db"
    path.write_bytes(sqlite_template.read_bytes())
    with closing(Database(f"sqlite:///{path}")) as database:
        yield Tokens(database)


@pytest.fixture
def broker(tokens: Tokens, certificate: Path) -> Iterator[Embedded]:
    broker = Embedded(tokens, Certificate(certificate, certificate.with_suffix(".key")))
    broker.start()
    yield broker
    broker.stop()
    broker.end()


@pytest.fixture
def scheme() -> str:
    return "mqtt"


@pytest.fixture
def ada(tokens: Tokens, broker: Embedded, scheme: str) -> Iterator[str]:
    """The URL with the login of ada, who may read and publish in acme."""
    _, secret = tokens.add("ada", Grants.parse(["runner@acme"]))
    yield broker.url_of("ada", secret, scheme)
    tokens.revoke("ada")


def token_of(url: str) -> str:
    return urlsplit(url).password or ""


@pytest.fixture
def raw() -> Iterator[Callable[..., Raw]]:
    made: list[Raw] = []

    def connect(url: str, client_id: str, **options: object) -> Raw:
        made.append(Raw(url, client_id, **options))  # type: ignore[arg-type]  # of any test
        return made[-1]

    yield connect
    for each in made:
        each.close()


Connecting = Callable[..., Raw]


def until_accepted(connect: Callable[[], Raw]) -> Raw:
    """Return a client that is let in; what a token had before may be ended meanwhile."""
    deadline = time.monotonic() + CLOSED_SECONDS
    while (client := connect()).connack != ACCEPTED:
        assert client.connack == UNAVAILABLE
        assert time.monotonic() < deadline, "it is not let in"
    return client


def until_refused(connect: Callable[[], Raw]) -> None:
    """Wait until a token is good no more."""
    deadline = time.monotonic() + 2 * CLOSED_SECONDS
    while (client := connect()).connack != NOT_AUTHORIZED:
        assert client.connack == ACCEPTED
        assert time.monotonic() < deadline, "it is let in"
        client.close()


def test_mosquitto_sub_hears_what_its_token_may_read(
    broker: Embedded, ada: str, connect: Connect, eventually: Callable[..., None]
) -> None:
    publisher = connect(broker.url)
    topics = (TOPIC, "builds/other/01a1/status")
    command = ["mosquitto_sub", "-L", f"{ada}/builds/acme/#", "-q", "1", "-F", "%t %p"]
    with lines(*command) as heard:

        def is_heard() -> bool:
            for topic in topics:
                publisher.link.publish(topic, b"hello", qos=1).result(5)
            return len(heard) > 2

        eventually(is_heard)
    assert {line.split()[0] for line in heard} == {TOPIC}


@pytest.mark.parametrize("filter_", ["builds/#", "builds/+/+/error", "workers/+/status", "#"])
def test_mosquitto_sub_is_refused_what_reaches_further(ada: str, filter_: str) -> None:
    command = ["mosquitto_sub", "-L", f"{ada}/{filter_}", "-W", "5", "-d"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "All subscription requests were denied" in done.stdout + done.stderr


@every_door
def test_one_publishes_builds_of_ones_projects_and_nothing_else(
    broker: Embedded, ada: str, connect: Connect, raw: Connecting
) -> None:
    watcher = connect(broker.url, subscriptions=[("builds/#", 1), ("workers/#", 1)])
    allowed = [
        *(f"builds/acme/01a1/{kind}" for kind in ("status", "progress", "error", "log")),
        "workers/ada-laptop/status",
    ]
    others = [
        *("builds/acme/01a1/start", "builds/acme/01a1/stop", "builds/other/01a1/status"),
        *("workers/bob/status", "projects/acme/latest"),
    ]
    for topic in others:
        forger = raw(ada, "ada")
        forger.send(0x30, text(topic) + b"forged")
        assert forger.receive(1) == b""
        dying = raw(ada, "ada", will=(topic, "forged"))
        assert dying.is_open()
        dying.close()
    runner = raw(ada, "ada")
    for topic in allowed:
        runner.send(0x32, text(topic) + b"\x00\x01" + topic.encode())  # QoS 1
        assert runner.receive(4)[0] == 0x40
    watcher.until(lambda: len(watcher.messages) >= len(allowed))
    assert [each.topic for each in watcher.messages] == allowed


def test_paho_with_a_session_of_its_own_misses_nothing(
    broker: Embedded, ada: str, connect: Connect
) -> None:
    app = {"subscriptions": [("builds/acme/#", 1)], "durable_id": "ada:paho"}
    connect(ada, **app).link.stop()
    connect(broker.url).link.publish(TOPIC, b"meanwhile", qos=1).result(5)
    back = connect(ada, **app)
    back.until(lambda: back.payloads == [b"meanwhile"])


@every_door
@pytest.mark.parametrize("client_id", ["bob", "bob:phone", "ada-phone", "worker-1", "adam"])
def test_the_session_of_another_is_refused(ada: str, raw: Connecting, client_id: str) -> None:
    assert raw(ada, client_id).connack == REJECTED_ID
    assert raw(ada, client_id, clean=False).connack == REJECTED_ID


@every_door
def test_a_client_that_gives_no_id_gets_one(ada: str, raw: Connecting) -> None:
    assert [raw(ada, "").connack for _ in range(2)] == [ACCEPTED] * 2


def test_a_reader_without_a_token_takes_no_session_of_one(
    broker: Embedded, raw: Connecting
) -> None:
    assert raw(broker.reader_url, "ada:phone").connack == REJECTED_ID


def test_five_connections_at_a_time(broker: Embedded, ada: str, raw: Connecting) -> None:
    in_a_page = broker.url_of("ada", token_of(ada), "ws")
    doors = itertools.cycle([ada, in_a_page])
    several = [raw(next(doors), f"ada:{n}") for n in range(users.TOKEN_CONNECTIONS)]
    assert {each.connack for each in several} == {ACCEPTED}
    assert raw(ada, "ada:more").connack == UNAVAILABLE
    assert raw(in_a_page, "ada:more").connack == UNAVAILABLE
    assert raw(ada, "ada:0").connack == ACCEPTED  # in place of the one that has this id
    several[1].close()
    assert until_accepted(lambda: raw(ada, "ada:more")).is_open()


@every_door
def test_three_durable_sessions(ada: str, raw: Connecting) -> None:
    for n in range(users.TOKEN_SESSIONS):
        client = raw(ada, f"ada:{n}", clean=False)
        assert client.connack == ACCEPTED
        client.close()
    assert raw(ada, "ada:more", clean=False).connack == UNAVAILABLE
    assert raw(ada, "ada:more").connack == ACCEPTED  # a clean one leaves nothing
    assert raw(ada, "ada:1", clean=False).connack[3] == 0


@every_door
def test_of_sessions_that_come_at_once_no_more_are_let_in(ada: str, raw: Connecting) -> None:
    found: list[bytes] = []

    def come(number: int) -> None:
        found.append(raw(ada, f"ada:{number}", clean=False).connack)

    threads = [threading.Thread(target=come, args=[number]) for number in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found.count(ACCEPTED) == users.TOKEN_SESSIONS
    assert found.count(UNAVAILABLE) == 10 - users.TOKEN_SESSIONS


@every_door
@pytest.mark.parametrize("wrong", ["name", "token", "link", "empty"])
def test_who_has_no_good_token_is_refused(
    broker: Embedded, tokens: Tokens, ada: str, raw: Connecting, wrong: str
) -> None:
    secret = token_of(ada)
    if wrong == "link":
        read = Grants.parse(["read:builds/acme/01a1/#"])
        _, secret = tokens.add("shared", read, timedelta(hours=1), LINK)
        tokens.revoke("shared")
    logins = {
        "name": ("bob", secret),
        "token": ("ada", f"{secret[:-1]}?"),
        "link": ("shared", secret),
        "empty": ("ada", ""),
    }
    url = broker.url_of(*logins[wrong], urlsplit(ada).scheme)
    assert raw(url, logins[wrong][0]).connack == NOT_AUTHORIZED


def test_a_revoked_token_is_closed_with_all_it_has(
    broker: Embedded, tokens: Tokens, ada: str, raw: Connecting, connect: Connect
) -> None:
    raw(ada, "ada:away", clean=False).subscribe("builds/acme/#")
    will = ("workers/ada/status", "offline")
    watcher = connect(broker.url, subscriptions=[("workers/ada/status", 1)])
    in_a_page = broker.url_of("ada", token_of(ada), "ws")
    several = [
        raw(ada, "ada:1", will=will),
        raw(ada, "ada:2", clean=False),
        raw(in_a_page, "ada:3"),
    ]
    for each in several:
        assert each.subscribe("builds/acme/#") == 1
    began = time.monotonic()
    tokens.revoke("ada")
    for each in several:
        assert each.receive(1) == b""
    assert time.monotonic() - began < CLOSED_SECONDS
    watcher.until(lambda: watcher.payloads == [b"offline"])
    assert raw(ada, "ada:1").connack == NOT_AUTHORIZED
    assert raw(in_a_page, "ada:1").connack == NOT_AUTHORIZED

    connect(broker.url).link.publish(TOPIC, b"secret", qos=1).result(5)
    _, secret = tokens.add("ada", Grants.parse(["viewer@other"]))
    heir = until_accepted(lambda: raw(broker.url_of("ada", secret), "ada:2", clean=False))
    assert heir.connack == ACCEPTED  # without a session from before, and nothing waits for it
    assert heir.is_open()
    assert heir.subscribe("builds/acme/#") == REFUSED


def test_a_renewed_token_takes_over_its_session_and_the_old_one_ends_alone(
    broker: Embedded,
    tokens: Tokens,
    ada: str,
    raw: Connecting,
    connect: Connect,
) -> None:
    session = {"subscriptions": [("builds/acme/#", 1)], "durable_id": "ada:app"}
    app, phone = connect(ada, **session), raw(ada, "ada:phone")
    assert phone.connack == ACCEPTED
    _, secret, _ = tokens.renew("ada", None, timedelta(seconds=4))
    app.link.stop()
    connect(broker.url).link.publish(TOPIC, b"meanwhile", qos=1).result(5)
    renewed = connect(broker.url_of("ada", secret), **session)
    renewed.until(lambda: renewed.payloads == [b"meanwhile"])
    assert phone.is_open()
    assert raw(ada, "ada:tablet").connack == ACCEPTED  # the old one is good still
    until_refused(lambda: raw(ada, "ada:tablet"))
    assert phone.receive(1) == b""
    connect(broker.url).link.publish(TOPIC, b"after", qos=1).result(5)
    renewed.until(lambda: renewed.payloads == [b"meanwhile", b"after"])


def test_an_expired_token_is_closed(broker: Embedded, tokens: Tokens, raw: Connecting) -> None:
    _, secret = tokens.add("short", Grants.parse(["viewer@acme"]), timedelta(seconds=2))
    client = raw(broker.url_of("short", secret), "short")
    assert client.connack == ACCEPTED
    began = time.monotonic()
    assert client.receive(1) == b""
    assert time.monotonic() - began < 2 + CLOSED_SECONDS
    assert raw(broker.url_of("short", secret), "short").connack == NOT_AUTHORIZED


@every_door
def test_nothing_is_retained_but_presences_and_of_them_a_few(
    broker: Embedded, ada: str, raw: Connecting, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "PRESENCES", 3)
    runner = raw(ada, "ada")
    published = [*(f"workers/ada-{n}/status" for n in range(5)), TOPIC]
    for topic in published:
        runner.send(0x33, text(topic) + b"\x00\x01kept")  # QoS 1, retained
        assert runner.receive(4)[0] == 0x40
    late = connect(broker.url, subscriptions=[("workers/#", 1), ("builds/#", 1)])
    late.until(lambda: len(late.messages) == 3)
    assert [each.topic for each in late.messages] == published[:3]
    for topic in published:
        late.link.publish(topic, b"", qos=1, retain=True).result(5)


@every_door
def test_a_session_has_a_limited_number_of_filters(
    ada: str, raw: Connecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "FILTERS", 3)
    client = raw(ada, "ada")
    filters = [f"builds/acme/b{n}/status" for n in range(5)]
    assert [client.subscribe(each) for each in filters] == [1, 1, 1, REFUSED, REFUSED]
    assert client.subscribe(filters[0]) == 1  # one that it has already
    client.send(0xA2, b"\x00\x01" + text(filters[0]))
    assert client.receive(4)[0] == 0xB0
    assert client.subscribe(filters[4]) == 1


def test_guesses_are_limited_and_those_who_are_known_still_come_in(
    broker: Embedded, tokens: Tokens, ada: str, raw: Connecting, caplog: pytest.LogCaptureFixture
) -> None:
    assert raw(ada, "ada").connack == ACCEPTED
    guesses = [broker.url_of("ada", f"bf_{n:032}") for n in range(15)]
    assert {raw(each, "ada").connack for each in guesses} == {NOT_AUTHORIZED}
    refused = [each for each in caplog.records if each.msg == "embedded.login_refused"]
    reasons = {each.reason for each in refused}  # type: ignore[attr-defined]
    assert reasons >= {"too-many-attempts"}
    assert not any("bf_" in json.dumps(vars(each), default=str) for each in refused)
    _, secret = tokens.add("eve", Grants.parse(["viewer@acme"]))
    assert raw(broker.url_of("eve", secret), "eve").connack == NOT_AUTHORIZED
    assert raw(ada, "ada").connack == ACCEPTED
    tokens.revoke("eve")


@contextmanager
def phone(url: str, filter_: str, certificate: Path) -> Iterator[tuple[list[int], list[str]]]:
    """Give the codes of a SUBACK of paho, and the topics that came."""
    address = urlsplit(url)
    codes: list[int] = []
    topics: list[str] = []
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=f"{address.username}:phone",
        transport="websockets" if address.scheme.startswith("ws") else "tcp",
    )
    client.username_pw_set(address.username or "", token_of(url))
    if address.scheme in ("mqtts", "wss"):
        client.tls_set(str(certificate))
    client.on_connect = lambda *_: client.subscribe(filter_, qos=1)
    client.on_subscribe = lambda *given: codes.extend(code.value for code in given[3])
    client.on_message = lambda _client, _data, message: topics.append(message.topic)
    client.connect(address.hostname or "", address.port or 0)
    client.loop_start()
    yield codes, topics
    client.disconnect()
    client.loop_stop()


every_way = pytest.mark.parametrize("scheme", ["mqtt", "ws", "mqtts", "wss"])


@every_way
def test_paho_is_told_by_its_suback(
    broker: Embedded,
    ada: str,
    connect: Connect,
    certificate: Path,
    eventually: Callable[..., None],
) -> None:
    publisher = connect(broker.url)
    with phone(ada, "builds/+/+/status", certificate) as (codes, _):
        eventually(lambda: codes == [REFUSED])
    with phone(ada, "builds/acme/+/status", certificate) as (codes, topics):
        eventually(lambda: codes == [1])
        publisher.link.publish(TOPIC, b"hello", qos=1).result(5)
        eventually(lambda: topics == [TOPIC])


@every_way
def test_mqtt_js_hears_and_publishes(
    ada: str, certificate: Path, eventually: Callable[..., None]
) -> None:
    with mqtt_js(certificate, ada, "ada:js", "builds/acme/#", TOPIC) as said:
        eventually(lambda: told(said) == ["granted 1", f"heard {TOPIC}"], 20)


@pytest.mark.parametrize("scheme", ["ws"])
def test_mqtt_js_is_told_how_far_its_token_goes(
    ada: str, certificate: Path, eventually: Callable[..., None]
) -> None:
    with mqtt_js(certificate, ada, "ada:js", "builds/#") as said:
        eventually(lambda: told(said) == ["refused Subscribe error: Unspecified error"], 20)
    with mqtt_js(certificate, ada, "bob:js", "builds/acme/#") as said:
        eventually(lambda: told(said) == ["error 2"], 20)  # identifier rejected


def mqtt_js(certificate: Path, *arguments: str) -> AbstractContextManager[list[str]]:
    trusting = f"NODE_EXTRA_CA_CERTS={certificate}"
    return lines("env", trusting, "node", "tests/support/mqtt_phone.mjs", *arguments)


def told(said: list[str]) -> list[str]:
    return [line.strip() for line in said]
