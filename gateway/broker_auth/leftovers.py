"""Sessions and queues that a name has of a token with other grants, and that read more than it may.

RabbitMQ asks about a filter when it is subscribed to, and keeps the binding for as long as the
queue. The name of a token that was revoked is free for another, and an entry of the file may get
other grants. So whoever logs in loses what is bound to more than the grants cover.
"""

import logging
from typing import Final

from buildfeed.grants import Grants
from gateway.broker_auth.management import Management
from gateway.broker_auth.questions import may_bind, pattern_of

_DEFAULT_EXCHANGE: Final = ""
"""Every queue is bound to it by its own name."""

log = logging.getLogger(__name__)


class Leftovers:
    """Removes them in the virtual host `vhost`, by the `management` API."""

    def __init__(self, management: Management, vhost: str) -> None:
        self._management = management
        self._vhost = vhost

    async def remove(self, user: str, grants: Grants) -> bool:
        """Delete what a user has that reads more than is granted; tell whether there was any.

        Raises ManagementUnavailable.
        """
        queues = await self._management.queues(self._vhost, pattern_of(user))
        found = [each.name for each in queues if not await self._is_covered(each.name, grants)]
        for name in found:
            await self._management.delete_queue(self._vhost, name)
        if found:
            log.info("broker_auth.removed", extra={"user": user, "queues": len(found)})
        return bool(found)

    async def _is_covered(self, queue: str, grants: Grants) -> bool:
        bindings = await self._management.bindings(self._vhost, queue)
        return all(
            each.source == _DEFAULT_EXCHANGE or may_bind(grants, each.source, each.key)
            for each in bindings
        )
