"""The audit of a gateway process: each deed is a line in the log at once, and a row a moment later.

Nobody waits for the history: rows wait in a queue with a limit, also while it is away. The same
again is noted once a minute: a start that is repeated with its key may come at any rate. Refusals
may besides be caused by strangers in any variety, so there is a limit for all of them; those who
are signed in have one of their own, which strangers cannot use up.
"""

import asyncio
import logging
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from buildfeed.errors import HistoryRefused, HistoryUnavailable
from buildfeed.history.audit import MAX_TEXT, Deed
from buildfeed.secret_kinds import ANY
from gateway.access.principal import Principal
from gateway.access.proxies import owner
from gateway.log_limit import MINUTE, LogLimit
from gateway.problems import Problem

REFUSALS: Final = frozenset(["not-signed-in", "not-allowed", "too-many-attempts"])
"""The problems that say that somebody may not do something."""
MOST_WAITING: Final = 10_000
"""Deeds that wait for the history, about 5 MB."""
STRANGERS_A_MINUTE: Final = 60
"""Different refusals of those who are not signed in that are noted a minute."""
SIGNED_IN_A_MINUTE: Final = 600
"""The same of those who are."""
_REMEMBERED: Final = 10_000
"""Deeds that were accepted lately."""
_BATCH: Final = 500
_GATHER_SECONDS: Final = 0.2
"""Pause after a write: what is done meanwhile is written together."""
_RETRY_SECONDS: Final = 3.0
_CLOSE_SECONDS: Final = 2.0
_SECRET: Final = re.compile(rf"\b({ANY})\w{{8,}}", re.ASCII)

log = logging.getLogger(__name__)

Append = Callable[[Sequence[tuple[Deed, timedelta]]], None]
"""Records deeds, each done so long ago; blocks, and raises HistoryUnavailable."""


def _nowhere(_deeds: Sequence[tuple[Deed, timedelta]]) -> None:
    """Record nothing."""


def outcome(problem: Problem) -> str:
    """Return how something ended that was refused with a problem."""
    reason = problem.extra.get("reason")
    return f"{problem.slug}: {reason}" if reason else problem.slug


class Audit:
    """Notes deeds, and records them by `append` while it runs."""

    def __init__(self, append: Append = _nowhere) -> None:
        self._append = append
        self._waiting: deque[tuple[Deed, float]] = deque()
        self._some = asyncio.Event()
        self._writing: asyncio.Task[bool] | None = None
        self._lately: OrderedDict[Deed, float] = OrderedDict()
        self._strangers = LogLimit(STRANGERS_A_MINUTE)
        self._signed_in = LogLimit(SIGNED_IN_A_MINUTE)
        self.lost = 0
        """Rows that were not recorded: too many were waiting, or the history did not take them."""

    @property
    def waiting(self) -> int:
        """How many deeds wait for the history."""
        return len(self._waiting)

    def accepted(self, who: Principal, action: str, subject: str, address: str) -> None:
        """Note what somebody has done, unless the same was a moment ago."""
        deed, now = _deed(who.name, action, subject, address, "accepted"), time.monotonic()
        if now - self._lately.get(deed, float("-inf")) < MINUTE:
            return
        self._lately[deed] = now
        self._lately.move_to_end(deed)
        if len(self._lately) > _REMEMBERED:
            self._lately.popitem(last=False)
        self._note(deed)

    def refused(  # noqa: PLR0917 - a row has so many columns
        self,
        who: Principal,
        action: str,
        subject: str,
        address: str,
        outcome: str,
        name: str = "",
    ) -> None:
        """Note what somebody was refused, unless the same was a moment ago.

        The `name`, if it is known, is of a token that is good no more.
        """
        deed = _deed(name or who.name, action, subject, address, outcome)
        limit = self._strangers if who.anonymous else self._signed_in
        fact = deed.principal, action, outcome, owner(address)
        left_out = limit.take(fact, time.monotonic())
        if left_out is not None:
            self._note(deed, left_out)

    def _note(self, deed: Deed, left_out: int = 0) -> None:
        facts = {name: getattr(deed, name) for name in deed.__struct_fields__}
        log.info("audit", extra=facts | {"left_out": left_out} if left_out else facts)
        if len(self._waiting) >= MOST_WAITING:  # the beginning of a flood says more than its end
            self.lost += 1
            return
        self._waiting.append((deed, time.monotonic()))
        self._some.set()

    async def run(self) -> None:
        """Record what is noted, until cancelled."""
        while True:
            await self._some.wait()
            written = await asyncio.shield(self._begin())
            await asyncio.sleep(_GATHER_SECONDS if written else _RETRY_SECONDS)

    async def close(self) -> None:
        """Record what still waits, for 2 s at most."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                written = True
                while self._waiting and written:
                    written = await asyncio.shield(self._begin())
        except TimeoutError:
            pass
        if self._waiting:
            self.lost += len(self._waiting)
            log.warning("audit.lost", extra={"rows": len(self._waiting)})

    def _begin(self) -> "asyncio.Task[bool]":
        """Return the write that is under way, or begin one."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())
        return self._writing

    async def _write(self) -> bool:
        """Record a batch; return False to try again later."""
        batch = list(islice(self._waiting, _BATCH))
        now = time.monotonic()
        aged = [(deed, timedelta(seconds=now - at)) for deed, at in batch]
        try:
            await asyncio.to_thread(self._append, aged)
        except HistoryRefused as exc:
            self.lost += len(batch)
            log.warning("audit.refused", extra={"reason": exc.reason, "rows": len(batch)})
        except HistoryUnavailable as exc:
            log.debug("audit.waits", extra={"reason": exc.reason, "rows": len(self._waiting)})
            return False
        for _ in batch:
            self._waiting.popleft()
        if not self._waiting:
            self._some.clear()
        return True


def _deed(principal: str, action: str, subject: str, address: str, outcome: str) -> Deed:
    subject = _SECRET.sub(r"\1…", subject)[:MAX_TEXT]
    return Deed(
        principal=principal, action=action, subject=subject, address=address, outcome=outcome
    )
