"""A process of `up` that is told to end."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from buildfeed.cli.process import Process


@pytest.mark.parametrize(("stop_seconds", "ends"), [(0.2, False), (30.0, True)])
async def test_it_has_its_own_time_to_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
    stop_seconds: float,
    *,
    ends: bool,
) -> None:
    program = tmp_path / "slow"
    program.write_text(
        f"#!/bin/sh\ntrap 'sleep 1; touch {tmp_path}/ended; exit' TERM\n"
        f"touch {tmp_path}/runs\nwhile :; do sleep 0.05; done\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    process = Process("worker", dict(os.environ), stop_seconds)
    running = asyncio.create_task(process.run())
    await asyncio.to_thread(eventually, (tmp_path / "runs").exists)
    await process.stop()
    await running
    assert (tmp_path / "ended").exists() is ends
