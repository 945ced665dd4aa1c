"""The other workers: which of them keeps the start of a build that runs here, and the reverse.

A broker that comes back hands out anew every start that is not settled, while the builds still
run. Workers sort that out by their presences, each of which names the builds that a worker runs and
the starts that it keeps. Two cases:

* A start came here, and its build may run elsewhere: the start is kept, see `kept_starts`.
* A build runs here, and its start went elsewhere: when the presence of a peer says that it keeps
  the start, the build goes on under a delivery that the peer holds, see `delivery`.

Presences are heard only for a while after a new connection, and while one of the two cases holds:
hundreds of workers that hear each other all the time would cost more than all their builds.

Relied on: the broker tells all workers, by the will, when one is gone; and a presence that comes on
a connection shows that this worker was not gone for the broker when it came.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from buildfeed.activity import Key
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.errors import BrokerUnavailable
from buildfeed.presence import Presence
from buildfeed.topics import ALL_WORKERS, build_status
from buildfeed.worker.handoff.delivery import HeldByPeer
from buildfeed.worker.handoff.kept_starts import ANSWER_SECONDS, KeptStarts
from buildfeed.worker.heartbeat import Heartbeat
from buildfeed.worker.job import Job
from buildfeed.worker.queues.queue import Delivery

log = logging.getLogger(__name__)


class Peers:
    """The peers of the worker `name`, which runs `jobs`. Belongs to the event loop.

    `begin` is called with every kept start whose build may begin here now. `tell_ending` is called
    with the keys of builds whose starts peers keep and that do not run here: they may have ended
    here while the acknowledgement was lost. `changed` is called when the presence of this worker
    has something new to say.
    """

    def __init__(
        self,
        name: str,
        link: MqttLink,
        heartbeat: Heartbeat,
        jobs: Mapping[Key, Job],
        *,
        begin: Callable[[Delivery], None],
        tell_ending: Callable[[Key], None],
        changed: Callable[[], None],
    ) -> None:
        self.kept_starts = KeptStarts(name)
        self._name = name
        self._link = link
        self._heartbeat = heartbeat
        self._jobs = jobs
        self._begin = begin
        self._tell_ending = tell_ending
        self._changed = changed
        self._listening = False
        self._listening_until = 0.0

    @property
    def start_missing(self) -> bool:
        """True while it is not known where the start of a build that runs here is."""
        return any(job.delivery.lost for job in self._jobs.values())

    @property
    def surplus(self) -> int:
        """How many more starts peers keep for builds that run here than are kept here."""
        held = sum(isinstance(each.delivery, HeldByPeer) for each in self._jobs.values())
        return max(0, held - len(self.kept_starts))

    def keep(self, delivery: Delivery) -> None:
        """Keep a start whose build may run elsewhere: the broker was away a moment ago."""
        project, build = delivery.key
        log.info("build.kept", extra={"project": project, "build": build})
        self.kept_starts.keep(delivery, _now())
        self._link.subscribe(build_status(*delivery.key), 1)  # before others hear that it is kept
        self._changed()
        self._begin_due()

    def release(self, key: Key) -> None:
        """Keep a start no longer, as its build has ended or its connection is gone."""
        self.kept_starts.release(key)
        self._link.unsubscribe(build_status(*key))
        self._changed()

    def look(self) -> None:
        """Let go of kept starts that are lost, begin those that are due; once a second."""
        for delivery in self.kept_starts:
            if delivery.lost:
                self.release(delivery.key)
        self._begin_due()
        self._listen()

    def returned(self) -> None:
        """Take note that the connection is new: the broker may have been away."""
        self.listen_a_while()
        self._changed()

    def listen_a_while(self) -> None:
        """Hear every presence, also this worker's own, for a while from now on."""
        self._listening_until = _now() + 2 * ANSWER_SECONDS
        self._listen()

    def hear(self, said: Presence, connection: int) -> None:
        """Take a presence that came on `connection`.

        A build whose start that peer keeps goes on here; a start whose build that peer has ceased
        to run begins here.
        """
        if said.worker == self._name:
            return
        kept = {each.key for each in said.keeps if said.status == "online"}
        for key, job in self._jobs.items():
            delivery = job.delivery
            if key in kept and delivery.lost:
                job.adopt(self._held_by(said.worker, job, connection))
                self._changed()
            elif (
                key not in kept
                and isinstance(delivery, HeldByPeer)
                and delivery.keeper == said.worker
            ):
                delivery.give_up()
        for key in kept - self._jobs.keys():
            self._tell_ending(key)
        for delivery in self.kept_starts.hear(said, _now()):
            self._begin(delivery)

    def _begin_due(self) -> None:
        for delivery in self.kept_starts.due(_now()):
            self._begin(delivery)

    def _listen(self) -> None:
        """Hear presences while needed; repeat our own while peers may not have heard it."""
        held = any(isinstance(each.delivery, HeldByPeer) for each in self._jobs.values())
        awaited = self.start_missing or held or bool(self.kept_starts)
        listening = awaited or _now() < self._listening_until
        if listening is not self._listening:
            self._listening = listening
            if listening:
                self._link.subscribe(ALL_WORKERS, 1)
            else:
                self._link.unsubscribe(ALL_WORKERS)
                self.kept_starts.forget()
        if self.kept_starts.has_news(_now()):
            self._changed()

    def _held_by(self, keeper: str, job: Job, connection: int) -> HeldByPeer:
        project, build = job.key
        fields = {"project": project, "build": build, "keeper": keeper}
        log.info("build.kept_elsewhere", extra=fields)

        async def say() -> None:
            with suppress(BrokerUnavailable):
                await asyncio.wrap_future(self._heartbeat.say())

        return HeldByPeer(
            job.delivery.start,
            job.attempt,
            keeper,
            connected=lambda: self._link.up and self._link.connection == connection,
            say=say,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
