"""A slow network: what Chromium's DevTools emulate, and a proxy that delays the bytes themselves.

DevTools delay each answer, and neither handshakes nor workers. The proxy delays everything by half
of a round trip in each direction, handshakes of TCP by a whole one, and lets so many bytes through.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from browser.chromium import Watched
from browser.site import free_port

ROUND_TRIP = 0.15
DOWN = 1.6e6 / 8
UP = 750e3 / 8
_CHUNK = 4096

EMULATED = {
    "offline": False,
    "latency": ROUND_TRIP * 1000,
    "downloadThroughput": DOWN,
    "uploadThroughput": UP,
}


def emulate(watched: Watched) -> None:
    """Slow the network of a page down, as DevTools do."""
    watched.devtools.send("Network.enable")
    watched.devtools.send("Network.emulateNetworkConditions", EMULATED)


class _Pipe:
    """One direction of the proxy: all connections share its bandwidth."""

    def __init__(self, bytes_a_second: float) -> None:
        self._rate = bytes_a_second
        self._free_at = 0.0

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await queue.get()
                await asyncio.sleep(max(0.0, at - loop.time()))
                if not data:
                    sink.close()
                    return
                sink.write(data)

        delivery = asyncio.create_task(deliver())
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                self._free_at = max(self._free_at, loop.time()) + len(data) / self._rate
                queue.put_nowait((self._free_at + ROUND_TRIP / 2, data))
        queue.put_nowait((loop.time() + ROUND_TRIP / 2, b""))
        with contextlib.suppress(OSError):
            await delivery


@contextmanager
def slow_proxy(target: int) -> Iterator[int]:
    """Run the proxy in front of a port of this machine; yield its own port."""
    loop = asyncio.new_event_loop()
    port = free_port()
    down, up = _Pipe(DOWN), _Pipe(UP)

    async def serve(near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        await asyncio.sleep(ROUND_TRIP)  # the handshake
        far, far_out = await asyncio.open_connection("127.0.0.1", target)
        with contextlib.suppress(asyncio.CancelledError):  # the proxy ends
            await asyncio.gather(up.carry(near, far_out), down.carry(far, near_out))

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(serve, "127.0.0.1", port)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(5)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
