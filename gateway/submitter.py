"""Edge: commands → broker, confirmed. AMQP with a work queue, MQTT with the embedded broker."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from broker.amqp import AmqpLink
from broker.mqtt import MqttLink
from broker.topology import publish
from buildfeed.activity import Activity, encode
from buildfeed.errors import BrokerUnavailable

CONFIRM_SECONDS = 5.0


class Submitter(Protocol):
    """Publishes a command and waits until the broker has it."""

    @property
    def up(self) -> bool:
        """True while the broker can be reached."""

    async def submit(self, command: Activity) -> None:
        """Return once the broker has confirmed.

        Raises BrokerUnavailable within 5 s; its `sent` tells whether the command may have arrived.
        """


class AmqpSubmitter:
    """Publishes on `amq.topic`, from where a start reaches the work queue and every watcher."""

    def __init__(self, link: AmqpLink) -> None:
        self._link = link

    @property
    def up(self) -> bool:
        """True while the AMQP connection stands."""
        return self._link.up

    async def submit(self, command: Activity) -> None:
        """See Submitter."""
        confirmed = self._link.call(lambda channel: publish(channel, command))
        await _confirmed(confirmed, confirmed.cancel)


class MqttSubmitter:
    """Publishes at QoS 1; PUBACK is the confirmation. The embedded queue is the history."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link

    @property
    def up(self) -> bool:
        """True while the MQTT session stands."""
        return self._link.up

    async def submit(self, command: Activity) -> None:
        """See Submitter."""
        confirmed = self._link.publish(str(command.topic), encode(command), qos=1)
        await _confirmed(confirmed, lambda: self._link.withdraw(confirmed))


async def _confirmed(confirmed: "Future[None]", withdraw: Callable[[], bool]) -> None:
    try:
        done, _ = await asyncio.wait([asyncio.wrap_future(confirmed)], timeout=CONFIRM_SECONDS)
    except asyncio.CancelledError:
        withdraw()  # `wait` does not cancel what it waits for
        raise
    if not done:
        raise BrokerUnavailable(sent=not withdraw())
    await done.pop()
