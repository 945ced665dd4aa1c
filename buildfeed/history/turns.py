"""The turns of writers, and the numbers of their changes.

Whoever changes what others look for by numbers takes a turn: the row of `counter` is locked until
the transaction ends, so numbers become visible in their order.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from buildfeed.history.schema import counter

_POSITION: Final = select(counter.c.n)
_TAKE: Final = update(counter).values(n=counter.c.n + bindparam("changes")).returning(counter.c.n)


def take(connection: Connection, changes: int = 0) -> int:
    """Wait until no other process writes; return the number of the last of `changes` more."""
    last: int = connection.execute(_TAKE, {"changes": changes}).scalar_one()
    return last


def position(connection: Connection) -> int:
    """Return the number of the newest change."""
    number: int = connection.execute(_POSITION).scalar_one()
    return number
