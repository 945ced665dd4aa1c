"""A browser's picture of all builds, through every restart of its gateway."""

from typing import Any, Self

import socketio

from buildfeed.activity import ENDINGS
from buildfeed.board import Key


class Picture:
    """Watches `builds/#` with the socket.io client, which reconnects by itself.

    `revived`: builds that were shown as not ended after they had been shown as ended.
    """

    def __init__(self, url: str) -> None:
        self.statuses: dict[Key, str] = {}
        self.revived: set[Key] = set()
        self._url = url
        self._client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self._client.on("build", self._draw)

    def __enter__(self) -> Self:
        # Over polling it refuses more than 16 events at a time, as there are in a snapshot.
        auth = {"watch": "builds/#"}
        self._client.connect(self._url, auth=auth, transports=["websocket"], retry=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def _draw(self, body: dict[str, Any]) -> None:
        key, status = (body["project"], body["build"]), body["status"]
        if self.statuses.get(key) in ENDINGS and status not in ENDINGS:
            self.revived.add(key)
        self.statuses[key] = status
