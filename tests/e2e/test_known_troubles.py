"""What the gateway knows to be wrong: the page says so, promises nothing, and then forgets it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Locator, Page, expect

from buildfeed.activity import urn
from buildfeed.presence import Presence
from support.overview import press_start
from support.own_builds import Own, publishing_url
from support.postgresql import PostgreSQL
from support.proxy import Proxy
from support.rabbitmq import ControlledRabbitMQ
from support.service import Service, Web
from support.workshop import by_another, start

NewPage = Callable[..., Page]
Run = Callable[..., Service]

ALERT = "#start-form [role=alert]"


def light(page: Page) -> Locator:
    return page.locator("#connection-status")


def open_at(page: Page, url: str) -> Page:
    page.goto(url)
    expect(light(page)).to_contain_text("Live", timeout=20_000)
    return page


def seconds_until_refused(page: Page, project: str) -> float:
    """Press start; return in how many seconds the refusal was told."""
    pressed = time.monotonic()
    press_start(page, project)
    expect(page.locator(ALERT)).to_be_visible()
    return time.monotonic() - pressed


@pytest.fixture
def deserted(run: Run, free_port: Callable[[], int]) -> Web:
    """An `up` without a worker."""
    served = run("up", mqtt_port=free_port(), no_worker=True)
    assert isinstance(served, Web)
    return served.until_ready()


def test_without_a_worker_nobody_is_promised(deserted: Web, new_page: NewPage) -> None:
    deserted.press_start("acme", script={"seconds": 1, "steps": 2, "errors": []})
    lost, own = start(), start()
    never_queued = {"id": urn("acme", "own"), "build": "own"}
    own = structs.replace(own, object=structs.replace(own.object, **never_queued))
    page = open_at(new_page(), deserted.url)
    with Own(publishing_url(deserted)) as somebody:
        somebody.say(Presence("another", "online", slots=2))
        expect(light(page)).to_have_attribute("data-state", "live")
        expect(page.get_by_text("Queued, next in line")).to_be_visible()
        somebody.send(by_another(lost))
        somebody.send(by_another(own, queued_time=UNSET))
        expect(page.locator("#page-head")).to_contain_text("2 running, 1 queued")

        somebody.say(Presence("another", "offline", slots=2))
        expect(light(page)).to_have_attribute("data-state", "impeded")
        expect(light(page)).to_contain_text("No worker is online")
        expect(page.locator("#page-head")).to_contain_text("2 lost, 1 queued")
        expect(page.locator(".project-row")).to_contain_text("2 lost, 1 queued")
        expect(page.get_by_text("Queued, waits for a worker")).to_be_visible()
        expect(page.get_by_text("its worker is gone; it waits for a worker")).to_be_visible()
        expect(page.get_by_text("its worker is gone; nobody takes it over")).to_be_visible()
        for promise in ("next in line", "another will take over"):
            expect(page.get_by_text(promise)).to_have_count(0)

        somebody.send(by_another(own, "Update", seq=1, status="succeeded", progress=100))
        card = page.locator(".build").filter(has_text="own")
        expect(card).to_contain_text("Succeeded")

        somebody.say(Presence("another", "online", slots=2))
        expect(light(page)).to_have_attribute("data-state", "live")
        expect(page.get_by_text("Queued, next in line")).to_be_visible()


@pytest.fixture
def other_gateway(up: Web, run: Run, postgresql: PostgreSQL) -> Iterator[Web]:
    """A gateway beside `up`, on the same broker, with a PostgreSQL as its history."""
    database = postgresql.emptied_database()
    served = run("gateway", mqtt_url=publishing_url(up), database_url=database)
    assert isinstance(served, Web)
    yield served.until_ready()
    postgresql.emptied_database()  # starts it, if this test has failed


def test_a_history_that_is_away_is_told_until_it_is_back(
    other_gateway: Web, postgresql: PostgreSQL, new_page: NewPage
) -> None:
    page = open_at(new_page(), other_gateway.url)
    postgresql.stop()
    expect(light(page)).to_contain_text("the history cannot be used")
    expect(light(page)).to_have_attribute("data-state", "impeded")
    seconds_until_refused(page, "away")
    expect(page.locator(ALERT)).to_contain_text("history")
    postgresql.start()
    expect(light(page)).to_have_attribute("data-state", "live")
    expect(page.locator(ALERT)).to_be_hidden()


def test_commands_that_the_broker_does_not_take_are_refused_at_once(
    run: Run, rabbitmq: ControlledRabbitMQ, new_page: NewPage
) -> None:
    """MQTT is there, AMQP is not: behind a firewall that lets the one through."""
    target = int(rabbitmq.amqp_url.rstrip("/").rpartition(":")[2].partition("/")[0])
    with Proxy(target) as firewall:
        amqp_url = rabbitmq.amqp_url.replace(f":{target}", f":{firewall.port}")
        served = run("gateway", mqtt_url=rabbitmq.mqtt_url, amqp_url=amqp_url)
        assert isinstance(served, Web)
        page = open_at(new_page(), served.until_ready().url)
        firewall.cut()
        expect(light(page)).to_contain_text("the broker takes no starts and stops")
        assert seconds_until_refused(page, "cut") < 2
        firewall.mend()
        expect(light(page)).not_to_contain_text("takes no starts", timeout=10_000)
        expect(page.locator(ALERT)).to_be_hidden()


def test_what_was_refused_is_forgotten_once_it_is_changed(up: Web, new_page: NewPage) -> None:
    page = open_at(new_page(), up.url)
    refusal = {"type": "urn:buildfeed:problem:bad-field", "detail": "No."}
    page.route("**/builds", lambda route: route.fulfill(status=422, json=refusal))
    seconds_until_refused(page, "changed")
    page.get_by_label("Your name").fill("ada")
    expect(page.locator(ALERT)).to_be_hidden()


def fill(address: tuple[str, int], stack: ExitStack) -> None:
    """Open streams until one is refused."""
    while True:
        stream = stack.enter_context(socket.create_connection(address))
        stream.sendall(b"GET /api/events?watch=builds/%23 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        if stream.recv(12) == b"HTTP/1.1 503":
            return


def test_a_page_that_is_one_too_many_is_told_so(up: Web, run: Run, new_page: NewPage) -> None:
    served = run("gateway", mqtt_url=publishing_url(up), max_per_address=12)
    assert isinstance(served, Web)
    page = open_at(new_page(), served.until_ready().url)
    told = page.locator("#build-list").get_by_text("too many connections from the address")
    address = "127.0.0.1", int(str(served.options["port"]))
    with ExitStack() as stack:
        while not told.is_visible():  # connections of the page end in between, and leave room
            page.context.set_offline(True)
            expect(light(page)).not_to_contain_text("Live")
            fill(address, stack)
            page.context.set_offline(False)
            expect(told.or_(light(page).get_by_text("Live", exact=True))).to_be_visible()
        expect(page.get_by_text("has to pass on WebSockets")).to_have_count(0)
    expect(light(page)).to_contain_text("Live", timeout=30_000)
    expect(told).to_be_hidden()
