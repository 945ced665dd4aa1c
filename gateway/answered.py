"""Questions to the history, which may hang: a frozen server answers nothing and ends nothing."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from buildfeed.errors import HistoryUnavailable

P = ParamSpec("P")
T = TypeVar("T")

AWAY: Final = "The history database cannot be used: the log of the gateway says why."
"""What clients are told. The reason names servers and users, which strangers need not know."""
ANSWER_SECONDS: Final = 10.0
"""Seconds that a client waits for the history. The thread that asks it may wait longer."""


async def answered(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `ask` returns in a thread of its own.

    Raises HistoryUnavailable when that takes longer than 10 s, and what `ask` raises.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asyncio.to_thread(ask, *args, **kwargs)
    except TimeoutError as exc:
        raise HistoryUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from exc
