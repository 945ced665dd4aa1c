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

from buildfeed.machine.folder import is_held, write

FOLDER: Final = ".buildfeed"
"""The folder of `up`, unless somebody names another."""
LOCK: Final = "up.lock"
"""The file in it that `up` holds."""
_FILE: Final = "up.json"


class Here(msgspec.Struct, frozen=True):
    """A broker at `mqtt_url`, and the `page` of the gateway."""

    mqtt_url: str
    page: str


@contextmanager
def told(folder: Path, here: Here) -> Iterator[None]:
    """Tell it in the folder of an `up` as long as the context lasts; raises FolderUnusable."""
    path = folder / _FILE
    write(path, msgspec.json.encode(here).decode())
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def find(start: Path) -> Here | None:
    """Return what an `up` of ours says in the folder of `start` or of one above, None without one.

    One that was killed left its file. A file of somebody else, as below /tmp, would send the output
    of a build to a broker of theirs.
    """
    for folder in (start, *start.parents):
        with suppress(OSError, msgspec.MsgspecError):
            path = folder / FOLDER / _FILE
            if path.lstat().st_uid == os.getuid() and is_held(path.with_name(LOCK)):
                return msgspec.json.decode(path.read_bytes(), type=Here)
    return None
