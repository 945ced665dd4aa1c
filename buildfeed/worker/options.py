"""The command line options of every command that is a worker, whatever it runs."""

import secrets
import socket
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from buildfeed import names
from buildfeed.broker.options import Seconds, amqp_url, log_level, mqtt_url
from buildfeed.errors import InvalidName
from buildfeed.history.options import database_url
from buildfeed.worker.limits import Limits
from buildfeed.worker.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_LONGEST: Final = 31_536_000
"""Seconds of a year: more than any of these needs."""


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str:
    """Return `name`, or without one a name of this process alone."""
    if name is None:
        return names.worker_name(socket.gethostname(), secrets.token_hex(4))
    try:
        return names.check("worker", name)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc


_OPTIONS: Final = (
    mqtt_url,
    amqp_url,
    database_url,
    click.option(
        "--name",
        envvar="BUILDFEED_NAME",
        callback=_name,
        help="Name of this worker, its own. [default: host name and random digits]",
    ),
    click.option(
        "--concurrency",
        envvar="BUILDFEED_CONCURRENCY",
        default=2,
        show_default=True,
        type=click.IntRange(1, 1000),
        help="Builds at a time.",
    ),
    click.option(
        "--max-attempts",
        envvar="BUILDFEED_MAX_ATTEMPTS",
        default=10,
        show_default=True,
        type=click.IntRange(1),
        help="A build fails when it is begun once more than this.",
    ),
    click.option(
        "--max-seconds",
        envvar="BUILDFEED_MAX_SECONDS",
        default=86_400.0,
        show_default=True,
        type=Seconds(0, _LONGEST, min_open=True),
        help="A build fails when it takes longer.",
    ),
    click.option(
        "--max-lag",
        envvar="BUILDFEED_MAX_LAG",
        default=0.5,
        show_default=True,
        type=Seconds(0, _LONGEST, min_open=True),
        help="Takes no further build while its event loop is late by more seconds.",
    ),
    click.option(
        "--drain-seconds",
        envvar="BUILDFEED_DRAIN_SECONDS",
        default=10.0,
        show_default=True,
        type=Seconds(0, _LONGEST),
        help="How long a stopping worker lets its builds end before it hands them back. "
        "Without RabbitMQ it does not wait: it takes them up again when it starts.",
    ),
    log_level,
)


def worker(command: Command) -> Command:
    """Add every option of a worker; `settings` takes the values that click gives."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings(
    *,
    concurrency: int,
    max_attempts: int,
    max_seconds: float,
    max_lag: float,
    amqp_url: str | None,
    database_url: str,
    **given: Any,  # noqa: ANN401 - click names and types them
) -> Settings:
    """Return the settings that the options of the running command say."""
    # Most installations let workers reach the broker alone: beside RabbitMQ, a worker asks the
    # history only when it was told where it is.
    reachable = amqp_url is None or _was_given("database_url")
    return Settings(
        amqp_url=amqp_url,
        database_url=database_url if reachable else None,
        slots=concurrency,
        limits=Limits(max_attempts=max_attempts, max_seconds=max_seconds, max_lag=max_lag),
        **given,
    )


def _was_given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not click.core.ParameterSource.DEFAULT
