"""What a gateway has to bear: its highest memory, its CPU time, its longest answer to /healthz."""

import os
import threading
import time
from pathlib import Path
from typing import Self

import httpx

from support.service import Web

MIB = 1024 * 1024
RESET_PEAK = "5"  # proc(5), clear_refs


class Vitals:
    """Watches a gateway meanwhile. `grown`: MiB that its highest memory is above that before."""

    def __init__(self, gateway: Web) -> None:
        self._gateway = gateway
        self._proc = Path(f"/proc/{gateway.pid}")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._probe, daemon=True)
        self.longest = 0.0
        """Seconds of the longest /healthz."""

    def __enter__(self) -> Self:
        (self._proc / "clear_refs").write_text(RESET_PEAK)
        self.before, self._cpu = self._memory("VmRSS"), self._cpu_seconds()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.highest, self.cpu = self._memory("VmHWM"), self._cpu_seconds() - self._cpu
        self.grown = self.highest - self.before

    def __str__(self) -> str:
        memory = f"{self.before:.0f} → {self.highest:.0f} MiB at most"
        return f"{memory}, {self.cpu:.1f} s CPU, longest /healthz {1000 * self.longest:.0f} ms"

    def _probe(self) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            client.get(f"{self._gateway.url}/healthz")
            while True:
                began = time.monotonic()
                client.get(f"{self._gateway.url}/healthz")
                self.longest = max(self.longest, time.monotonic() - began)
                if self._over.wait(0.01):
                    return

    def _memory(self, name: str) -> float:
        lines = (self._proc / "status").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
        return int(kib) * 1024 / MIB

    def _cpu_seconds(self) -> float:
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
