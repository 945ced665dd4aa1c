"""What a process leaves behind that was ended."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

from buildfeed.broker.local import ports
from buildfeed.machine import marked
from support.service import Web, until


class Ending:
    """The life of a command, and what is left after it; its temporary files are in `temporary`."""

    def __init__(self, web: Web, temporary: Path) -> None:
        self.web = web
        self._temporary = temporary

    def processes(self) -> Iterator[int]:
        """Those that inherited its environment, and those of its RabbitMQ."""
        folder = self.web.options["data_dir"]
        yield from marked.processes(f"BUILDFEED_DATA_DIR={folder}")
        yield from marked.processes(f"BUILDFEED_RABBITMQ={folder}/rabbitmq")

    def run_for(self, seconds: float) -> None:
        """Go on after so many seconds, or when it has ended."""
        assert self.web._process
        with suppress(subprocess.TimeoutExpired):
            self.web._process.wait(seconds)

    def strike(self, number: int, random: Random) -> str:
        """Send a signal to one of its processes, and a while later to the first; return whom."""
        victim = random.choice([self.web.pid, *self.processes()])
        whom = _name(victim)
        for pid in (victim, self.web.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            self.run_for(1.5)
        return whom

    def left(self) -> list[str]:
        found = [_name(pid) for pid in self.processes()]
        found += [str(path) for path in self._temporary.glob("buildfeed-*")]
        listens = [int(v) for k, v in self.web.options.items() if k in ("port", "mqtt_port")]
        return found + [f"port {port}" for port in listens if not ports.is_free(port)]

    def check(self, what: str) -> None:
        """Nothing is left, soon after it has ended."""
        assert self.web._process
        self.web._process.wait(30)
        try:
            until(lambda: not self.left(), "nothing is left", 30)
        except AssertionError:
            raise AssertionError(f"{what}: left {self.left()}\n{self.web.text}") from None
        # Python says so itself when it is interrupted before it has come to our code, or when a
        # process of `multiprocessing` finds that who began it is gone.
        before_ours = any(each in self.web.text for each in ("runpy", "in spawn_main"))
        of_ours = "Traceback" in self.web.text and not before_ours
        assert not of_ours, f"{what}\n{self.web.text}"


def _name(pid: int) -> str:
    with suppress(OSError):
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_text()}".replace("\0", " ")
    return str(pid)
