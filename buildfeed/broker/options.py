"""The command line options of every process that talks to a broker."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

Command = TypeVar("Command", bound=Callable[..., Any])

LEVELS: Final = ("debug", "info", "warning", "error")


def mqtt_url(command: Command) -> Command:
    """Add `--mqtt-url`, given to the command as `mqtt_url`."""
    return click.option(
        "--mqtt-url",
        envvar="BUILDFEED_MQTT_URL",
        default="mqtt://127.0.0.1:1883",
        show_default=True,
        callback=check_url,
        help="The broker's MQTT address: mqtt://user:password@host:port, or mqtts:// for TLS.",
    )(command)


def amqp_url(command: Command) -> Command:
    """Add `--amqp-url`, given to the command as `amqp_url`; None when it is absent."""
    return click.option(
        "--amqp-url",
        envvar="BUILDFEED_AMQP_URL",
        callback=check_url,
        help="The broker's AMQP address: amqp://user:password@host:port/vhost, or amqps:// for "
        "TLS. Without it commands travel by MQTT, and the queue is the history.",
    )(command)


def log_level(command: Command) -> Command:
    """Add `--log-level`, given to the command as `log_level`."""
    return click.option(
        "--log-level",
        envvar="BUILDFEED_LOG_LEVEL",
        default="info",
        show_default=True,
        type=click.Choice(LEVELS, case_sensitive=False),
        help="The least important log lines to write.",
    )(command)


def check_url(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Return the value of `--mqtt-url` or `--amqp-url`; raise click.BadParameter if it is wrong."""
    if value is None:
        return None
    protocol = "mqtt" if option.name == "mqtt_url" else "amqp"
    try:
        parts = urlsplit(value)
        valid = parts.scheme in (protocol, f"{protocol}s") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        # The value is not quoted: it may contain a password.
        raise click.BadParameter(f"it is not {protocol}://user:password@host:port.")
    return value
