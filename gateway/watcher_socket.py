"""The WebSocket of a watcher, as uvicorn serves it."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.drain import Drain


class WatcherSocket(WebSocketsSansIOProtocol):
    """A WebSocket that its server, when it stops, closes in its turn of the drain."""

    def shutdown(self) -> None:
        """Close with 1012, “service restart” (IANA, after RFC 6455 §7.4), a moment later."""
        drain: Drain = self.app_state["drain"]
        self.loop.call_later(drain.moment(len(self.connections)), self._close)

    def _close(self) -> None:
        if not self.disconnected:
            super().shutdown()
