"""Where the broker of a `buildfeed up` is that runs here, for other commands on this machine.

`up` says so in a file of its folder while it runs. The file has a login, so only its owner can read
it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from buildfeed.machine.folder import FolderUnusable

FOLDER: Final = ".buildfeed"
"""The folder of `up`, unless somebody names another."""
_FILE: Final = "up.json"


class Here(msgspec.Struct, frozen=True):
    """A broker at `mqtt_url`, and the `page` of the gateway."""

    mqtt_url: str
    page: str


@contextmanager
def told(folder: Path, here: Here) -> Iterator[None]:
    """Tell it in the folder of an `up` as long as the context lasts; raises FolderUnusable."""
    path = folder / _FILE
    written = path.with_suffix(".new")
    try:
        written.unlink(missing_ok=True)
        opened = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(msgspec.json.encode(here))
        written.rename(path)  # whole or not at all
    except OSError as exc:
        raise FolderUnusable(folder, f"{_FILE}: {exc.strerror or exc}") from exc
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def find(start: Path) -> Here | None:
    """Return what an `up` says in the folder of `start` or of one above, None without one."""
    for folder in (start, *start.parents):
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((folder / FOLDER / _FILE).read_bytes(), type=Here)
    return None
