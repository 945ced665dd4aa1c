"""The inbox: work that other threads hand to the thread of a link.

State that one thread alone touches needs no lock. Other threads post functions, and that thread
runs them between two waits for the network. One byte through a pair of sockets ends such a wait.
"""

import socket
import threading
from collections.abc import Callable
from typing import Final

Work = Callable[[], None]

_ONE_BYTE: Final = b"\0"


class Inbox:
    """Posted functions, in order, for the one thread that calls `run`.

    `waker` is readable while there is work: register it in the selector of that thread.
    """

    def __init__(self) -> None:
        self.waker, self._signal = socket.socketpair()
        self._lock = threading.Lock()
        self._posted = threading.Event()
        self._works: list[Work] = []
        self._closed = False

    def post(self, work: Work) -> bool:
        """Have `work` run soon, from any thread; return False if the inbox is closed."""
        with self._lock:
            if self._closed:
                return False
            self._works.append(work)
            if not self._posted.is_set():
                self._posted.set()
                self._signal.send(_ONE_BYTE)
        return True

    def run(self) -> None:
        """Run all posted work, without waiting for more.

        When one raises, so does this; the others are run the next time.
        """
        if not self._posted.is_set():
            return
        with self._lock:
            works, self._works = self._works, []
            self._posted.clear()
            self.waker.recv(1)
        works.reverse()
        try:
            while works:
                works.pop()()
        finally:
            if works:
                self._put_back(works[::-1])

    def _put_back(self, works: list[Work]) -> None:
        with self._lock:
            self._works[:0] = works
            if not self._posted.is_set():
                self._posted.set()
                self._signal.send(_ONE_BYTE)

    def wait(self, seconds: float) -> None:
        """Return when there is work, at the latest after `seconds`."""
        self._posted.wait(seconds)

    def close(self) -> None:
        """Refuse work from now on; run the work posted before."""
        with self._lock:
            self._closed = True
        self.run()
        self.waker.close()
        self._signal.close()
