"""What a private RabbitMQ is told."""

from pathlib import Path

import pytest

from buildfeed.broker.local.instance import BLOCK, Instance
from buildfeed.broker.local.users import User

INSTANCE = Instance(Path("/data"), 20_000)
USERS = User("ada", "pa55word"), User.reader("s3cret")


@pytest.mark.parametrize(
    ("version", "setting"),
    [
        ((3, 10), "mqtt.subscription_ttl = 604800000"),
        ((3, 12), "mqtt.subscription_ttl = 604800000"),
        ((3, 13), "mqtt.max_session_expiry_interval_seconds = 604800"),
        ((4, 0), "mqtt.max_session_expiry_interval_seconds = 604800"),
    ],
)
def test_sessions_live_seven_days_in_the_words_of_each_version(
    version: tuple[int, int], setting: str
) -> None:
    lines = INSTANCE.files(version, USERS, b"salt", "of-the-paths")["rabbitmq.conf"].splitlines()
    assert [line for line in lines if "604800" in line] == [setting]


@pytest.mark.parametrize("version", [(3, 13), (4, 0), (4, 3)])
def test_mqtt_takes_no_packet_over_the_largest_message(version: tuple[int, int]) -> None:
    """RabbitMQ 4.3.6 does not boot else."""
    lines = INSTANCE.files(version, USERS, b"salt", "of-the-paths")["rabbitmq.conf"].splitlines()
    sizes = [int(line.split()[-1]) for line in lines if "_size" in line]
    assert sizes == [512 * 1024] * 3  # one of them is that of a frame of a WebSocket


def test_no_file_and_no_variable_has_the_password() -> None:
    texts = INSTANCE.files((4, 0), USERS, b"salt", "of-the-paths").values()
    for text in (*texts, *INSTANCE.environment().values()):
        assert "pa55word" not in text
        assert "s3cret" not in text


def test_each_listener_has_a_port_of_its_own_in_the_block() -> None:
    last = int(INSTANCE.broker_auth.rpartition(":")[2])  # the gateway listens there
    assert {*INSTANCE.ports.values(), last} == set(range(20_000, 20_000 + BLOCK))


def test_it_asks_the_gateway_about_those_who_are_no_users_of_its_own() -> None:
    lines = INSTANCE.files((4, 0), USERS, b"salt", "of-the-paths")["rabbitmq.conf"].splitlines()
    backends = [line for line in lines if line.startswith("auth_backends")]
    assert backends == ["auth_backends.1 = internal", "auth_backends.2 = cache"]
    asked = [
        line.split(" = ")[1] for line in lines if line.startswith("auth_http") and "_path" in line
    ]
    address = f"http://{INSTANCE.broker_auth}/of-the-paths"
    assert asked == [f"{address}/{each}" for each in ("user", "vhost", "resource", "topic")]
    assert "auth_http.http_method = post" in lines
