"""Where the parts of a `buildfeed up` are that runs on this machine. Linux only: it reads /proc."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from buildfeed import listeners
from buildfeed.doctor.places import Places

_MARK: Final = "BUILDFEED_UP"
"""The variable of all processes of one `up`."""


def places(folder: Path) -> Places | None:
    """Return the places of the `up` that runs in a data folder, None if none does.

    `up` gives them to its processes as variables.
    """
    try:
        pid = (folder / "up.lock").read_text().strip()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, UnicodeDecodeError):
        return None
    for child in children:
        told = _environment(child)
        if _MARK in told and "BUILDFEED_PORT" in told:
            host = listeners.reachable(told.get("BUILDFEED_HOST") or "127.0.0.1")
            shown = f"[{host}]" if ":" in host else host
            root = told.get("BUILDFEED_ROOT_PATH", "")
            return Places(
                mqtt_urls=(told["BUILDFEED_MQTT_URL"],) if "BUILDFEED_MQTT_URL" in told else (),
                amqp_url=told.get("BUILDFEED_AMQP_URL"),
                database_url=told.get("BUILDFEED_DATABASE_URL"),
                oidc_issuer=told.get("BUILDFEED_OIDC_ISSUER"),
                url=f"http://{shown}:{told['BUILDFEED_PORT']}{root}",
            )
    return None


def _environment(pid: str) -> Mapping[str, str]:
    with suppress(OSError):
        read = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        pairs = [os.fsdecode(each).partition("=") for each in read]
        return {name: value for name, _, value in pairs}
    return {}
