"""A browser's picture of all builds, through every restart of its gateway."""

import threading
from typing import Any, Self

import socketio

from buildfeed.activity import ENDINGS, Key


class Picture:
    """Watches `builds/#` with the socket.io client, which reconnects by itself.

    `revived`: builds that ran again in an event newer than their ending. The client handles each
    event in a thread of its own, so `attempt` and `seq` tell which is newer.
    """

    def __init__(self, url: str) -> None:
        self.statuses: dict[Key, str] = {}
        self._places: dict[Key, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self.revived: set[Key] = set()
        self._url = url
        self._client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self._client.on("build", self._draw)

    def __enter__(self) -> Self:
        # By polling the client takes at most 16 events at a time, and a snapshot has more.
        auth = {"watch": "builds/#"}
        self._client.connect(self._url, auth=auth, transports=["websocket"], retry=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def _draw(self, body: dict[str, Any]) -> None:
        key, status = (body["project"], body["build"]), body["status"]
        place = body["attempt"], body["seq"]
        with self._lock:
            before, known = self.statuses.get(key), self._places.get(key, place)
            if before in ENDINGS and status not in ENDINGS:
                if place > known:
                    self.revived.add(key)
            elif (before in ENDINGS) is not (status in ENDINGS) or place >= known:
                self.statuses[key], self._places[key] = status, place
