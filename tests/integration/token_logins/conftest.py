"""Fixtures of those who log in at RabbitMQ with a token."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.broker.amqp.stream import STREAM
from support.compose_rabbitmq import Session
from support.service import until
from support.token_scene import Connect, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Scene]:
    with closing(Scene(tmp_path_factory.mktemp("logins"), sqlite_template)) as scene:
        until(lambda: STREAM in scene.broker.server.ctl("list_queues", "name"), "the stream", 60)
        yield scene


@pytest.fixture
def door() -> str:
    """By which one comes in unless a test says another: `mqtt`, or `ws` for a WebSocket."""
    return "mqtt"


@pytest.fixture
def connect(scene: Scene, door: str) -> Iterator[Connect]:
    """A function that connects somebody by MQTT until the test ends; nothing is left of him."""
    made: list[Session] = []
    durable: list[tuple[str, str]] = []

    def connect(
        name: str,
        client_id: str = "",
        password: str | None = None,
        *,
        clean: bool = True,
        by: str = door,
    ) -> Session:
        client_id = client_id or name
        if not clean:
            durable.append((name, client_id))
        password = scene.secrets.get(name, name) if password is None else password
        server = scene.broker.server
        port = server.web_socket_port if by == "ws" else server.mqtt_port
        login = {"password": password, "clean": clean, "web_socket": by == "ws"}
        made.append(Session(port, name, client_id, **login))
        return made[-1]

    yield connect
    for each in made:
        each.close()
    for name, client_id in durable:
        if name in scene.secrets and scene.tokens.good(name):
            with closing(connect(name, client_id)):
                pass
