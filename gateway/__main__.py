"""`buildfeed gateway`: options → Settings → server."""

import logging
from typing import Any

import click

from buildfeed.broker.options import Seconds, amqp_url, log_level, mqtt_url
from buildfeed.errors import BuildfeedError, CannotListen
from buildfeed.grants import Grants
from buildfeed.history.options import database_url
from buildfeed.history.store import Store
from buildfeed.log import configure
from gateway import options
from gateway.access.anonymous import is_loopback, meaning
from gateway.oidc import options as oidc_options
from gateway.server import serve
from gateway.settings import Settings

log = logging.getLogger(__name__)


@click.command("gateway")
@mqtt_url
@amqp_url
@database_url
@options.host
@options.anonymous
@options.token_file
@click.option(
    "--port",
    envvar="BUILDFEED_PORT",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="TCP port to listen on.",
)
@options.origins
@options.root_path
@options.trusted_proxies
@options.tls
@options.tokens_by_http
@options.limits
@options.broker_auth
@options.mqtt_public_urls
@oidc_options.oidc
@click.option(
    "--backlog-kib",
    envvar="BUILDFEED_BACKLOG_KIB",
    default=256,
    show_default=True,
    type=click.IntRange(16),
    help="KiB that may wait for a slow watcher; of the rest it gets only the newest states.",
)
@click.option(
    "--stuck-seconds",
    envvar="BUILDFEED_STUCK_SECONDS",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds after which a watcher that takes nothing is closed.",
)
@click.option(
    "--frame-ms",
    envvar="BUILDFEED_FRAME_MS",
    default=40,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="Milliseconds in which a watcher gets one write at most; 0 sends each event at once.",
)
@click.option(
    "--workers",
    envvar="BUILDFEED_WORKERS",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the port, and replace one another.",
)
@click.option(
    "--drain-seconds",
    envvar="BUILDFEED_DRAIN_SECONDS",
    default=3.0,
    show_default=True,
    type=Seconds(0, 600),
    help="Most seconds over which a stopping process spreads the goodbyes to its watchers.",
)
@log_level
def main(log_level: str, anonymous: Grants | None, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Serve the page, the API and socket.io to browsers."""
    oidc = oidc_options.taken(given)
    everybody = options.check(
        given["host"], anonymous, given["database_url"], given["tokens"], oidc
    )
    options.check_tls(given["tls_cert"], given["tls_key"], given["workers"])
    options.check_broker_auth(given)
    settings = Settings(**given, anonymous=everybody, oidc=oidc)
    configure(log_level)
    if not is_loopback(settings.host) and everybody != Grants():
        facts = {"host": settings.host, "port": settings.port, "meaning": meaning(everybody)}
        log.warning("gateway.open_to_all", extra=facts)
    try:
        Store(settings.database_url).close()  # else each process would say that it cannot
        serve(settings, log_level)
    except CannotListen as exc:
        raise options.cannot_listen(exc, settings.broker_auth) from exc
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
