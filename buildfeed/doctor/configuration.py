"""The configuration of a RabbitMQ on this machine: what no protocol tells, read from its files."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from buildfeed.doctor.finding import Finding, fault, left_out, ok

_PROGRAM: Final = "beam.smp"
_DEFAULT_MS: Final = 1_800_000
_NEEDED_MS: Final = 86_400_000
"""As long as a build may take, unless --max-seconds says less."""
_SUBJECT: Final = "consumer_timeout"


def consumer_timeout(pid: str, files: Iterable[str]) -> Finding:
    """Return whether workers may take long, by the configuration `files` of the process `pid`."""
    text = _read(pid, files)
    if text is None:
        meaning = "only its own machine tells: rabbitmqctl environment | grep consumer_timeout"
        return left_out(_SUBJECT, f"{meaning}; it should be {_NEEDED_MS} (ms).")
    return timeout_verdict(text)


def timeout_verdict(text: str) -> Finding:
    """Return the finding about a configuration."""
    found = re.findall(r"^\s*consumer_timeout\s*=\s*(\S+)", text, re.MULTILINE)
    milliseconds = int(found[-1]) if found and found[-1].isdecimal() else _DEFAULT_MS
    if found and found[-1] in ("undefined", "false"):
        milliseconds = _NEEDED_MS
    meaning = f"a worker may take {milliseconds / 3_600_000:g} h for a build."
    if milliseconds >= _NEEDED_MS:
        return ok(_SUBJECT, meaning)
    advice = f"Set consumer_timeout = {_NEEDED_MS} in rabbitmq.conf: longer builds begin again."
    return fault(_SUBJECT, meaning, advice)


def _read(pid: str, files: Iterable[str]) -> str | None:
    """Return the text of the files as the process sees them; None where they cannot be read."""
    process = Path("/proc") / pid
    try:
        if not pid.isdecimal() or (process / "comm").read_text().strip() != _PROGRAM:
            return None  # it runs in a container, or elsewhere
        texts = []
        for name in files:
            inside = name.removeprefix("/proc/self/cwd/")
            here = process / ("root" if inside == name else "cwd") / inside.lstrip("/")
            if here.suffix == ".conf":
                texts.append(here.read_text("utf-8", "replace"))
    except OSError:
        return None
    return "\n".join(texts) if texts else None
