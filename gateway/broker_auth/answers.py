"""The answers to RabbitMQ's questions: by the tokens, their grants, and the limits of each."""

import logging
import time
from collections import Counter
from typing import Final

from buildfeed import names
from buildfeed.broker import permissions
from buildfeed.grants import Grants
from gateway.access.audit import Audit
from gateway.access.principal import ANONYMOUS, Principal
from gateway.broker_auth.leftovers import Leftovers
from gateway.broker_auth.management import Management
from gateway.broker_auth.questions import Question, allows, pattern_of, session_of
from gateway.broker_auth.token_names import TokenNames
from gateway.log_limit import LogLimit

MAX_CONNECTIONS: Final = 5
"""Connections of one token, by MQTT and AMQP together."""
MAX_KEPT: Final = 3
"""Sessions and queues of one token that the broker keeps while their client is away."""
MAX_SESSIONS: Final = 5
"""Sessions and queues of one token, those included that end with their connection."""
_MADE_SECONDS: Final = 0.5
"""Seconds after which a session that was allowed is there, or will not be made."""
_LOGGED: Final = 20
NOBODY: Final = Principal(name=ANONYMOUS, grants=Grants())
"""Whoever cannot log in."""

log = logging.getLogger(__name__)


class Answers:
    """Answers questions about the users of tokens; `vhost` is the virtual host of the builds.

    Logins are noted in the `audit`, without an address: RabbitMQ does not say it.
    """

    def __init__(
        self, tokens: TokenNames, management: Management, audit: Audit, vhost: str
    ) -> None:
        self._tokens = tokens
        self._audit = audit
        self._management = management
        self._vhost = vhost
        self._leftovers = Leftovers(management, vhost)
        self._allowed: dict[tuple[str, str], float] = {}
        """When sessions were allowed, by user and session: RabbitMQ makes them a moment later."""
        self._log_limit = LogLimit(_LOGGED)
        self.refused: Counter[str] = Counter()
        """Refusals, by their reasons."""
        self.allowed = 0

    async def answer(self, question: Question) -> bool:
        """Tell whether it is allowed.

        Raises HistoryUnavailable, and ManagementUnavailable.
        """
        if question.subject == "user":
            reason = await self._login(question)
        else:
            reason = await self._use(question)
        if reason is None:
            self.allowed += 1
            return True
        self.refused[reason] += 1
        self._log(question, reason)
        return False

    async def _login(self, question: Question) -> str | None:
        """Return the reason why somebody may not log in, None if he may."""
        way = "amqp" if question.client_id is None else "mqtt"
        who = await self._tokens.log_in(question.user, question.password)
        if who is None:
            self._audit.refused(NOBODY, "login", way, "", "not-signed-in: unknown")
            return "login"
        if reason := await self._no_entry(question):
            self._audit.refused(who, "login", way, "", reason)
            return reason
        await self._leftovers.remove(who.name, who.grants)
        self._audit.accepted(who, "login", way, "")
        return None

    async def _no_entry(self, question: Question) -> str | None:
        """Return the reason why somebody with a good token may not log in all the same."""
        client_id = question.client_id
        if client_id is not None and not permissions.is_own_session(question.user, client_id):
            return "client-id"
        if question.user in await self._management.users():
            return "name"  # RabbitMQ's own user of that name would be taken for the token's
        count = len(await self._management.connections_of(question.user))
        return "connections" if count >= MAX_CONNECTIONS else None

    async def _use(self, question: Question) -> str | None:
        """Return the reason why somebody may not do what is asked, None if he may."""
        token = await self._tokens.good(question.user)
        if token is None:
            return "login"
        if not allows(question, token.grants, self._vhost):
            return "grants"
        if question.makes_session and not await self._has_room(question):
            return "sessions"
        return None

    async def _has_room(self, question: Question) -> bool:
        """Tell whether a session may be made; one that is there may be used again."""
        user, session = question.user, question.session or ""
        queues = await self._management.queues(self._vhost, pattern_of(user))
        kept = {session_of(queue.name) for queue in queues if queue.kept}
        there = {session_of(queue.name) for queue in queues}
        if session in there:
            return True
        now = time.monotonic()
        recent = {key: at for key, at in self._allowed.items() if now - at < _MADE_SECONDS}
        there.update(each for owner, each in recent if owner == user)
        there.discard(session)
        self._allowed = recent
        if len(there) >= MAX_SESSIONS or len(kept) >= MAX_KEPT:
            return False
        recent[user, session] = now
        return True

    def _log(self, question: Question, reason: str) -> None:
        # Whoever fails to log in may have put a password where the name belongs.
        is_known = reason != "login" and names.is_name(question.user)
        user = question.user if is_known else ""
        left_out = self._log_limit.take((user, reason), time.monotonic())
        if left_out is not None:
            facts = {"user": user, "reason": reason, "subject": question.subject}
            log.info("broker_auth.refused", extra=facts | {"left_out": left_out})
