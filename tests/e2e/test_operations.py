"""The page for operators in a real Chromium, on the embedded broker and on RabbitMQ."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from playwright.sync_api import Locator, Page, expect

from buildfeed import command
from buildfeed.activity import Script, encode
from buildfeed.broker.amqp.topology import BUILDS_DEAD, assert_topology
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.axe import problems
from support.people import People, enter, expect_live
from support.service import HTTP, Web, until

NewPage = Callable[..., Page]
SLOW = {"seconds": 60, "steps": 300, "errors": []}


def visit(page: Page, web: Web) -> Locator:
    page.goto(f"{web.url}/operations")
    expect_live(page)
    return page.locator("#operations")


def test_it_shows_what_each_worker_runs_and_how_the_gateway_is(
    up: Web, new_page: NewPage, name: str
) -> None:
    build = up.press_start(name, script=SLOW)["build"]
    up.until_status(name, build, "running")
    page = new_page(reduced_motion="reduce")
    view = visit(page, up)
    worker = view.locator(".worker").filter(has_text="1 of 2 busy")
    expect(worker.get_by_text("it pretends")).to_be_visible()
    expect(worker.get_by_role("link", name=name)).to_be_visible()
    process = view.get_by_role("region", name="Gateways", exact=True).locator("tbody tr")
    expect(process).to_have_count(1)
    expect(process).to_contain_text("ready")
    expect(view.get_by_text("Without RabbitMQ no start is given up")).to_be_visible()
    expect(view.locator(".troubles li")).to_have_count(0)
    assert problems(page) == []
    up.press_stop(name, build)
    expect(view.get_by_text("0 of 2 busy")).to_be_visible()


def test_a_gateway_that_is_away_is_told_and_found_again(up: Web, new_page: NewPage) -> None:
    page = new_page()
    visit(page, up)
    page.route("**/api/operations", lambda route: route.abort())
    expect(page.locator("#connection-status")).to_contain_text("Reconnecting")
    expect(page.locator("#connection-status")).to_contain_text("not live since")
    page.unroute("**/api/operations")
    expect_live(page)


def test_who_may_not_operate_is_told_so(
    closed_up: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(f"{closed_up.url}/operations")
    expect(page.get_by_text("sign in with a token that has the grant operate")).to_be_visible()
    enter(page, people.token(f"viewer-{name}"[:40], "viewer@*"))
    expect(page.get_by_text("Your token lacks the grant operate")).to_be_visible()
    expect(page.get_by_role("heading", name="Workers")).to_be_hidden()
    assert problems(page) == []
    page.get_by_role("button", name="Sign out").click()
    enter(page, people.token(f"operator-{name}"[:40], "operator"))
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


@pytest.fixture
def channel(gateway: Web, rabbitmq: PrivateRabbitMQ) -> Iterator[BlockingChannel]:
    """A channel of an operator; nothing is given up."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))
    channel = connection.channel()
    channel.confirm_delivery()
    assert_topology(channel)
    channel.queue_purge(BUILDS_DEAD)
    yield channel
    channel.queue_purge(BUILDS_DEAD)
    connection.close()


def give_up(channel: BlockingChannel, project: str, build: str, payload: bytes = b"") -> None:
    """Put a start where RabbitMQ puts it that a worker gave up, as it would."""
    script = Script(seconds=0.2, steps=2, errors=())
    now = datetime.now(UTC)
    start = command.start(project, build, now, by="ada", script=script, priority="normal")
    key = f"builds.{project}.{build}.start"
    death = {"reason": "rejected", "time": now, "queue": "builds", "routing-keys": [key]}
    properties = pika.BasicProperties(headers={"x-death": [death]}, delivery_mode=2)
    channel.basic_publish("", BUILDS_DEAD, payload or encode(start), properties)


def letter_of(view: Locator, build: str) -> Locator:
    return view.locator(f".letter[data-key$='/{build}']")


def test_a_start_that_was_given_up_is_retried_or_dropped(
    gateway: Web, channel: BlockingChannel, new_page: NewPage, name: str
) -> None:
    for build in ("b1", "b2"):
        give_up(channel, name, build)
    give_up(channel, name, "b3", b"no start")
    page = new_page(reduced_motion="reduce")
    view = visit(page, gateway)
    expect(view.locator(".letter")).to_have_count(3)
    expect(letter_of(view, "b1")).to_contain_text("a worker gave up")
    expect(letter_of(view, "b1")).to_contain_text("started by ada")
    expect(letter_of(view, "b3").get_by_role("button", name="Retry")).to_be_hidden()
    expect(view.locator(".troubles")).to_contain_text("3 starts were given up")
    assert problems(page) == []

    view.get_by_role("button", name=f"Retry {name} b1").press("Enter")
    again = letter_of(view, "b1").get_by_role("link")
    expect(again).to_be_focused()
    new = str(again.get_attribute("href")).rpartition("/")[2]
    gateway.until_status(name, new, "succeeded")
    built = gateway.build(name, new)
    assert (built["by"], built["script"]["steps"]) == ("ada", 2)

    view.get_by_role("button", name=f"Drop {name} b2").press("Enter")
    keep = view.get_by_role("button", name=f"Keep {name} b2")
    expect(keep).to_be_focused()
    page.keyboard.press("Escape")
    expect(view.get_by_role("button", name=f"Drop {name} b2")).to_be_focused()
    for build in ("b2", "b3"):
        view.get_by_role("button", name=f"Drop {name} {build}").click()
        view.get_by_role("button", name=f"Drop for good {name} {build}").click()
        expect(letter_of(view, build)).to_contain_text("Dropped.")
    assert HTTP.get(f"{gateway.url}/api/dead").json()["letters"] == []
    expect(view.locator(".troubles")).not_to_contain_text("given up")
    assert problems(page) == []


def test_all_starts_that_were_given_up_are_retried_with_one_press(
    gateway: Web, channel: BlockingChannel, new_page: NewPage, name: str
) -> None:
    for build in ("b1", "b2", "b3"):
        give_up(channel, name, build)
    view = visit(new_page(), gateway)
    view.get_by_role("button", name="Retry all 3").press("Enter")
    expect(view.locator(".letter[data-gone='true']")).to_have_count(3)
    expect(view.get_by_role("heading", name="Given up")).to_be_focused()
    expect(view.get_by_role("button", name="Retry all")).to_be_hidden()
    assert HTTP.get(f"{gateway.url}/api/dead").json()["letters"] == []
    builds = HTTP.get(f"{gateway.url}/api/builds?project={name}").json()["builds"]
    assert len(builds) == 3


def test_a_letter_that_is_gone_meanwhile_is_told(
    gateway: Web, channel: BlockingChannel, new_page: NewPage, name: str
) -> None:
    give_up(channel, name, "b1")
    view = visit(new_page(), gateway)
    retry = view.get_by_role("button", name=f"Retry {name} b1")
    expect(retry).to_be_visible()
    channel.queue_purge(BUILDS_DEAD)
    retry.click()
    expect(letter_of(view, "b1").get_by_role("alert")).to_contain_text("There is no dead letter")


def test_over_http_letters_are_read_and_stay(
    gateway: Web, channel: BlockingChannel, name: str
) -> None:
    for _ in range(2):
        give_up(channel, name, "b1")
    give_up(channel, name, "No.Name", b"no start")
    for _ in range(2):
        dead = HTTP.get(f"{gateway.url}/api/dead").json()
        assert (dead["kept"], dead["hidden"], dead["more"]) == (True, 0, False)
        said = [(each["build"], each["retryable"]) for each in dead["letters"]]
        assert said[:2] == [("b1", True)] * 2
        assert said[2][1] is False
    path = f"{gateway.url}/api/dead/{name}"
    assert HTTP.request("DELETE", f"{path}/b1").status_code == 204
    assert HTTP.request("DELETE", f"{path}/b1").status_code == 404
    give_up(channel, name, "b2", b"no start")
    answer = HTTP.post(f"{path}/b2/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:buildfeed:problem:not-a-start")
    until(
        lambda: HTTP.get(f"{gateway.url}/api/operations").json()["queues"][BUILDS_DEAD] == 2,
        "the lengths of the queues",
    )
