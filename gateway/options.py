"""The command line options that `buildfeed gateway` and `buildfeed up` share."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

import click

from gateway.access import hosts
from gateway.access.anonymous import ALL_INTERFACES, Anonymous, refusal
from gateway.access.proxies import Proxies

_LIMITS: Final = (
    # option, default, least, help
    (
        "max-connections",
        10_000,
        1,
        "Connections that a process may have open, WebSockets included.",
    ),
    ("max-per-address", 1000, 0, "How many of them one address may have; 0: no limit."),
    (
        *("idle-seconds", 125, 1),
        "Seconds that a connection is kept for a further request: longer than a proxy keeps it.",
    ),
    (
        *("starts-per-minute", 600, 1),
        "Builds that each project may start at once, and as many a minute from then on.",
    ),
    (
        *("starts-per-address", None, 0),
        "The same for each address, and for stops; 0: no limit.  [default: twice as many]",
    ),
    (
        *("starts-in-all", None, 0),
        "The same for all together; 0: no limit.  [default: ten times as many]",
    ),
    ("max-unfinished", 10_000, 0, "Builds that may be queued or running; 0: no limit."),
    (
        *("messages-per-second", 20, 1),
        "Messages that a client of socket.io may send a second; at once, those of 10 s.",
    ),
    ("questions-kib", 256, 16, "KiB of a client's `watch` that may wait for their answers."),
    ("unfetched-kib", 256, 16, "KiB of answers that may wait for a client that polls and asks on."),
    ("snapshot-queries", 4, 1, "Queries of the history for snapshots at a time; others wait."),
    ("head-seconds", 10, 1, "Seconds in which the head of a request has to arrive."),
    ("body-seconds", 30, 1, "Seconds in which the body of a request has to arrive."),
)

Command = TypeVar("Command", bound=Callable[..., Any])


def host(command: Command) -> Command:
    """Add `--host`, given to the command as `host`; an empty one is every interface's."""
    return click.option(
        "--host",
        envvar="BUILDFEED_HOST",
        default="127.0.0.1",
        show_default=True,
        callback=lambda _context, _option, value: value or ALL_INTERFACES,
        help="Address to listen on; with another than loopback say --anonymous too.",
    )(command)


def anonymous(command: Command) -> Command:
    """Add `--anonymous`, given to the command as `anonymous`; None when it is absent."""
    return click.option(
        "--anonymous",
        envvar="BUILDFEED_ANONYMOUS",
        type=click.Choice(get_args(Anonymous)),
        help="What everybody who reaches the port may do: read, start and stop every build (all), "
        "or nothing (none).  [default: all on loopback, else none]",
    )(command)


def check(host: str, anonymous: Anonymous | None) -> None:
    """Raise click.UsageError, one sentence of advice, if nobody may be served."""
    if sentence := refusal(host, anonymous):
        raise click.UsageError(sentence)


def origins(command: Command) -> Command:
    """Add `--origin`, given to the command as `origins`: a tuple, each as browsers write it."""
    return click.option(
        "--origin",
        "origins",
        envvar="BUILDFEED_ORIGINS",
        multiple=True,
        callback=_origins,
        help="Web origin (https://host) whose pages may watch and command; repeatable.",
    )(command)


def limits(command: Command) -> Command:
    """Add the limits of what clients may do; each is given by its own name, a whole number."""
    for name, default, least, help_ in reversed(_LIMITS):
        variable = f"BUILDFEED_{name.replace('-', '_').upper()}"
        command = click.option(
            f"--{name}",
            envvar=variable,
            default=default,
            show_default=default is not None,
            type=click.IntRange(least),
            help=help_,
        )(command)
    return command


def trusted_proxies(command: Command) -> Command:
    """Add `--trusted-proxy`, given to the command as `trusted_proxies`: a tuple."""
    return click.option(
        "--trusted-proxy",
        "trusted_proxies",
        envvar="BUILDFEED_TRUSTED_PROXIES",
        multiple=True,
        callback=_trusted_proxies,
        help="Address or network (10.0.0.0/8) of a proxy whose X-Forwarded-For is believed; "
        "repeatable.",
    )(command)


def _trusted_proxies(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        try:
            Proxies([value])
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is no address and no network: write it as 192.0.2.7 or 10.0.0.0/8."
            ) from None
    return values


def _origins(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(map(_origin, values))


def _origin(text: str) -> str:
    origin = hosts.origin(text.removesuffix("/"))
    if origin is None:
        raise click.BadParameter(
            f"{text!r} is no web origin: write what stands in the address bar before the path, "
            "as in https://builds.example or http://192.0.2.7:8000."
        )
    return str(origin)
