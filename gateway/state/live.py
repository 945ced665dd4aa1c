"""The live picture: folds activities, and hands each change to the watchers that it concerns.

Activities come from the broker (`receive`), and states from history (`heal`); both fold into the
board, in any order. A change is sent once, as an event with the whole state of its build. The place
in the queue and the silence of workers depend on time alone, and change in `refresh`.

Pure but for the callbacks and the clock it is given; used from the event loop only.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from buildfeed import names
from buildfeed.activity import Activity, Key
from buildfeed.board import Board, BuildState
from buildfeed.presence import Presence
from buildfeed.selection import Selection
from buildfeed.topics import KINDS, Topic
from gateway.state.changes import Changes
from gateway.state.durations import Durations, Job, job_of
from gateway.state.event import BUILD, LOG, Event
from gateway.state.event_bodies import Body, build_body, log_body
from gateway.state.hub import Hub
from gateway.state.offers import Offers, offers
from gateway.state.places import Places
from gateway.state.recorder_lag import RecorderLag
from gateway.state.roster import Roster

HISTORY_SILENT_SECONDS: Final = 6.0
"""Seconds without a use of history after which it counts as behind: two looks."""


class Live:
    """Board, roster and hub of one gateway process.

    `send` takes events on their way out and must not wait; `now` is a monotonic clock in seconds.
    """

    def __init__(self, send: Callable[[Event], None], now: Callable[[], float]) -> None:
        self.board = Board()
        self.hub = Hub()
        self.changes = Changes()
        self.durations = Durations()
        self._roster = Roster()
        self._send = send
        self._now = now
        self._places = Places()
        self._recorder_lag = RecorderLag()
        self._history_used = now()
        self.newest_id_time = 0
        """The latest Unix time, in milliseconds, in an id of a build: the next build is newer."""
        self._lost: set[Key] = set()
        self._running: dict[str, set[Key]] = {}
        """Builds by worker, so that a presence costs no look at all builds; some may have ended."""
        self.unverified: set[Key] = set()
        """Builds that may have fallen off the board when they were heard of again.

        A late activity of one that ended shows it running, until `heal` is told the ending.
        """
        self._ended_callbacks: dict[Key, list[Callable[[BuildState], None]]] = {}

    def receive(self, activity: Activity) -> BuildState | None:
        """Fold an activity that came from the broker, and send the change.

        Returns the state of its build since then, None for a `log`, which has none.
        """
        now, build, kind = self._now(), activity.object, KINDS[activity.kind]
        self._note_id(build.build)
        if worker := activity.worker:
            self._roster.heard(worker, now)
        if not kind.state:
            if watchers := self.hub.log_watchers(*build.key):
                self._send(Event(LOG, partial(log_body, activity), watchers))
            return None
        key = build.key
        if self.board.forgot and not self.board.get(*key):
            self.unverified.add(key)
        state, changed = self.board.fold(activity)
        if changed:
            if kind.qos:
                self._recorder_lag.changed(build, now)
            self._changed(key, state, now)
        if changed or kind.late:
            self.changes.add(key)
            watchers = self.hub.watchers(Topic(*build.key, kind.name))
            if watchers:
                passing = partial(self.body, state, kind.name)
                body = passing if kind.passing else self._body_of_now(state, kind.name)
                self._send(Event(BUILD, body, watchers, state.key, kind.passing))
        return state

    def heal(self, states: Iterable[BuildState]) -> None:
        """Fold in states from history.

        The watchers of a build hear of a change, whatever kind of activity was missed.
        """
        for recorded in states:
            self._note_id(recorded.newest.object.build)
            state, changed = self.board.merge(recorded)
            self._recorder_lag.recorded(recorded)
            if changed:
                if state.newest.worker and not state.ended:
                    self._roster.expect(state.newest.worker, self._now())
                self._changed(state.key, state, self._now())
                self._push(state)

    def history_used(self) -> None:
        """Take note that history was read, and takes what recorders write; call it every 3 s."""
        self._history_used = self._now()

    def history_replaced(self) -> None:
        """Take note that history is another than before: what was missing there never comes."""
        self._recorder_lag = RecorderLag()
        self.durations = Durations()

    def learn(self, found: Mapping[Job, Iterable[tuple[str, float]]]) -> None:
        """Take the durations that history has of jobs: their builds have an expected end now."""
        known = {job for job, durations in found.items() if self.durations.learn(job, durations)}
        for state in self.board.unfinished() if known else ():
            build = state.newest.object
            if build.status == "running" and job_of(build) in known:
                self._push(state)

    def reconnected(self) -> None:
        """Count the silence of workers from now on: before, no worker could be heard."""
        self._roster.restart(self._now())

    def hear(self, presence: Presence) -> None:
        """Take the presence of a worker; its builds may be lost, or found again."""
        self._roster.presence(presence, self._now())
        self._look_at(presence.worker)

    def left(self, worker: str) -> None:
        """Take note that a worker removed its presence; it runs nothing any more."""
        self._roster.left(worker, self._now())
        self._look_at(worker)

    def refresh(self, moment: datetime) -> None:
        """Recount the places in the queue at `moment`, and notice workers that fell silent.

        Call it every 5 s while the broker is there, not while it is away.
        """
        for state in self._places.refresh(self.board.unfinished(), moment):
            self._push(state)
        self._refresh_lost()
        self._roster.prune(self._running, self._now())

    def body(self, state: BuildState, kind: str | None = None) -> Body:
        """Return the body of the `build` event, after an activity of `kind` (default: newest)."""
        return self._body_of_now(state, kind or state.newest.kind)()

    def on_board(self, selection: Selection) -> tuple[list[BuildState], list[BuildState]]:
        """Return the unfinished and the ended builds of a selection, in no order."""
        unfinished, ended = self.board.unfinished(), self.board.ended()
        if selection.everything:
            return list(unfinished), list(ended)
        return (
            [state for state in unfinished if state.key in selection],
            [state for state in ended if state.key in selection],
        )

    def recorder_lag(self) -> float:
        """Return for how many seconds history has been behind.

        That is the age of the oldest change that is not seen there yet, or the time since history
        could last be used, if that is longer ago than between two looks.
        """
        silent = self._now() - self._history_used
        behind = silent if silent > HISTORY_SILENT_SECONDS else 0.0
        return max(self._recorder_lag.seconds(self._now()), behind)

    def workers(self) -> list[tuple[Presence, bool]]:
        """Return the last presence of each worker of the last hour, and whether it is online."""
        return self._roster.workers(self._now())

    @property
    def lost(self) -> Container[Key]:
        """The unfinished builds whose worker is offline or silent."""
        return self._lost

    def online(self) -> int | None:
        """Return how many workers are online, None while that is not known."""
        return self._roster.online(self._now())

    def jobs(self, project: str) -> set[str] | None:
        """Return the jobs of a project that online workers offer, None while none is known."""
        return self._roster.jobs(project, self._now())

    def offers(self, is_for: Callable[[str], bool]) -> Offers:
        """Return what online workers offer of the projects that `is_for` is true for."""
        return offers((each for each, online in self.workers() if online), is_for)

    def when_ended(self, key: Key, callback: Callable[[BuildState], None]) -> Callable[[], None]:
        """Call `callback` once when the build ends; return a function that cancels that."""
        self._ended_callbacks.setdefault(key, []).append(callback)

        def cancel() -> None:
            callbacks = self._ended_callbacks.get(key, [])  # none once they were called
            if callback in callbacks:
                callbacks.remove(callback)
                if not callbacks:
                    del self._ended_callbacks[key]

        return cancel

    def _changed(self, key: Key, state: BuildState, now: float) -> None:
        build = state.newest.object
        if build.status != "queued":
            self._places.leave(key)
        worker = state.newest.worker
        if worker and not build.ended:
            self._running.setdefault(worker, set()).add(key)
        if not build.ended and self._roster.lost(worker, now):
            self._lost.add(key)
        else:
            self._lost.discard(key)
        if build.ended:
            self.durations.note(build)
            for callback in self._ended_callbacks.pop(key, []):
                callback(state)

    def _note_id(self, build: str) -> None:
        self.newest_id_time = max(self.newest_id_time, names.time_to_follow(build))

    def _push(self, state: BuildState) -> None:
        self.changes.add(state.key)
        if watchers := self.hub.watchers_of_build(*state.key):
            body = self._body_of_now(state, state.newest.kind)
            self._send(Event(BUILD, body, watchers, state.key))

    def _body_of_now(self, state: BuildState, kind: str) -> Callable[[], Body]:
        """Return what makes the body of an event, with the place in the queue that is of now."""
        ahead, lost = self._places.of(state), state.key in self._lost
        build = state.newest.object
        seconds = self.durations.seconds(build) if build.status == "running" else None
        return partial(build_body, state, kind, ahead=ahead, lost=lost, seconds=seconds)

    def _look_at(self, worker: str) -> None:
        """Notice that the builds of a worker are lost, or found again."""
        lost = self._roster.lost(worker, self._now())
        for key in self._running.get(worker, ()):
            state = self.board.get(*key)
            is_its = state and not state.ended and state.newest.worker == worker
            if state and is_its and lost != (key in self._lost):
                (self._lost.add if lost else self._lost.discard)(key)
                self._push(state)

    def _refresh_lost(self) -> None:
        now = self._now()
        running = {s.key: s for s in self.board.unfinished() if s.newest.worker is not None}
        self._running = {}
        for key, state in running.items():
            self._running.setdefault(state.newest.worker or "", set()).add(key)
        lost = {key for key, s in running.items() if self._roster.lost(s.newest.worker, now)}
        changed = (lost ^ self._lost) & running.keys()
        self._lost = lost
        for key in changed:
            self._push(running[key])
