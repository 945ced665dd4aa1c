"""The command line options of every process that talks to a broker."""

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

import click

Command = TypeVar("Command", bound=Callable[..., Any])

LEVELS: Final = ("debug", "info", "warning", "error")
_AMQP_NUMBERS: Final = (
    *("blocked_connection_timeout", "channel_max", "connection_attempts", "frame_max"),
    *("heartbeat", "retry_delay", "socket_timeout", "stack_timeout"),
)
_AMQP_QUERY: Final = (*_AMQP_NUMBERS, "client_properties", "locale", "ssl_options", "tcp_options")
"""What pika reads in the query of a URL; it ignores anything else."""


class Seconds(click.FloatRange):
    """A number of seconds from `min` to `max`; `nan`, which passes every range, is none."""

    name = "seconds"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return it; raise click.BadParameter for what is outside."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number


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
    return (
        None if value is None else valid_url("mqtt" if option.name == "mqtt_url" else "amqp", value)
    )


def valid_url(protocol: str, value: str) -> str:
    """Return a URL of `mqtt` or `amqp`; raise click.BadParameter if it is wrong."""
    text = value.strip()
    try:
        parts = urlsplit(text)
        valid = (
            parts.scheme in (protocol, f"{protocol}s")
            and bool(parts.hostname)
            and parts.port != 0
            and text.isprintable()
            and not any(map(str.isspace, text))
        )
    except ValueError:
        valid = False
    if not valid:
        # The value is not quoted: it may contain a password.
        raise click.BadParameter(
            f"it is not {protocol}://user:password@host:port (in a user or a password, "
            "write / as %2F, # as %23, @ as %40)."
        )
    if more := _unread(protocol, parts):
        raise click.BadParameter(f"its {more} means nothing here: leave it out.")
    return text


def _unread(protocol: str, parts: SplitResult) -> str | None:
    """Return what of a URL would be ignored, None when nothing would."""
    if parts.fragment:
        return "part behind #"
    if protocol == "mqtt":
        if parts.path not in ("", "/"):
            return "path"
        return "query" if parts.query else None
    for name, number in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _AMQP_QUERY or (name in _AMQP_NUMBERS and not _is_number(number)):
            return f"query {name[:40]!r}"
    return None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and text.isascii()
