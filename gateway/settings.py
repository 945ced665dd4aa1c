"""What a gateway process can be told; built once, in `__main__`."""

from pathlib import Path
from typing import Final

import msgspec

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Of one socket.io message from a watcher."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `buildfeed gateway`.

    Without `amqp_url` commands travel by MQTT, as the embedded default has it. `origins` are
    web origins allowed besides the gateway's own, `starts_per_minute` is what each project may.
    `workers` processes share the port and, if they are several, the directory `shared`.
    `backlog_kib` may wait for one watcher; who takes nothing for `stuck_seconds` is closed.
    """

    mqtt_url: str
    amqp_url: str | None
    database_url: str
    host: str
    port: int
    origins: tuple[str, ...] = ()
    starts_per_minute: int = 600
    workers: int = 1
    drain_seconds: float = 3.0
    shared: Path | None = None
    backlog_kib: int = 256
    stuck_seconds: int = 30
