"""The settings of `buildfeed up`, and the command line options that set them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from buildfeed.broker.local.listener import MQTT_PORT, MQTTS_PORT, WEB_SOCKET_PORT
from buildfeed.broker.options import LEVELS, check_url
from buildfeed.grants import Grants
from buildfeed.history.options import data_dir, database_url, keep
from gateway import options
from gateway.broker_address import BrokerAddress
from gateway.oidc import options as oidc_options
from gateway.oidc.settings import Oidc

Command = TypeVar("Command", bound=Callable[..., Any])

USUAL_PORTS: Final = {"mqtt": MQTT_PORT, "mqtts": MQTTS_PORT, "mqtt-ws": WEB_SOCKET_PORT}
"""The ports of the embedded broker when nobody says others, by what begins their options."""
_FOR: Final = {
    "mqtt": "for MQTT",
    "mqtts": "for MQTT by TLS, with --tls-cert",
    "mqtt-ws": "for MQTT over WebSocket, by TLS with --tls-cert",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One `buildfeed up`.

    With an `mqtt_url` it uses the broker there, and the AMQP of that broker if it has an
    `amqp_url`; else it starts the `broker`. `workers` is the number of gateway processes. Without
    an `mqtt_port`, an `mqtts_port` or an `mqtt_ws_port` the embedded broker takes the usual one, or
    another that is free. Others reach a broker at `mqtt_public_urls`, if any are given. `anonymous`
    are the grants of those who are not signed in; `tokens` is a file of tokens. With `tls_cert` and
    `tls_key` the gateway and the embedded broker speak TLS; with `tokens_by_http` the gateway takes
    tokens without it too. People may come by the OpenID provider `oidc`. The worker runs the jobs
    of the file `projects`, without one fake builds; with `no_worker` there is none.
    """

    broker: str
    mqtt_url: str | None
    amqp_url: str | None
    database_url: str
    data_dir: Path
    keep_days: int
    keep_builds: int
    keep_log_mib: int
    keep_logs_gib: float
    abandon_after: float
    host: str
    anonymous: Grants
    tokens: Path | None
    port: int
    origins: tuple[str, ...]
    root_path: str
    trusted_proxies: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    tokens_by_http: bool
    oidc: Oidc | None
    workers: int
    mqtt_port: int | None
    mqtts_port: int | None
    mqtt_ws_port: int | None
    mqtt_public_urls: tuple[BrokerAddress, ...]
    projects: Path | None
    no_worker: bool
    log_level: str


_OPTIONS: Final = (
    click.option(
        "--broker",
        envvar="BUILDFEED_BROKER",
        type=click.Choice(["embedded", "rabbitmq"]),
        default="embedded",
        show_default=True,
        help="The broker to start when --mqtt-url names none that runs.",
    ),
    click.option(
        "--mqtt-url",
        envvar="BUILDFEED_MQTT_URL",
        callback=check_url,
        help="A running broker's MQTT URL.",
    ),
    click.option(
        "--amqp-url",
        envvar="BUILDFEED_AMQP_URL",
        callback=check_url,
        help="The same broker's AMQP URL.",
    ),
    database_url,
    keep,
    options.host,
    options.anonymous,
    options.token_file,
    click.option(
        "--port",
        envvar="BUILDFEED_PORT",
        type=click.IntRange(1, 65535),
        default=8000,
        show_default=True,
        help="Port of the page.",
    ),
    options.origins,
    options.root_path,
    options.trusted_proxies,
    options.tls,
    options.tokens_by_http,
    oidc_options.oidc,
    click.option(
        "--workers",
        envvar="BUILDFEED_WORKERS",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Gateway processes that share the port.",
    ),
    *(
        click.option(
            f"--{name}-port",
            envvar=f"BUILDFEED_{name.replace('-', '_').upper()}_PORT",
            type=click.IntRange(1, 65535),
            help=f"Port of the embedded broker {_FOR[name]}.  [default: {port}, another when it "
            "is taken]",
        )
        for name, port in USUAL_PORTS.items()
    ),
    options.mqtt_public_urls,
    click.option(
        "--projects",
        envvar="BUILDFEED_PROJECTS",
        metavar="FILE",
        type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True),
        help="Start a worker that runs the jobs of this file, in place of one of fake builds.",
    ),
    click.option(
        "--no-worker",
        envvar="BUILDFEED_NO_WORKER",
        is_flag=True,
        help="Start no worker: you bring workers, or builds, of your own.",
    ),
    click.option(
        "--log-level",
        envvar="BUILDFEED_LOG_LEVEL",
        type=click.Choice(LEVELS),
        default="warning",
        show_default=True,
        help="The least important log lines to write.",
    ),
)


def takes_settings(command: Command) -> Command:
    """Add every option of `buildfeed up`; `settings_of` takes the values that click gives."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(*, anonymous: Grants | None, **given: Any) -> Settings:  # noqa: ANN401 - click names and types them
    """Return the settings that the options of the running command say.

    Raises click.UsageError when options contradict each other, or nobody may be served.
    """
    options.check_tls(given["tls_cert"], given["tls_key"], given["workers"])
    oidc = oidc_options.taken(given)
    everybody = options.check(
        given["host"], anonymous, given["database_url"], given["tokens"], oidc
    )
    found = Settings(data_dir=data_dir(), anonymous=everybody, oidc=oidc, **given)
    if found.amqp_url and not found.mqtt_url:
        raise click.UsageError("--amqp-url names a running broker: give its --mqtt-url too.")
    if found.mqtt_url and _was_typed("broker"):
        raise click.UsageError("--mqtt-url names a running broker: leave out --broker.")
    if found.no_worker and _was_typed("projects"):
        raise click.UsageError("--projects is for the worker: leave out --no-worker, or start one.")
    _check_ports(found)
    return found


def _check_ports(settings: Settings) -> None:
    """Raise click.UsageError for a port of the embedded broker that it cannot have."""
    is_embedded = not settings.mqtt_url and settings.broker == "embedded"
    taken = {settings.port: "--port"}
    for name in USUAL_PORTS:
        option, field = f"--{name}-port", f"{name.replace('-', '_')}_port"
        if _was_typed(field) and not is_embedded:
            raise click.UsageError(f"{option} is that of the embedded broker: leave it out.")
        port = getattr(settings, field)
        if port in taken:
            raise click.UsageError(f"{taken[port]} and {option} are both {port}: choose two.")
        if port:
            taken[port] = option
    if _was_typed("mqtts_port") and not settings.tls_cert:
        raise click.UsageError("--mqtts-port is for TLS: say --tls-cert and --tls-key too.")


def _was_typed(option: str) -> bool:
    """Tell whether it is on the command line: one environment may be for several commands."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE
