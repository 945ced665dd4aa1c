"""`buildfeed dead` on a real RabbitMQ."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result
from msgspec import UNSET, structs
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed import command, names
from buildfeed.activity import Activity, Build, Priority, Script, parse
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    DELIVERY_LIMIT,
    TOPIC_EXCHANGE,
    publish,
)
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.cli.commands import main

SCRIPT = Script(seconds=3, steps=4, errors=(50,))

Dead = Callable[..., Result]


@pytest.fixture
def dead(rabbitmq: PrivateRabbitMQ) -> Dead:
    """Run `buildfeed dead …`: `dead("drop", "--all")`."""

    def run(*arguments: str, url: str = rabbitmq.amqp_url) -> Result:
        return CliRunner().invoke(main, ["dead", *arguments], env={"BUILDFEED_AMQP_URL": url})

    return run


def take(channel: BlockingChannel, queue: str) -> tuple[int, bytes]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        method, _, body = channel.basic_get(queue)
        if method:
            return method.delivery_tag, body
    raise AssertionError(f"{queue} stays empty")


def wait_for_dead(channel: BlockingChannel, number: int) -> None:
    deadline = time.monotonic() + 5
    while channel.queue_declare(BUILDS_DEAD, passive=True).method.message_count != number:
        assert time.monotonic() < deadline, f"there are not {number} dead letters"


def die(channel: BlockingChannel, build: str, priority: Priority = "normal") -> Activity:
    """Start a build that its worker gives up."""
    now = datetime.now(UTC)
    start = command.start("acme", build, now, by="ada", script=SCRIPT, priority=priority)
    before = channel.queue_declare(BUILDS_DEAD, passive=True).method.message_count
    publish(channel, start)
    tag, _ = take(channel, BUILDS_HIGH if priority == "high" else BUILDS)
    channel.basic_reject(tag, requeue=False)
    wait_for_dead(channel, before + 1)
    return start


def die_undecodable(channel: BlockingChannel, key: str = "builds.acme.bad.start") -> None:
    before = channel.queue_declare(BUILDS_DEAD, passive=True).method.message_count
    channel.basic_publish(TOPIC_EXCHANGE, key, b"\xff{")
    channel.basic_reject(take(channel, BUILDS)[0], requeue=False)
    wait_for_dead(channel, before + 1)


def again(channel: BlockingChannel, queue: str) -> Build:
    """Return the start that waits in `queue`."""
    return parse(take(channel, queue)[1]).object


def test_list_shows_what_was_given_up_and_leaves_it(channel: BlockingChannel, dead: Dead) -> None:
    die(channel, "b1")
    for _ in range(3):
        shown = dead("list")
        heading, row = shown.output.splitlines()
        assert heading.split() == ["PROJECT", "BUILD", "ATTEMPTS", "AGE", "REASON"]
        assert row.split()[:3] == ["acme", "b1", "-"]
        assert re.search(r" \d s +a worker gave up$", row)
        assert shown.exit_code == 0
    wait_for_dead(channel, 1)


def test_list_shows_the_deliveries_of_one_that_nobody_finished(
    channel: BlockingChannel, dead: Dead
) -> None:
    now = datetime.now(UTC)
    publish(channel, command.start("acme", "b1", now, by="ada", script=SCRIPT, priority="normal"))
    for _ in range(DELIVERY_LIMIT + 1):
        channel.basic_reject(take(channel, BUILDS)[0], requeue=True)
    wait_for_dead(channel, 1)
    row = dead("list").output.splitlines()[1]
    assert row.split()[:3] == ["acme", "b1", "31"]
    assert row.endswith("no worker finished it")


def test_a_dead_letter_outlives_being_listed_more_often_than_rabbitmq_4_allows_by_default(
    channel: BlockingChannel,
) -> None:
    die(channel, "b1")
    for _ in range(50):
        channel.basic_reject(take(channel, BUILDS_DEAD)[0], requeue=True)
    wait_for_dead(channel, 1)


@pytest.mark.parametrize(("priority", "queue"), [("normal", BUILDS), ("high", BUILDS_HIGH)])
def test_retry_makes_a_new_build_of_the_same_wish(
    channel: BlockingChannel, dead: Dead, priority: Priority, queue: str
) -> None:
    die(channel, "b1", priority)
    other = die(channel, "b2")
    retried = dead("retry", "b1")
    new = again(channel, queue)
    assert retried.output == f"acme b1 starts again as {new.build}.\n"
    assert names.build_id_time(new.build)
    assert (new.project, new.by, new.script, new.priority) == ("acme", "ada", SCRIPT, priority)
    assert (new.status, new.attempt, new.seq) == ("queued", 0, 0)
    assert parse(take(channel, BUILDS_DEAD)[1]) == other
    wait_for_dead(channel, 0)


def test_a_retried_build_is_newer_than_its_first_start_whose_clock_was_ahead(
    channel: BlockingChannel, dead: Dead
) -> None:
    tomorrow = names.build_id((int(time.time()) + 86_400) * 1000, b"\xff" * 10)
    for build in (tomorrow, "nightly", names.build_id(2**48 - 1, bytes(10))):
        die(channel, build)
    assert dead("retry", "--all").exit_code == 0
    retried = [again(channel, BUILDS).build for _ in range(3)]
    assert retried[0] > tomorrow
    assert max(retried[1:]) < tomorrow


def test_retry_of_all_leaves_only_what_is_not_an_activity(
    channel: BlockingChannel, dead: Dead
) -> None:
    die(channel, "b1")
    die_undecodable(channel)
    die(channel, "b2")
    retried = dead("retry", "--all")
    assert retried.exit_code == 0
    assert "acme bad cannot start again, only be dropped: not an activity" in retried.output
    assert {again(channel, BUILDS).build for _ in range(2)} == {
        line.split()[-1].rstrip(".") for line in retried.output.splitlines() if "again as" in line
    }
    wait_for_dead(channel, 1)
    assert dead("retry", "bad").exit_code == 1


def test_retry_makes_nothing_up_that_a_start_did_not_say(
    channel: BlockingChannel, dead: Dead
) -> None:
    asked = command.start(
        "acme", "b1", datetime.now(UTC), by="ada", script=SCRIPT, priority="normal"
    )
    terse = structs.replace(asked.object, script=UNSET, by=UNSET)
    publish(channel, structs.replace(asked, object=terse))
    channel.basic_reject(take(channel, BUILDS)[0], requeue=False)
    wait_for_dead(channel, 1)
    dead("retry", "b1")
    new = again(channel, BUILDS)
    assert (new.script, new.by) == (UNSET, UNSET)


def test_a_build_that_died_twice_is_retried_once(channel: BlockingChannel, dead: Dead) -> None:
    die(channel, "b1")
    die(channel, "b1")
    assert len(dead("retry", "b1").output.splitlines()) == 1
    again(channel, BUILDS)
    assert channel.basic_get(BUILDS) == (None, None, None)
    wait_for_dead(channel, 0)


def test_drop_removes_one_build_or_all(channel: BlockingChannel, dead: Dead) -> None:
    for build in ("b1", "b2", "b3"):
        die(channel, build)
    assert dead("drop", "b2").output == "acme b2 is dropped.\n"
    wait_for_dead(channel, 2)
    assert dead("drop", "--all").output == "acme b1 is dropped.\nacme b3 is dropped.\n"
    wait_for_dead(channel, 0)
    assert channel.basic_get(BUILDS) == (None, None, None)


def test_what_is_not_an_activity_is_shown_plainly_and_can_be_dropped(
    channel: BlockingChannel, dead: Dead
) -> None:
    die_undecodable(channel, "builds.acme.\x1b[31mbad.start")
    row = dead("list").output.splitlines()[1]
    assert row.split()[:2] == ["acme", "?[31mbad"]
    assert "not an activity" in row
    assert dead("drop", "--all").exit_code == 0
    wait_for_dead(channel, 0)


def test_a_message_put_there_by_hand_can_be_dropped(channel: BlockingChannel, dead: Dead) -> None:
    channel.basic_publish("", BUILDS_DEAD, b"{}")
    assert "not an activity" in dead("list").output
    dead("drop", "--all")
    wait_for_dead(channel, 0)


@pytest.mark.parametrize("arguments", [["list"], ["retry", "--all"], ["drop", "--all"]])
def test_without_dead_letters_it_says_so(
    channel: BlockingChannel, dead: Dead, arguments: list[str]
) -> None:
    for _ in range(2):
        said = dead(*arguments)
        assert (said.exit_code, said.output) == (0, "There are no dead letters.\n")


@pytest.mark.parametrize("what", ["retry", "drop"])
def test_a_build_that_is_not_there_is_said_to_be_missing(
    channel: BlockingChannel, dead: Dead, what: str
) -> None:
    die(channel, "b1")
    said = dead(what, "b2")
    assert (said.exit_code, said.output) == (1, "Error: There is no dead letter of build b2.\n")
    wait_for_dead(channel, 1)


@pytest.mark.parametrize("arguments", [["drop"], ["retry", "b1", "--all"]])
def test_one_build_or_all_must_be_named(dead: Dead, arguments: list[str]) -> None:
    said = dead(*arguments)
    assert said.exit_code == 2
    assert "Name one build, or say --all." in said.output


def test_a_broker_that_is_away_or_refuses_is_told_in_one_sentence(
    dead: Dead, rabbitmq: PrivateRabbitMQ, free_port: Callable[[], int]
) -> None:
    away = f"amqp://ada:secret@127.0.0.1:{free_port()}/"
    stranger = f"amqp://ada:secret@127.0.0.1:{rabbitmq.amqp_port}/"
    for url in (away, stranger):
        said = dead("list", url=url)
        assert said.exit_code == 1
        assert said.output.startswith("Error: RabbitMQ at 127.0.0.1:")
        assert len(said.output.splitlines()) == 1
        assert "secret" not in said.output


def test_without_an_address_it_says_what_to_give() -> None:
    said = CliRunner().invoke(main, ["dead", "list"], env={"BUILDFEED_AMQP_URL": None})
    assert "give --amqp-url" in said.output
