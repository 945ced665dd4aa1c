"""Start and stop: from a request to a confirmed command, once each.

A start takes four steps, and each may end it: the claim of its `Idempotency-Key` (the same key
gives the same build, in every process: `lease`), the limits (`admission`), the publish (joined when
the start is in flight already: `in_flight`), and the confirm of the broker. A start beyond a limit
claims nothing, or anybody could fill the history with keys. A stop needs no
key, as stopping twice is stopping once. But a worker that was not connected when the stop was
published does not know of it, so a stop is sent again when an activity shows that its build goes
on.
"""

import asyncio
import hashlib
import logging
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from msgspec import UnsetType

from buildfeed import build_ids, command, names
from buildfeed.activity import Activity, Key
from buildfeed.board import BuildState
from buildfeed.errors import BrokerUnavailable
from buildfeed.history.claims import Claim
from buildfeed.history.store import Store
from gateway.commands.admission import NOBODY, Admission, Caller
from gateway.commands.in_flight import InFlight
from gateway.commands.lease import Lease, Leases
from gateway.commands.publisher import AWAY_SECONDS, CONFIRM_SECONDS, Publisher, confirmed
from gateway.commands.requests import StartRequest
from gateway.problems import Problem, unknown_build
from gateway.queries.builds import Builds
from gateway.state.live import Live
from gateway.tasks import Tasks

RESEND_STOP_SECONDS = 2.0
YOUNG_SECONDS = 60.0
"""Age in seconds up to which a build may be stopped that neither board nor history knows yet."""
FIRST_LOOK_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""Longest pause in seconds between two looks whether another process has sent a start."""

log = logging.getLogger(__name__)


class Commands:
    """Makes commands, has them confirmed, and repeats stops that a worker has missed.

    While `takes_commands` says that the broker does not, as far as is known, nothing is sent, and
    they are refused almost at once; a start that is in flight may still be joined.
    """

    def __init__(
        self,
        live: Live,
        builds: Builds,
        store: Store,
        publisher: Publisher,
        admission: Admission,
        *,
        takes_commands: Callable[[], bool],
    ) -> None:
        self._live = live
        self._builds = builds
        self._publisher = publisher
        self._admission = admission
        self._takes_commands = takes_commands
        self._in_flight = InFlight(publisher, live.receive)
        self._leases = Leases(store)
        self._resent: dict[Key, float] = {}
        self._tasks = Tasks()

    async def start(
        self, project: str, request: StartRequest, key: str | None, caller: Caller = NOBODY
    ) -> BuildState:
        """Return the new build once the broker has it; with `key` the same build each time.

        Raises Problem: 409 when the key was used with another body, 422 when no worker has the job,
        429 when there are too many starts or builds, 503 when the broker cannot take the start.
        After a 503 nothing was sent, or the build is stopped when the broker answers again, and
        then `key` is free.
        """
        build = build_ids.new(after=self._live.newest_id_time)
        if not self._admission.passes(project, caller, self._unfinished) and (
            key is None or not await self._leases.known(project, key)
        ):
            self._admission.check(project, caller, self._unfinished)
        if (problem := self._no_such_job(project, request.job)) and (
            key is None or not await self._leases.known(project, key)
        ):
            raise problem
        claim = await self._claim(project, key, build, request) if key is not None else None
        if claim:
            build = claim.build
        offer = command.start(
            project,
            build,
            _now(),
            by=request.by,
            script=request.script,
            job=request.job,
            parameters=request.parameters,
            priority=request.priority,
            delay=request.delay or 0,
        )
        joins = self._in_flight.under_way((project, build))
        lease = None
        if claim and not joins:
            if known := await self._sent(claim, offer):
                return known
            lease = self._leases.hold(claim)
        try:
            if not joins:
                await self._admit(project, caller, claim, lease)
            await self._in_flight.publish(offer, lease)
        except BrokerUnavailable as exc:
            raise _unavailable(exc, offer) from exc
        return self._live.board.get(project, build) or BuildState(offer)

    async def stop(self, project: str, build: str, by: str, caller: Caller = NOBODY) -> BuildState:
        """Return the build once the broker has the stop.

        Raises Problem: 404 for an unknown build, 409 for an ended one, 429 for too many stops, 503
        when the broker cannot take the stop.
        """
        state = await self._builds.find(project, build)
        if state is None and not _young(build, YOUNG_SECONDS):
            raise unknown_build(project, build)
        if state and state.ended:
            detail = f"Build {build} has ended already: {state.newest.object.status}."
            raise Problem(HTTPStatus.CONFLICT, "already-ended", detail)
        self._admission.stop(project, caller)
        known = state.newest.object if state else command.unknown(project, build)
        undo = command.stop(known, _now(), by=by, uuid=uuid.uuid4().hex)
        try:
            await self._confirmed(undo)
        except BrokerUnavailable as exc:
            raise _unavailable(exc, undo) from exc
        self._live.receive(undo)
        return self._live.board.get(project, build) or BuildState(undo, undo)

    def insist(self, activity: Activity, state: BuildState) -> None:
        """Send the stop of `state` again when its build goes on, at most every 2 s, with jitter.

        Each incoming activity decides this, not the board: the board shows a stopped build as
        stopped even while a worker that missed the stop still builds. A build that has ended, and
        that a worker without a history begins all the same, gets a stop of the gateway's own.
        """
        if activity.object.status != "running" or activity.type == "Undo":
            return
        stop = state.stop
        if stop is None and _begun_after_its_end(activity, state):
            stop = command.stop(state.newest.object, _now(), by="gateway", uuid=uuid.uuid4().hex)
        if stop is None:
            return
        now = time.monotonic()
        recent = {k: at for k, at in self._resent.items() if now - at < RESEND_STOP_SECONDS}
        if state.key not in recent:
            recent[state.key] = now
            self._tasks.start(self._resend(stop))
        self._resent = recent

    @property
    def _unfinished(self) -> int:
        """How many builds are queued or running, or about to be."""
        return self._live.board.number_unfinished + len(self._in_flight)

    async def close(self) -> None:
        """End every repetition and every undoing."""
        await self._in_flight.close()
        await self._leases.close()
        await self._tasks.cancel()

    def _no_such_job(self, project: str, job: str | UnsetType) -> Problem | None:
        """Return why a job cannot be started; None if a worker has it, or no worker is known."""
        jobs = None if isinstance(job, UnsetType) else self._live.jobs(project)
        if jobs is None or job in jobs:
            return None
        has = f"They have {', '.join(sorted(jobs))}." if jobs else "They have none of this project."
        detail = f"No worker that is online has the job {job} of {project}. {has}"
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-such-job", detail)

    async def _confirmed(self, stop: Activity) -> None:
        """Send a stop, and return once the broker has it; raises BrokerUnavailable."""
        await self._reach()
        await confirmed(self._publisher.submit(stop))

    async def _admit(
        self, project: str, caller: Caller, claim: Claim | None, lease: Lease | None
    ) -> None:
        """Return if a start may be sent now, else end its lease; see `start` and `_reach`."""
        try:
            await self._reach()
            self._admission.start(project, caller, self._unfinished)
        except BrokerUnavailable:
            if lease:
                lease.end("unsent")
            raise
        except Problem:
            if lease:
                lease.end("undone" if claim and claim.turn == "first" else "unsent")
            raise

    async def _reach(self) -> None:
        """Return while the broker takes commands, as far as is known; raises BrokerUnavailable."""
        until = time.monotonic() + AWAY_SECONDS
        while not self._takes_commands():
            if time.monotonic() > until:
                raise BrokerUnavailable(sent=False)
            await asyncio.sleep(FIRST_LOOK_SECONDS)

    async def _claim(self, project: str, key: str, build: str, request: StartRequest) -> Claim:
        """Return the build that `key` belongs to, and whether it is our turn to send its start.

        Waits while another process is sending it, up to CONFIRM_SECONDS.
        """
        digest = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
        pause, until = FIRST_LOOK_SECONDS, time.monotonic() + CONFIRM_SECONDS
        while True:
            claim = await self._leases.take(project, key, build, digest)
            if claim.body_hash != digest:
                detail = "This Idempotency-Key was used with another body; use a new key."
                raise Problem(HTTPStatus.CONFLICT, "key-reused", detail, build=claim.build)
            joins = self._in_flight.under_way((project, claim.build))
            if claim.turn != "taken" or joins or time.monotonic() + pause > until:
                return claim
            await asyncio.sleep(pause)
            pause = min(2 * pause, LOOK_SECONDS)

    async def _sent(self, claim: Claim, offer: Activity) -> BuildState | None:
        """Return the build of a start that was sent already, None when it is our turn to send.

        Raises Problem: 503 while another process sends or undoes it.
        """
        if claim.turn == "taken":
            raise _unavailable(BrokerUnavailable(sent=True), offer)
        if claim.turn == "first":
            return None
        known = await self._builds.find(claim.project, claim.build)
        if claim.turn == "sent":
            return known or BuildState(offer)
        if known:  # its sender was gone before it could say so
            self._leases.hold(claim).end("sent")
        return known

    async def _resend(self, stop: Activity) -> None:
        await asyncio.sleep(random.uniform(0, 0.5))  # noqa: S311 - spreads gateways, no secret
        try:
            await self._confirmed(stop)
        except BrokerUnavailable as exc:
            log.warning("stop.not_resent", extra={"sent": exc.sent})


def _begun_after_its_end(activity: Activity, state: BuildState) -> bool:
    """Tell whether a worker runs a start whose build had ended before, as others told.

    Not so a late activity of the run that has ended, nor the build of somebody who asked nobody.
    """
    ended, runs = state.newest.object, activity.object
    if not ended.ended or runs.queued_time is msgspec.UNSET:
        return False
    others = activity.worker != state.newest.worker
    return runs.attempt > ended.attempt or (runs.attempt == ended.attempt and others)


def _now() -> datetime:
    return datetime.now(UTC)


def _young(build: str, seconds: float) -> bool:
    made = names.build_id_time(build)
    # One of the future is young: the clock of the gateway that made it is ahead.
    return made is not None and time.time() - made / 1000 < seconds


def _unavailable(exc: BrokerUnavailable, sent: Activity) -> Problem:
    build = sent.object
    what = "start" if sent.kind == "start" else "stop"
    detail = f"{exc} Try the {what} again in a few seconds."
    if exc.sent and what == "start":
        detail = (
            "The message broker did not confirm the start in time. Repeat it with the same "
            "Idempotency-Key to get one build; else this one is stopped when the broker answers."
        )
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "broker-unavailable",
        detail,
        headers={"Retry-After": "5"},
        project=build.project,
        build=build.build,
        sent=exc.sent,
    )
