"""Refusals by host and origin, each said in the log: at a limited rate, as strangers cause them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from gateway.access.access import Access
from gateway.log_limit import LogLimit
from gateway.problems import Problem

_LOGGED_A_MINUTE: Final = 20
_LOGGED_CHARACTERS: Final = 200

log = logging.getLogger(__name__)


class Refusals:
    """Asks `access` about requests, and logs which ones it refuses."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._limits: dict[str, LogLimit] = {}
        """One for each problem: many strangers of one kind do not hide another's trouble."""

    def pass_own(self, host: str, origin: str | None) -> bool:
        """Tell whether a command to `host` passes that comes from our own page there, or from none.

        False may also mean that the page is one of other origins that are allowed.
        """
        return self._access.is_own(host, origin)

    def is_secure(self, host: str) -> bool:
        """Tell whether browsers may be told to come to `host` by https alone."""
        return self._access.is_secure(host)

    def allows(self, origin: str) -> bool:
        """Tell whether pages of `origin` may command and read, besides those of the host itself."""
        return self._access.allows(origin)

    def of(
        self,
        host: Sequence[str],
        origin: Sequence[str],
        client: str,
        *,
        acts: bool,
        version: str = "1.1",
    ) -> Problem | None:
        """Return the problem to refuse a request of the address `client` with, else None.

        `host` and `origin` are the values of these headers, `version` is that of HTTP, and `acts`
        tells whether the request may do more than read.
        """
        problem = self._access.refusal(host, origin, acts=acts, version=version)
        if problem:
            facts = {
                "problem": problem.slug,
                "host": ", ".join(host)[:_LOGGED_CHARACTERS],
                "origin": ", ".join(origin)[:_LOGGED_CHARACTERS],
            }
            now = asyncio.get_running_loop().time()
            limit = self._limits.setdefault(problem.slug, LogLimit(_LOGGED_A_MINUTE))
            left_out = limit.take(tuple(facts.values()), now)
            if left_out is not None:
                facts["client"] = client
                log.warning("http.refused", extra={**facts, "left_out": left_out})
        return problem
