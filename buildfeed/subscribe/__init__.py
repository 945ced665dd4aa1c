"""Subscriber apps: a function that is called for each activity of a topic, and loses none.

    from buildfeed.subscribe import Change, subscribe

    def tell(change: Change) -> None:
        if change.ended:
            print(change.build.project, change.build.build, change.build.status)

    subscribe("mqtt://USER:PASSWORD@HOST:1883", "builds/acme/#", tell, app="tell")

`docs/subscribing.md` is the tutorial, and says what is promised.
"""

from buildfeed.subscribe.address import InvalidAddress
from buildfeed.subscribe.change import Change
from buildfeed.subscribe.endpoint import Endpoint, InvalidEndpoint
from buildfeed.subscribe.memory import MemoryUnusable
from buildfeed.subscribe.program import subscribe
from buildfeed.subscribe.subscriber import SetAside, TryLater

__all__ = [
    "Change",
    "Endpoint",
    "InvalidAddress",
    "InvalidEndpoint",
    "MemoryUnusable",
    "SetAside",
    "TryLater",
    "subscribe",
]
