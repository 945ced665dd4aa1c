"""A private RabbitMQ under the control of a test."""

import os
import signal
import subprocess
from typing import Any

from buildfeed.broker.local import ports, rabbitmq
from buildfeed.broker.local.instance import LOOPBACK_ONLY
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.service import HTTP, until

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
