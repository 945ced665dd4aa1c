"""What workers tell each other, in their presences, while starts are not where their builds run.

For a while after the broker was away, and for as long as a start is astray.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from buildfeed.activity import Key
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.errors import BrokerUnavailable
from buildfeed.presence import Presence
from buildfeed.topics import ALL_WORKERS
from buildfeed.worker.handoff.delivery import HeldByPeer
from buildfeed.worker.handoff.kept_starts import ANSWER_SECONDS, KeptStarts
from buildfeed.worker.heartbeat import Heartbeat
from buildfeed.worker.job import Job
from buildfeed.worker.queues.queue import Delivery

log = logging.getLogger(__name__)


class Peers:
    """The other workers, for the worker `name` that runs `builds`.

    `kept_starts` are those it keeps for them. `tell_ending` is called with the keys of starts that
    others keep: their builds may have ended here, and the acknowledgement been lost. Everything
    belongs to the event loop.
    """

    def __init__(
        self,
        name: str,
        link: MqttLink,
        heartbeat: Heartbeat,
        builds: Mapping[Key, Job],
        tell_ending: Callable[[Key], None],
    ) -> None:
        self.kept_starts = KeptStarts(name)
        self._name = name
        self._link = link
        self._heartbeat = heartbeat
        self._builds = builds
        self._tell_ending = tell_ending
        self._listening = False
        self._listening_until = 0.0

    @property
    def astray(self) -> bool:
        """True while the start of a build that runs here is nobody knows where."""
        return any(build.delivery.lost for build in self._builds.values())

    @property
    def elsewhere(self) -> int:
        """How many builds run here whose starts others keep."""
        return sum(isinstance(each.delivery, HeldByPeer) for each in self._builds.values())

    def returned(self, now: float) -> None:
        """Take note that the connection is new: the broker may have been away."""
        self.listen_a_while(now)
        self._heartbeat.changed()

    def listen_a_while(self, now: float) -> None:
        """Hear the others, and what this worker itself says, from now on for a while."""
        self._listening_until = now + 2 * ANSWER_SECONDS
        self.listen(now)

    def listen(self, now: float) -> None:
        """Hear the others while there is something to hear; say again what is news to them."""
        needed = self.astray or self.elsewhere or self.kept_starts or now < self._listening_until
        if bool(needed) is not self._listening:
            self._listening = bool(needed)
            if self._listening:
                self._link.subscribe(ALL_WORKERS, 1)
            else:
                self._link.unsubscribe(ALL_WORKERS)
                self.kept_starts.forget()
        if self.kept_starts.has_news(now):
            self._heartbeat.changed()

    def hear(self, said: Presence, connection: int, now: float) -> list[Delivery]:
        """Return the starts to begin, since another worker runs their builds no more.

        A build whose start that worker keeps goes on here; `connection` is the one of the message.
        """
        if said.worker == self._name:
            return []
        kept = {(each.project, each.build) for each in said.keeps if said.status == "online"}
        for key, build in self._builds.items():
            delivery = build.delivery
            if key in kept and delivery.lost:
                build.adopt(self._kept_by(said.worker, build, connection))
                self._heartbeat.changed()
            elif (
                key not in kept
                and isinstance(delivery, HeldByPeer)
                and delivery.keeper == said.worker
            ):
                delivery.given_up()
        for key in kept - self._builds.keys():
            self._tell_ending(key)
        return self.kept_starts.hear(said, now)

    def _kept_by(self, keeper: str, build: Job, connection: int) -> HeldByPeer:
        project, name = build.key
        fields = {"project": project, "build": name, "keeper": keeper}
        log.info("build.kept_elsewhere", extra=fields)

        async def say() -> None:
            with suppress(BrokerUnavailable):
                await asyncio.wrap_future(self._heartbeat.say())

        return HeldByPeer(
            build.delivery.start,
            build.attempt,
            keeper,
            connected=lambda: self._link.up and self._link.connection == connection,
            say=say,
        )
