"""The parts of a gateway process that let people and apps in at RabbitMQ, joined."""

from buildfeed.history.tokens import Tokens
from gateway.access.directory import Directory
from gateway.broker_auth.answers import Answers
from gateway.broker_auth.connections import Connections
from gateway.broker_auth.listener import Address, Listener
from gateway.broker_auth.management import Management
from gateway.broker_auth.token_names import TokenNames


class BrokerAuth:
    """The listener at `address`, and the part that closes connections.

    `management_url` is that of RabbitMQ's management API, `vhost` the virtual host of the builds.
    """

    def __init__(
        self,
        tokens: Tokens,
        directory: Directory,
        address: Address,
        *,
        management_url: str,
        vhost: str,
    ) -> None:
        management, names = Management(management_url), TokenNames(tokens, directory)
        self._answers = Answers(names, management, directory.audit, vhost)
        self._listener = Listener(address, self._answers)
        self._connections = Connections(names, management, vhost)
        self.parts = self._listener, self._connections

    def counts(self) -> dict[str, int]:
        """Return how many questions had which outcome, and how many connections were closed."""
        return {
            "allowed": self._answers.allowed,
            **self._answers.refused,
            "unanswered": self._listener.unanswered,
            **{f"closed-{reason}": count for reason, count in self._connections.closed.items()},
        }
