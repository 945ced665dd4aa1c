"""A private RabbitMQ under the control of a test."""

import os
import signal
import subprocess

from buildfeed.broker.local import rabbitmq
from buildfeed.broker.local.instance import LOOPBACK_ONLY
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ

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

    def ctl(self, *args: str) -> str:
        """Return the output of `rabbitmqctl ARGS`."""
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
