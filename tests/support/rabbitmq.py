"""A private RabbitMQ under the control of a test."""

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

import pika

from buildfeed.broker.amqp.topology import BUILDS, BUILDS_HIGH, assert_topology
from buildfeed.broker.local import ports, rabbitmq
from buildfeed.broker.local.instance import LOOPBACK_ONLY
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.service import HTTP, until


def purge_builds(broker: PrivateRabbitMQ) -> None:
    """Forget the starts that other tests left: a worker would build them first, for minutes."""
    with pika.BlockingConnection(pika.URLParameters(broker.amqp_url)) as connection:
        channel = connection.channel()
        assert_topology(channel)
        for queue in (BUILDS, BUILDS_HIGH):
            channel.queue_purge(queue)


def stored(broker: PrivateRabbitMQ, name: str, files: str = "*") -> bool:
    """Whether the name of a queue is on the disk, where RabbitMQ writes it after it says so.

    Its confirm of a message is of the message alone: of a queue that is not stored yet a crash
    leaves nothing. The folder of messages has the name at once, in a file that nothing is
    recovered from. A quorum queue is not whole before its name is in `NAMES_OF_QUORUM_QUEUES`.
    """
    for path in (broker._instance.directory / "mnesia").rglob(files):
        if "msg_stores" in path.parts or not path.is_file():
            continue
        with suppress(FileNotFoundError):  # a log that was closed meanwhile
            if name.encode() in path.read_bytes():
                return True
    return False


NAMES_OF_QUORUM_QUEUES = "names.dets"
"""Written last, up to a second after the queue is declared. A broker that was killed before finds
the queue, but not its messages, and confirms no other that goes there."""

CTL = {  # ports between those of the brokers and those of outgoing connections
    "RABBITMQ_CTL_DIST_PORT_MIN": "32000",
    "RABBITMQ_CTL_DIST_PORT_MAX": "32700",
    "RABBITMQ_CTL_ERL_ARGS": LOOPBACK_ONLY,
}
"""What `rabbitmqctl` needs in its environment, beside that of its broker."""


class ControlledRabbitMQ(PrivateRabbitMQ):
    """A private RabbitMQ that can be frozen, and that obeys rabbitmqctl."""

    def stop(self) -> None:
        self.thaw()
        super().stop()

    def freeze(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # every thread of it has stopped

    def thaw(self) -> None:
        """Let a frozen one go on."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def manage(self, method: str, path: str, body: Any = None) -> None:
        """Ask the management API, which takes far less CPU than `ctl`; it begins late."""
        until(lambda: ports.accepts(self._instance.port("management")), "the management API")
        answer = HTTP.request(method, f"{self.management_url}/api/{path}", json=body)
        assert answer.is_success, answer.text

    def ctl(self, *args: str) -> str:
        """Return the output of `rabbitmqctl ARGS`, which takes a second of CPU."""
        done = subprocess.run(
            [rabbitmq.BIN / "rabbitmqctl", "--silent", *args],
            env={
                **self._instance.environment(),
                **CTL,
                "RABBITMQ_CTL_ERL_ARGS": LOOPBACK_ONLY,
            },
            cwd=self._instance.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
