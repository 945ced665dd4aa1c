"""A person at a terminal with a shell: types, and reads what is drawn."""

import os
import select
import subprocess
import termios
import time
from collections.abc import Mapping
from typing import Any, Self

PROMPT = "PROMPT> "


class Typist:
    """As a context: bash at a terminal of its own, with job control, until the end of the test."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        self._shell = subprocess.Popen(
            # --ctty: the terminal is the controlling one, whose keys send signals.
            ["setsid", "--ctty", "bash", "--norc", "--noprofile", "--noediting", "-i"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "PS1": PROMPT},
        )
        os.close(slave)
        self.drawn = ""
        self.until(PROMPT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._master)  # the terminal is closed: SIGHUP
        try:
            self._shell.wait(10)
        finally:
            self._shell.kill()

    @property
    def modes(self) -> list[Any]:
        """What `stty` shows and sets, as tcgetattr(3) returns it."""
        return termios.tcgetattr(self._master)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, text: str, seconds: float = 10) -> str:
        """Return what was drawn up to `text`, which is then read."""
        deadline = time.monotonic() + seconds
        while text not in self.drawn:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.drawn!r}"
            if select.select([self._master], [], [], left)[0]:
                self.drawn += os.read(self._master, 65536).decode("utf-8", "replace")
        found, _, self.drawn = self.drawn.partition(text)
        return found

    def run(self, line: str) -> str:
        """Type a line, and return what was drawn below it until the next prompt."""
        self.type(f"{line}\n")
        self.until("\r\n")
        return self.until(PROMPT)

    def resize(self, rows: int, columns: int) -> None:
        subprocess.run(
            ["stty", "rows", str(rows), "columns", str(columns)], stdin=self._master, check=True
        )
