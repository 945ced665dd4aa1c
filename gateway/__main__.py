"""`buildfeed gateway`: options → Settings → uvicorn."""

from typing import Any

import click
import uvicorn

from broker.options import amqp_url, log_level, mqtt_url
from buildfeed.log import configure
from gateway import app
from gateway.settings import Settings
from gateway.sockets import MAX_MESSAGE_BYTES
from history.options import database_url

SHUTDOWN_SECONDS = 3


@click.command("gateway")
@mqtt_url
@amqp_url
@database_url
@click.option(
    "--host",
    envvar="BUILDFEED_HOST",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    envvar="BUILDFEED_PORT",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="TCP port to listen on.",
)
@click.option(
    "--origin",
    "origins",
    envvar="BUILDFEED_ORIGINS",
    multiple=True,
    help="Web origin (https://host) whose pages may watch and command; repeatable.",
)
@click.option(
    "--starts-per-minute",
    envvar="BUILDFEED_STARTS_PER_MINUTE",
    default=600,
    show_default=True,
    type=click.IntRange(1),
    help="Builds that each project may start at once, and as many a minute from then on.",
)
@log_level
def main(log_level: str, **options: Any) -> None:  # noqa: ANN401 - click names and types them
    """Serve the page, the API and socket.io to browsers."""
    configure(log_level)
    settings = Settings(**options)
    uvicorn.run(
        app.create(settings),
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # costs more CPU than the bytes are worth (1.5 times)
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
