"""Work that other threads hand to the thread of a link."""

import socket
import threading
from collections.abc import Callable
from typing import Final

Work = Callable[[], None]

_ONE_BYTE: Final = b"\0"


class Inbox:
    """What is posted from any thread is run by one, in order, so that its state needs no lock.

    `waker` becomes readable when there is something to run: it belongs in that thread's selector.
    """

    def __init__(self) -> None:
        self.waker, self._signal = socket.socketpair()
        self._lock = threading.Lock()
        self._posted = threading.Event()
        self._works: list[Work] = []
        self._closed = False

    def post(self, work: Work) -> bool:
        """Have `work` run soon; False once the inbox is closed: then it never will be."""
        with self._lock:
            if self._closed:
                return False
            self._works.append(work)
            if not self._posted.is_set():
                self._posted.set()
                self._signal.send(_ONE_BYTE)
        return True

    def run(self) -> None:
        """Run everything that was posted, without waiting."""
        if not self._posted.is_set():
            return
        with self._lock:
            works, self._works = self._works, []
            self._posted.clear()
            self.waker.recv(1)
        for work in works:
            work()

    def wait(self, seconds: float) -> None:
        """Return when something is there to run, at the latest after `seconds`."""
        self._posted.wait(seconds)

    def close(self) -> None:
        """Take no more work; what was posted before is run here."""
        with self._lock:
            self._closed = True
        self.run()
        self.waker.close()
        self._signal.close()
