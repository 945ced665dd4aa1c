"""The brokers of the contract tests."""

import asyncio
import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from buildfeed.broker.local import ports, rabbitmq
from buildfeed.broker.local.embedded import EmbeddedBroker
from buildfeed.broker.local.listener import Listener
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.broker.local.users import User
from buildfeed.cli.logins import Logins
from buildfeed.history.tokens import Tokens
from gateway.http.certificate import Certificate


def free_port(count: int = 1) -> int:
    """Return a free port, the first of so many in a row."""
    port = ports.free_block(count, secrets.randbelow(100_000))
    assert port
    return port


class Broker(Protocol):
    """A broker that can be stopped and started again on the same port."""

    url: str

    @property
    def protocol(self) -> int: ...

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Embedded:
    """The embedded broker in a thread with a loop of its own.

    With a history, those who have a token in it may log in too. With a certificate it has listeners
    with TLS besides.
    """

    protocol = 4

    def __init__(
        self, tokens: Tokens | None = None, certificate: Certificate | None = None
    ) -> None:
        owner, reader = User("us er", "p@ss/w:rd"), User.reader("only")
        self._logins = Logins(tokens) if tokens else None
        tls = certificate.context if certificate else None
        ways = {"mqtt": None, "ws": None, **({"mqtts": tls, "wss": tls} if tls else {})}
        self._at = {
            scheme: Listener("127.0.0.1", port, scheme.startswith("ws"), context)
            for port, (scheme, context) in enumerate(ways.items(), free_port(len(ways)))
        }
        self._broker = EmbeddedBroker(
            at=[*self._at.values()], users=[owner, reader], logins=self._logins
        )
        self.url = self._at["mqtt"].url(owner)
        self.reader_url = self._at["mqtt"].url(reader)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def url_of(self, name: str, token: str, scheme: str = "mqtt") -> str:
        """Return the URL with the login of a token, by `mqtt`, `ws`, `mqtts` or `wss`."""
        return self._at[scheme].url(User(name, token))

    def start(self) -> None:
        self._call(self._broker.start())
        if self._logins:
            self._looking = asyncio.run_coroutine_threadsafe(self._logins.run(), self._loop)

    def stop(self) -> None:
        if self._logins:
            self._looking.cancel()
        self._call(self._broker.stop())

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


class RabbitMQ:
    """The private RabbitMQ of the whole test run."""

    def __init__(self, server: PrivateRabbitMQ) -> None:
        self.server = server
        self.url = server.mqtt_url

    @property
    def protocol(self) -> int:
        return 5 if rabbitmq._version() >= (3, 13) else 4

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.kill()


class Mosquitto:
    """Mosquitto: MQTT 5, as RabbitMQ has it from 3.13 on, and no AMQP."""

    protocol = 5

    def __init__(self, directory: Path, *options: str) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "mosquitto is missing: apt-get install mosquitto"
        port, users = free_port(), directory / "users"
        subprocess.run(["mosquitto_passwd", "-b", "-c", users, "user", "password"], check=True)
        config = directory / "mosquitto.conf"
        lines = (
            f"listener {port} 127.0.0.1",
            *options,
            f"password_file {users}",
            "allow_anonymous false",
            "user root",
        )
        config.write_text("\n".join(lines))
        self._command = [program, "-c", str(config)]
        self.url = f"mqtt://user:password@127.0.0.1:{port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        address = urlsplit(self.url)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection((address.hostname, address.port)).close()
                return
            time.sleep(0.01)
        raise AssertionError("mosquitto does not start")

    def stop(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(with_signal)
        self._process.wait()
