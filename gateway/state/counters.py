"""The counters of one gateway process since it started. Pure.

They are plain integers, as every activity passes here.
"""

from bisect import bisect_left
from collections import Counter
from typing import Final

from msgspec import UNSET

from buildfeed.activity import Activity
from buildfeed.board import Board
from buildfeed.recent import Recent
from buildfeed.topics import KINDS

WAITING_BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds of the buckets of waiting times, in seconds; one more bucket is above them."""
_BEGUN: Final = 1000
"""Builds remembered as begun, newest first: a beginning that is repeated counts once."""


class Counters:
    """Activities by kind, attempts that took a build over, waiting times, answers to commands.

    `waiting` has the number of builds by bucket of waiting time; `waited` is the sum in seconds.
    `starts` and `stops` are by outcome: `accepted`, or the slug of the problem.
    """

    def __init__(self) -> None:
        self.received = dict.fromkeys(KINDS, 0)
        self.retaken = 0
        self.waiting = [0] * (len(WAITING_BOUNDS) + 1)
        self.waited = 0.0
        self._begun: Recent[None] = Recent(_BEGUN)
        self.starts = Counter(accepted=0)
        self.stops = Counter(accepted=0)

    def receive(self, activity: Activity, board: Board) -> None:
        """Count an activity from the broker, before it is folded into `board`."""
        self.received[activity.kind] += 1
        if activity.type == "Accept":
            self._begin(activity, board)

    def _begin(self, activity: Activity, board: Board) -> None:
        build = activity.object
        key = build.key
        known = board.get(*key)
        if build.attempt > 1:
            self.retaken += 1
            if known and known.newest.object.status != "queued":
                return
        # The board does not say whether a first attempt is new: history may have told it before.
        if key in self._begun or build.due_time is UNSET or build.start_time is UNSET:
            return
        self._begun.put(key, None)
        # The clock of the gateway that took the start against that of the worker.
        seconds = max(0.0, (build.start_time - build.due_time).total_seconds())
        self.waiting[bisect_left(WAITING_BOUNDS, seconds)] += 1
        self.waited += seconds
