"""The command line options that `buildfeed gateway` and `buildfeed up` share."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import click
import idna

from buildfeed.errors import CannotListen, InvalidGrant
from buildfeed.grants import Grants
from buildfeed.history import tokens
from gateway.access import hosts, paths, proxies
from gateway.access.anonymous import ALL_INTERFACES, decided, is_loopback, parse, refusal
from gateway.access.token_entries import InvalidTokens
from gateway.access.token_file import read
from gateway.broker_address import BrokerAddress
from gateway.oidc.settings import Oidc

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
        *("max-per-principal", 1000, 0),
        "How many WebSockets, streams and sessions that poll one principal has; 0: no limit.",
    ),
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
        *("starts-per-principal", None, 0),
        "The same for each principal, and for stops; 0: no limit.  [default: twice as many]",
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

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
_BROKER_AUTH: Final = "broker_auth", "broker_auth_secret", "management_url"

Command = TypeVar("Command", bound=Callable[..., Any])

_NO_PAGES: Final = ("about", "amqp", "amqps", "blob", "data", "file", "ftp", "mqtt", "mqtts")
"""Schemes of addresses whose pages, if any, send no origin."""
_MISSPELT: Final = re.compile(r"h?t+p*s*|h+t*p+s*|h+t+s+")
"""What looks like http or https, and is neither."""


def host(command: Command) -> Command:
    """Add `--host`, given to the command as `host`; an empty one is every interface's."""
    return click.option(
        "--host",
        envvar="BUILDFEED_HOST",
        default="127.0.0.1",
        show_default=True,
        callback=_host,
        help="Address to listen on; with another than loopback say --anonymous too.",
    )(command)


def anonymous(command: Command) -> Command:
    """Add `--anonymous`, given to the command as `anonymous`: Grants, None when it is absent."""
    return click.option(
        "--anonymous",
        envvar="BUILDFEED_ANONYMOUS",
        metavar="none|viewer|all|GRANT...",
        callback=_anonymous,
        help="What everybody may do who reaches the port, without a token: nothing (none), watch "
        "every build (viewer), everything (all), or what the named grants say.  "
        "[default: all on loopback, else none]",
    )(command)


def token_file(command: Command) -> Command:
    """Add `--tokens`, given to the command as `tokens`: the path of a file that was read once."""
    return click.option(
        "--tokens",
        envvar="BUILDFEED_TOKENS",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_token_file,
        help="File of tokens (TOML), read again when it changes, besides those of `buildfeed "
        "token add`.",
    )(command)


def check(
    host: str,
    anonymous: Grants | None,
    database_url: str,
    token_file: Path | None,
    oidc: Oidc | None,
) -> Grants:
    """Return what everybody may do.

    Raises click.UsageError, one sentence of advice, if others may come and nobody has decided. A
    file of tokens is a decision, and so is an OpenID provider.
    """
    undecided = anonymous is None and not is_loopback(host)
    decided_so = token_file is not None or oidc is not None
    has_tokens = undecided and (decided_so or tokens.any_is_good(database_url))
    if sentence := refusal(host, anonymous, has_tokens=has_tokens):
        raise click.UsageError(sentence)
    return decided(host, anonymous)


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


def broker_auth(command: Command) -> Command:
    """Add the options of logins by token at RabbitMQ, given by their own names.

    `broker_auth` is a host and a port, or None; the others are texts, empty when they are absent.
    """
    for option in (
        click.option(
            "--management-url",
            envvar="BUILDFEED_MANAGEMENT_URL",
            default="",
            callback=_management_url,
            help="RabbitMQ's management API, http://user:password@host:15672 of an administrator, "
            "which closes the connections of tokens that were revoked.",
        ),
        click.option(
            "--broker-auth-secret",
            envvar="BUILDFEED_BROKER_AUTH_SECRET",
            default="",
            callback=_secret,
            help="What is in the paths that RabbitMQ asks at; best as the variable, since others "
            "may see a command line.",
        ),
        click.option(
            "--broker-auth",
            envvar="BUILDFEED_BROKER_AUTH",
            metavar="HOST:PORT",
            callback=_address,
            help="Where RabbitMQ, and nobody else, asks about those who log in with a token.",
        ),
    ):
        command = option(command)
    return command


def check_broker_auth(given: Mapping[str, object]) -> None:
    """Raise click.UsageError if only some of the options of logins at RabbitMQ are given."""
    missing = [name for name in _BROKER_AUTH if not given[name]]
    if 0 < len(missing) < len(_BROKER_AUTH):
        option = f"--{missing[0].replace('_', '-')}"
        raise click.UsageError(
            f"Logins by token at RabbitMQ need {option} too: --broker-auth, --broker-auth-secret "
            "and --management-url belong together."
        )
    if (address := given["broker_auth"]) and cast(tuple[str, int], address)[1] == given["port"]:
        raise click.UsageError("--port and the port of --broker-auth are the same: choose two.")


def mqtt_public_urls(command: Command) -> Command:
    """Add `--mqtt-public-url`, given to the command as `mqtt_public_urls`: a tuple."""
    return click.option(
        "--mqtt-public-url",
        "mqtt_public_urls",
        envvar="BUILDFEED_MQTT_PUBLIC_URLS",
        multiple=True,
        callback=_mqtt_public_urls,
        help="Address at which phones reach the broker, for the page `/phone`: "
        "mqtts://broker.example:8883 or wss://broker.example/mqtt; repeatable.",
    )(command)


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


def tls(command: Command) -> Command:
    """Add `--tls-cert` and `--tls-key`, given to the command as `tls_cert` and `tls_key`: paths."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for name, what in (("key", "Its private key"), ("cert", "Certificate for https")):
        command = click.option(
            f"--tls-{name}",
            envvar=f"BUILDFEED_TLS_{name.upper()}",
            type=file,
            help=f"{what}, a file in PEM, read again when it changes.  [default: none]",
        )(command)
    return command


def tokens_by_http(command: Command) -> Command:
    """Add `--tokens-by-http`, given to the command as `tokens_by_http`."""
    return click.option(
        "--tokens-by-http",
        envvar="BUILDFEED_TOKENS_BY_HTTP",
        is_flag=True,
        help="Take tokens from other machines by http too, where everybody on the way reads them.",
    )(command)


def check_tls(cert: Path | None, key: Path | None, workers: int) -> None:
    """Raise click.UsageError, one sentence of advice, if TLS is not possible that way."""
    if bool(cert) != bool(key):
        missing = "--tls-key" if cert else "--tls-cert"
        raise click.UsageError(f"A certificate and its key go together: say {missing} too.")
    if cert and workers > 1:
        raise click.UsageError(
            "One process speaks TLS by itself: for several put a proxy with TLS in front, and "
            "leave out --tls-cert and --tls-key."
        )


def root_path(command: Command) -> Command:
    """Add `--root-path`, given to the command as `root_path`: empty, or as `/ci`."""
    return click.option(
        "--root-path",
        envvar="BUILDFEED_ROOT_PATH",
        default="",
        callback=_root_path,
        help="Path below which a proxy serves Buildfeed, as in /ci; with or without it in requests "
        "of the proxy.  [default: none]",
    )(command)


def cannot_listen(
    exc: CannotListen, broker_auth: tuple[str, int] | None = None
) -> click.ClickException:
    """Return the error of a command whose server cannot listen; it says what to do."""
    if (exc.host, exc.port) == broker_auth:
        return click.ClickException(f"{exc} Choose another address with --broker-auth.")
    if exc.taken:
        return click.ClickException(
            f"Port {exc.port} is taken: choose another with --port or PORT=."
        )
    return click.ClickException(f"{exc} Choose another address with --host.")


def _host(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Return an address as the kernel writes it, or a name as a Host header does."""
    if not value:
        return ALL_INTERFACES
    zone = value.strip("[]").partition("%")[2]
    found = hosts.host(_ascii(value))
    if found is None or found.port is not None:
        raise click.BadParameter(
            f"{value!r} is no address to listen on: write it as 127.0.0.1, ::1 or builds.example, "
            "and its port as --port."
        )
    return f"{found.unmapped}%{zone}" if zone else found.unmapped


def _trusted_proxies(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(map(_trusted_proxy, values))


def _trusted_proxy(text: str) -> str:
    try:
        return str(proxies.network(text))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no address and no network of a proxy: write it as 192.0.2.7 or "
            "10.0.0.0/8; every address is 0.0.0.0/0 and ::/0."
        ) from None


def _mqtt_public_urls(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[BrokerAddress, ...]:
    return tuple(map(_mqtt_public_url, values))


def _mqtt_public_url(text: str) -> BrokerAddress:
    try:
        return BrokerAddress.parse(_ascii(text))
    except ValueError:  # it is not quoted: it may have a password
        raise click.BadParameter(
            "it is no address of MQTT: write it as mqtts://broker.example:8883 or "
            "wss://broker.example/mqtt, without a user and a password."
        ) from None


def _origins(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(map(_origin, values))


def _origin(text: str) -> str:
    origin = hosts.origin(_ascii(text.strip().removesuffix("/")))
    if origin is None or origin.scheme in _NO_PAGES or _is_misspelt(origin.scheme):
        raise click.BadParameter(
            f"{text!r} is no web origin: write what stands in the address bar before the path, "
            "as in https://builds.example or http://192.0.2.7:8000; each origin by itself, "
            "without wildcards."
        )
    return str(origin)


def _is_misspelt(scheme: str) -> bool:
    return scheme not in ("http", "https") and _MISSPELT.fullmatch(scheme) is not None


def _anonymous(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> Grants | None:
    try:
        return None if value is None else parse(value)
    except InvalidGrant as exc:
        raise click.BadParameter(str(exc)) from exc


def _token_file(
    _context: click.Context, _option: click.Parameter, value: Path | None
) -> Path | None:
    if value is None:
        return None
    try:
        read(value)
    except InvalidTokens as exc:
        raise click.BadParameter(f"{str(value)!r}: {exc.reason}.") from exc
    return value.absolute()


def _root_path(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        return paths.root(value)
    except ValueError as exc:
        raise click.BadParameter(
            f"{value!r} is no path to be served below: {exc}, as in /ci."
        ) from exc


def _address(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    found = hosts.host(_ascii(value)) if value else None
    if value and (found is None or not found.port):
        raise click.BadParameter(f"{value!r} is no address: write it as 127.0.0.1:8001.")
    return (found.unmapped, int(found.port or 0)) if found else None


def _secret(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value and not _SECRET.fullmatch(value):  # it is not quoted: it is a secret
        raise click.BadParameter("it has 16 to 128 letters, digits, - and _, and nothing else.")
    return value


def _management_url(_context: click.Context, _option: click.Parameter, value: str) -> str:
    text = value.strip()
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        valid = is_url and parts.username and not (parts.path.strip("/") or parts.query)
    except ValueError:
        valid = False
    if text and not valid:  # nor is this: it has a password
        raise click.BadParameter("it is not http://user:password@host:port of an administrator.")
    return text


def _ascii(text: str) -> str:
    """Return a host name, with what is around it, as browsers send it (UTS 46)."""
    if text.isascii():
        return text
    scheme, mark, rest = text.rpartition("://")
    name, colon, port = rest.partition(":")
    try:
        return f"{scheme}{mark}{idna.encode(name, uts46=True).decode()}{colon}{port}"
    except idna.IDNAError:
        return text
