"""Fixtures of the whole path: services as processes, and pages in a real Chromium."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.people import People
from support.rabbitmq import purge_builds
from support.service import Service, Web

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Chromium without windows: a page takes 0.7 s of CPU, with them 1.9 s."""

Run = Callable[..., Service]


def free_block(size: int) -> int:
    """Return the first of so many free ports, others each time: runs may go on side by side."""
    port = ports.free_block(size, secrets.randbelow(100_000))
    assert port
    return port


@pytest.fixture
def run(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Run]:
    """Start a service that ends with the test: `run("gateway", mqtt_url=…)`."""
    with ExitStack() as stack:

        def start(command: str, **options: Any) -> Service:
            if command in ("up", "gateway"):
                options.setdefault("port", free_port())
                return stack.enter_context(Web(command, tmp_path, **options))
            return stack.enter_context(Service(command, tmp_path, **options))

        yield start


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Everything by one command, on the embedded broker."""
    directory = tmp_path_factory.mktemp("up")
    port = free_block(2)
    with Web("up", directory, port=port, mqtt_port=port + 1) as web:
        yield web.until_ready()


@pytest.fixture(scope="session")
def closed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The same, where a stranger may do nothing."""
    directory = tmp_path_factory.mktemp("closed-up")
    port = free_block(2)
    with Web("up", directory, port=port, mqtt_port=port + 1, anonymous="none") as web:
        yield web.until_ready()


@pytest.fixture
def people(closed_up: Web) -> Iterator[People]:
    """Those who have tokens at `closed_up`; what they have started is stopped in the end."""
    people = People(closed_up)
    yield people
    people.stop_all()  # else the next test's builds would wait for them


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give each test a person and a project of its own."""
    return re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-40:].strip("-")


@pytest.fixture(scope="session")
def gateway(rabbitmq: PrivateRabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway, a recorder and a worker, processes of their own, on the real RabbitMQ."""
    purge_builds(rabbitmq)
    directory = tmp_path_factory.mktemp("gateway")
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    with (
        Service("recorder", directory, mqtt_url=rabbitmq.mqtt_url),
        Service("fakebuild", directory, **urls, name="w1", concurrency=4, drain_seconds=0),
        Web("gateway", directory, port=free_block(1), **urls) as web,
    ):
        yield web.until_ready()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    missing = "Chromium is missing: run `sudo apt-get install chromium-headless-shell libatomic1`."
    assert path, missing
    expect.set_options(timeout=15_000)  # the machine may be busy; a test says less where it counts
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--disable-dev-shm-usage", "--disable-quic"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser of its own; a script error in it fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(**options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
