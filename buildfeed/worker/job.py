"""A job: one build on this worker in real time, from its delivery to its settled ending.

Two tasks run side by side: one publishes the steps of the runner as they come (`_follow`), the
other watches whether this worker still has the start (`_until_lost`). The first that ends decides.
A build whose start another worker has is dropped in silence: that worker publishes how it goes on.

A build that is stopped, or takes too long, has a while to end by itself (`Runner.stop_seconds`),
and is published until then.

A stop may come at any time, also while this worker is frozen or connects again. So before an ending
is published, a job that may have missed a stop hears first (`hearing`), and a stop that was
confirmed by then wins. The ending is published until the broker has it, and only then is the start
acknowledged. If the worker dies in between, another one builds again, and of two endings the one
with the smaller `(attempt, seq)` counts for everybody.

Relied on: a gateway repeats a stop when it hears that the build goes on; the queue hands out a
start again when the connection of its worker is lost, and not before.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from buildfeed.activity import Activity, Key
from buildfeed.worker.attempt import Attempt
from buildfeed.worker.hearing import Hearing
from buildfeed.worker.limits import Limits, pause
from buildfeed.worker.queues.queue import Delivery
from buildfeed.worker.runner import Outcome, Runner, Step
from buildfeed.worker.site import BuildSite

log = logging.getLogger(__name__)

Ending = Callable[[datetime], Activity]

_RETURN_SECONDS: Final = 10.0
"""Seconds that a build whose connection was lost waits for its start to come back."""

_LOOK_SECONDS: Final = 1.0
"""Seconds between two looks whether the delivery is lost."""

_HEAR_SECONDS: Final = 5.0
"""Seconds that a late build waits for the echo of the broker; only its ending waits longer."""

_REPEAT_SECONDS: Final = 1.5
"""Seconds within which gateways repeat a stop, once they hear that its build goes on."""


class JobContext(msgspec.Struct, frozen=True):
    """The things that all jobs of the worker named `worker` share.

    `publish` returns the future of `MqttLink.publish`.
    """

    worker: str
    limits: Limits
    runner: Runner
    publish: Callable[[Activity], "Future[None]"]
    hearing: Hearing


class Job:
    """The build of one start.

    `ended` is true from the moment at which its ending is published. To drop a build in silence,
    cancel the task of `work`. All methods belong to the event loop.
    """

    def __init__(self, delivery: Delivery, context: JobContext) -> None:
        self.delivery = delivery
        self._limits = context.limits
        self._publish = context.publish
        self._hearing = context.hearing
        self._runner = context.runner
        self._plan = context.runner.plan(delivery.start)
        self._site = BuildSite(context.hearing)
        self._attempt = Attempt(delivery.start, delivery.attempt, context.worker, self._plan)
        self.hopeless = delivery.attempt > context.limits.max_attempts
        """True when this is one attempt too many: the build is given up at once."""
        self.ended = False
        self._accepted = False
        self._told_on = 0
        self._told_at = 0.0
        self._cut = asyncio.Event()
        self._returned = asyncio.Event()
        if delivery.stopping or self.hopeless:
            self._cut.set()

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.delivery.key

    @property
    def attempt(self) -> int:
        """The attempt that the build runs as."""
        return self._attempt.attempt

    def stop(self) -> None:
        """End the build as `stopped`."""
        self._cut.set()

    def adopt(self, delivery: Delivery) -> None:
        """Go on under the delivery that came after the connection of the first was lost.

        The build is not begun again, so the attempt does not count against the limit.
        """
        self.delivery = delivery
        if delivery.attempt > self.attempt and not self.ended:
            earlier = self.attempt
            self._attempt.again(delivery.attempt)
            if self._accepted and not self.hopeless:
                for activity in self._attempt.resume(earlier, _now()):
                    self._publish(activity)
        self._returned.set()

    async def work(self) -> Activity | None:
        """Run the build; return its ending, None when it is not for this worker to end it."""
        async with asyncio.TaskGroup() as tasks:
            building = tasks.create_task(self._build())
            lost = tasks.create_task(self._until_lost())
            await asyncio.wait((building, lost), return_when=asyncio.FIRST_COMPLETED)
            building.cancel()
            lost.cancel()
        if building.cancelled() or not await self._is_ours():
            return None
        end = building.result()
        if end is None:
            await self.delivery.ack()
            return None
        if self._may_have_missed:
            await self._hear()
        if self._cut.is_set():
            end = self._attempt.stop
        ending = self._give_up(_now()) if self.hopeless else end(_now())
        self.ended = True
        acknowledged = asyncio.wrap_future(self._publish(ending))
        await asyncio.shield(acknowledged)  # a cancelled build must not cancel the link's future
        if self.hopeless:
            await self.delivery.reject(requeue=False)
        else:
            await self.delivery.ack()
        return ending

    async def _build(self) -> Ending | None:
        """Run the build; return how it ends, None when it must not begin any more."""
        cut = await self._cut_before(self._hearing.time() + pause(self.attempt))
        if not await self.delivery.still_wanted():
            return None
        if cut or self.delivery.stopping:
            return self._attempt.stop
        self._accepted = True
        project, build = self.key
        fields = {"project": project, "build": build, "attempt": self.attempt}
        log.info("build.started", extra=fields)
        self._publish(self._attempt.accept(_now()))
        self._told_on = self._hearing.connection
        return await self._follow(self._runner.run(self.delivery.start, self.attempt, self._site))

    async def _follow(self, steps: AsyncGenerator[Step | Outcome, None]) -> Ending:
        """Publish the steps of the runner; return how the build ends."""
        cut = asyncio.ensure_future(self._cut.wait())
        coming: asyncio.Future[Step | Outcome] | None = None
        seconds = self._plan.max_seconds or self._limits.max_seconds
        limit = self._hearing.time() + seconds
        end: Ending | None = None
        try:
            while True:
                coming = asyncio.ensure_future(anext(steps))
                await self._until(limit, coming, *(() if end else (cut,)))
                if end is None and await self._cut_by_now():
                    end = self._attempt.stop
                elif end is None and not coming.done():
                    reason = f"The build took longer than {seconds:g} seconds."
                    end = partial(self._attempt.fail, reason)
                if end and not self._site.ending:
                    self._site.ending = True
                    limit = self._hearing.time() + self._runner.stop_seconds
                    await self._until(limit, coming)
                if end and not (coming.done() and self._runner.stop_seconds):
                    return end
                match coming.result():
                    case Outcome() as outcome:
                        self._attempt.exited(outcome.exit_code)
                        return end or partial(self._attempt.finish, outcome)
                    case step:
                        self._tell(step)
        finally:
            left_over = [each for each in (cut, coming) if each and not each.done()]
            for each in left_over:
                each.cancel()
            await asyncio.gather(*left_over, return_exceptions=True)
            await steps.aclose()

    async def _until(self, moment: float, *first: "asyncio.Future[Any]") -> None:
        """Return when one of `first` is done, or at `moment` of `Hearing.time`."""
        while not any(each.done() for each in first):
            left = moment - self._hearing.time()
            if left <= 0:
                return
            await asyncio.wait(first, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _tell(self, step: Step) -> None:
        for activity in self._attempt.advance(step, _now()):
            sent = self._publish(activity)
            if activity.kind == "log":
                self._site.sent(sent)
        self._note_telling()

    def _give_up(self, now: datetime) -> Activity:
        reason = f"Given up: {self.attempt - 1} attempts were begun and none ended."
        return self._attempt.fail(reason, now)

    async def _cut_before(self, moment: float) -> bool:
        """Wait until `moment` of `Hearing.time`; return True at once when it is cut short."""
        while not self._cut.is_set() and (left := moment - self._hearing.time()) > 0:
            await self._cut_within(left)
        return await self._cut_by_now()

    async def _cut_by_now(self) -> bool:
        """Tell whether the build is cut short; a worker that was late hears the broker first."""
        if not self._cut.is_set() and self._hearing.behind:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEAR_SECONDS):
                    await self._hear()
        return self._cut.is_set()

    async def _cut_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cut.wait()

    async def _hear(self) -> None:
        """Return when every stop confirmed by now has had the time to cut the build short.

        A stop that was published while there was no connection is lost with the session. So the
        worker publishes that the build goes on, whereupon a gateway repeats the stop.
        """
        await self._hearing.catch_up()
        if self._accepted and self._hearing.connection != self._told_on:
            self._publish(self._attempt.tell(_now()))
            self._note_telling()
        await self._cut_within(self._repeat_seconds_left)

    def _note_telling(self) -> None:
        """Note on which connection, and since when, others hear that the build goes on."""
        if self._hearing.connection not in (0, self._told_on):
            self._told_on = self._hearing.connection
            self._told_at = asyncio.get_running_loop().time()

    @property
    def _repeat_seconds_left(self) -> float:
        """Seconds in which a stop from before this connection may still be repeated."""
        if not self._told_at:
            return 0.0
        return max(0.0, self._told_at + _REPEAT_SECONDS - asyncio.get_running_loop().time())

    @property
    def _may_have_missed(self) -> bool:
        """True when a stop may have been confirmed without reaching this worker."""
        cut_off = self._accepted and self._hearing.connection != self._told_on
        return self._hearing.behind or cut_off or self._repeat_seconds_left > 0

    async def _until_lost(self) -> None:
        """Return when another worker has the start, because this one was frozen or cut off."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.delivery.lost and not await self._is_ours():
                return

    async def _is_ours(self) -> bool:
        """Tell whether this worker has the start; ask the broker.

        After a lost connection the start may come back to this worker, so wait for it a while.
        """
        while True:
            self._returned.clear()
            if await self.delivery.still_mine():
                return True
            try:
                async with asyncio.timeout(_RETURN_SECONDS):
                    await self._returned.wait()
            except TimeoutError:
                return False


def _now() -> datetime:
    return datetime.now(UTC)
