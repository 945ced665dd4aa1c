"""How much of this machine other programs take while a figure is taken: it explains odd figures."""

import os
import time
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")


class Others:
    """Within its context it watches the processors; `share` is what others took of all of them."""

    share = 0.0

    def __enter__(self) -> Self:
        self._began, self._busy, self._ours = time.monotonic(), _busy(), ours()
        return self

    def __exit__(self, *_: object) -> None:
        took = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        others = _busy() - self._busy - (ours() - self._ours)
        self.share = max(0.0, others / took)


def ours() -> float:
    """Return the CPU seconds of this process and of all below it, ended ones too."""
    parents, seconds = {}, {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            fields = (each / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        parents[int(each.name)] = int(fields[1])
        seconds[int(each.name)] = sum(map(int, fields[11:15])) / _TICK  # with ended children
    return sum(seconds[pid] for pid in parents if _is_ours(pid, parents))


def _is_ours(pid: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid]
    return pid == os.getpid()


def _busy() -> float:
    user, nice, system = Path("/proc/stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / _TICK
