"""Edge: commands → broker, confirmed. AMQP with a work queue, MQTT with the embedded broker."""

import asyncio
from concurrent.futures import Future
from typing import Final, Protocol

from buildfeed.activity import Activity, encode
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.errors import BrokerUnavailable

CONFIRM_SECONDS = 4.5
"""Seconds that the broker has to confirm a command, so that the client is answered within 5 s."""
AWAY_SECONDS = 0.5
"""Seconds to wait for a broker that is known to be away: it may come back in that time."""

_FREEZE_SECONDS: Final = 0.2
"""Lag in seconds of a timer from which on this process counts as frozen before."""

_HEAR_SECONDS: Final = 1.0
"""Seconds for a confirm that came while this process was frozen."""


class Publisher(Protocol):
    """Publishes commands."""

    @property
    def up(self) -> bool:
        """True while the broker can be reached."""

    def submit(self, command: Activity) -> "Future[None]":
        """Publish `command`, without waiting; the future is done once the broker has confirmed.

        Cancelling the future takes the command back: True means that nothing was sent and never
        will be. The future fails with BrokerUnavailable.
        """


class AmqpPublisher:
    """Publishes on `amq.topic`, which routes a start to the work queue and to every watcher."""

    def __init__(self, link: AmqpLink) -> None:
        self._link = link

    @property
    def up(self) -> bool:
        """True while the AMQP connection stands."""
        return self._link.up

    def submit(self, command: Activity) -> "Future[None]":
        """See Publisher."""
        return self._link.publish(command)


class MqttPublisher:
    """Publishes at QoS 1; PUBACK is the confirmation. The embedded queue is the history."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link

    @property
    def up(self) -> bool:
        """True while the MQTT session stands."""
        return self._link.up

    def submit(self, command: Activity) -> "Future[None]":
        """See Publisher."""
        return self._link.publish(str(command.topic), encode(command), qos=1)


async def wait(answer: "asyncio.Future[None]") -> None:
    """Wait until `answer` is done, for at most CONFIRM_SECONDS in which this process ran.

    One that was frozen finds its time over, while the confirm still waits in its socket.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + CONFIRM_SECONDS
    await asyncio.wait([answer], timeout=CONFIRM_SECONDS)
    if not answer.done() and loop.time() - until > _FREEZE_SECONDS:
        await asyncio.wait([answer], timeout=_HEAR_SECONDS)


async def confirmed(submitted: "Future[None]") -> None:
    """Return once the broker has confirmed; take the command back when that takes too long.

    Raises BrokerUnavailable; its `sent` tells whether the command may have arrived.
    """
    try:
        answer = asyncio.wrap_future(submitted)
        await wait(answer)
    except asyncio.CancelledError:
        submitted.cancel()  # `wait` does not cancel its futures
        raise
    if not answer.done():
        raise BrokerUnavailable(sent=not submitted.cancel())
    await answer
