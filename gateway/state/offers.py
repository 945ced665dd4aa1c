"""What the workers that are online can run, taken together. Pure."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import UnsetType

from buildfeed.names import Name
from buildfeed.presence import OfferedJob, Presence

MOST: Final = 1000
"""Jobs that are named: anybody who may publish a presence can make up 200."""


class Offers(msgspec.Struct, frozen=True):
    """The `jobs`, in order; `more` if there are others that are not named.

    `scripts` tells whether a worker of fake builds is online, which runs the script of a start.
    """

    jobs: tuple[OfferedJob, ...]
    scripts: bool
    more: bool


def offers(online: Iterable[Presence], is_for: Callable[[str], bool]) -> Offers:
    """Return what workers offer of the projects that `is_for` is true for.

    A job of several workers is one, with the parameters of all of them. A runner without a slot
    takes no start.
    """
    found: dict[tuple[str, str], dict[Name, None]] = {}
    scripts = more = False
    for presence in online:
        if not presence.slots:
            continue
        if isinstance(presence.jobs, UnsetType):
            scripts = True
            continue
        for offered in presence.jobs:
            key = offered.project, offered.job
            if not is_for(offered.project):
                continue
            if key not in found and len(found) >= MOST:
                more = True
            else:
                found.setdefault(key, {}).update(dict.fromkeys(offered.parameters))
    jobs = tuple(OfferedJob(*key, tuple(found[key])) for key in sorted(found))
    return Offers(jobs, scripts, more)
