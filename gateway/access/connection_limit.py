"""The limit of connections, in all and from one address. Pure."""

from collections import Counter
from collections.abc import Hashable
from typing import Literal

Excess = Literal["total", "address"]
"""Which limit is reached."""


class ConnectionLimit:
    """Counts what is open; at most `total`, and at most `of_one` from one address. 0: no limit.

    Each is counted for its holder, whatever object that is, until the holder leaves.
    """

    def __init__(self, total: int, of_one: int) -> None:
        self._total = total
        self._of_one = of_one
        self._holders: dict[Hashable, tuple[str, bool]] = {}
        self._addresses: Counter[str] = Counter()
        self.open = 0
        """How many count for the total."""

    def enter(self, holder: Hashable, address: str, *, counts: bool = True) -> Excess | None:
        """Count a holder, or return the limit that is reached.

        An empty `address` stands for none: only the total counts then. Without `counts`, only the
        address does.
        """
        if counts and self._total and self.open >= self._total:
            return "total"
        if address and self._of_one and self._addresses[address] >= self._of_one:
            return "address"
        self._holders[holder] = address, counts
        self._addresses.update([address] if address else [])
        self.open += counts
        return None

    def leave(self, holder: Hashable) -> None:
        """Count a holder no more; one that is not counted is ignored."""
        address, counts = self._holders.pop(holder, ("", False))
        self.open -= counts
        if address:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
