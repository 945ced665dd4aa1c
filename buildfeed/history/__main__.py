"""`buildfeed recorder`: options → store → recorder; signals."""

import logging
import sys
from typing import Final

import click

from buildfeed.broker.options import log_level, mqtt_url
from buildfeed.errors import BuildfeedError, InvalidName, NameTaken
from buildfeed.history.kept_output import GIB, MIB, Bounds
from buildfeed.history.options import database_url, keep, recorder_lock
from buildfeed.history.recorder import Recorder
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from buildfeed.log import configure
from buildfeed.machine import core_dumps, signals
from buildfeed.machine.folder import FolderHeld, FolderLock, FolderUnusable
from buildfeed.machine.open_files import raise_limit
from buildfeed.names import check

log = logging.getLogger("buildfeed.history")

_PREFIX: Final = "recorder"
_ADVICE: Final = "end it first, or give this one a --recorder-id of its own"
_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks whether the threads are alive."""


def _recorder_id(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        check("recorder", value)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc
    if not value.startswith(_PREFIX):
        # Our RabbitMQ configuration limits every other session, and drops its oldest messages.
        raise click.BadParameter(f"it has to start with {_PREFIX!r}.")
    return value


@click.command("recorder")
@mqtt_url
@database_url
@click.option(
    "--recorder-id",
    envvar="BUILDFEED_RECORDER_ID",
    default=_PREFIX,
    show_default=True,
    callback=_recorder_id,
    help="Name of the session that the broker keeps for this recorder alone.",
)
@keep
@log_level
def main(
    *,
    mqtt_url: str,
    database_url: str,
    recorder_id: str,
    keep_days: int,
    keep_builds: int,
    keep_log_mib: int,
    keep_logs_gib: float,
    abandon_after: float,
    log_level: str,
) -> None:
    """Keep the history."""
    configure(log_level)
    asked = signals.Asked()
    lock = recorder_lock(database_url, recorder_id, _ADVICE)
    try:
        core_dumps.forbid()
        raise_limit()
        if lock:
            lock.take()
        store = Store(database_url, Bounds(keep_log_mib * MIB))
        keep_all = Keep(keep_days, keep_builds, int(keep_logs_gib * GIB))
        retention = Retention(database_url, keep_all)
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc
    recorder = Recorder(store, mqtt_url, recorder_id=recorder_id, abandon_after=abandon_after)
    recorder.start()
    retention.start()
    ready = False
    while (
        recorder.alive
        and retention.alive
        and not recorder.id_taken
        and not asked.wait(_LOOK_SECONDS)
    ):
        if recorder.up and not ready:
            log.info("recorder.ready", extra={"id": recorder_id})
            ready = True
        if lock:
            _renew(lock)
    failed = not (recorder.alive and retention.alive)
    retention.stop()
    recorder.stop()
    store.close()
    if recorder.id_taken:
        raise click.ClickException(str(NameTaken("recorder", recorder_id, "--recorder-id")))
    sys.exit(failed)


def _renew(lock: FolderLock) -> None:
    """Take the lock again if its folder was removed; end if another recorder has it now."""
    try:
        lock.renew()
    except FolderUnusable:
        pass  # until the folder can be made again
    except FolderHeld as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
