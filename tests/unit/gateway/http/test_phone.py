"""What somebody is told to put into a phone."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from buildfeed.grants import Grants
from buildfeed.history.tokens import LINK_NAME
from buildfeed.secret_kinds import LINK
from gateway.access.directory import Directory
from gateway.broker_address import BrokerAddress
from gateway.http import phone
from gateway.http.answers import PhoneAnswer
from gateway.http.phone import Phone, topics, unreachable
from gateway.state.live import Live
from support.builders import start
from support.held_tokens import Held
from support.signed_in import Application, bearer

HERE = BrokerAddress.parse("mqtt://127.0.0.1:1883")
OF_PAGE = BrokerAddress.parse("mqtt://:1883")
OUTSIDE = BrokerAddress.parse("wss://builds.example/mqtt")


@pytest.mark.parametrize(
    ("grants", "wanted"),
    [
        (["viewer@acme"], ["builds/acme/#", "projects/acme/latest"]),
        (["read:builds/acme/+/status"], ["builds/acme/+/status", "projects/acme/latest"]),
        (["read:builds/acme/+/error"], ["builds/acme/+/error"]),
        (["read:builds/acme/b1/#"], ["builds/acme/b1/#"]),
        (
            ["viewer@*"],
            [
                "builds/#",
                *("builds/one/#", "projects/one/latest"),
                *("builds/two/#", "projects/two/latest"),
            ],
        ),
        (
            ["read:builds/+/+/error"],
            ["builds/+/+/error", "builds/one/+/error", "builds/two/+/error"],
        ),
    ],
)
def test_topics_are_those_that_one_may_subscribe_to(grants: list[str], wanted: list[str]) -> None:
    assert topics(Grants.parse(grants), ["one", "two"]) == wanted


def test_topics_are_not_without_end() -> None:
    found = topics(Grants.parse(["viewer@*"]), [f"p{n}" for n in range(1000)])
    assert len(found) == phone.MOST_TOPICS


@pytest.mark.parametrize(
    ("known", "host", "sentence"),
    [
        ([], "builds.example", phone.UNKNOWN),
        ([HERE], "builds.example", phone.HERE),
        ([HERE, OUTSIDE], "127.0.0.1", None),
        ([OF_PAGE], "192.0.2.7", None),
        ([OF_PAGE], "localhost", phone.BY_LOOPBACK.format(host="localhost")),
    ],
)
def test_why_no_phone_comes(
    known: Sequence[BrokerAddress], host: str, sentence: str | None
) -> None:
    assert unreachable(known, host) == sentence


# The endpoint.

PATH = "/api/phone"


def application(tokens: Held, *known: BrokerAddress, anonymous: str = "") -> Application:
    live = Live(print, lambda: 0.0)
    for project in ("acme", "secret"):
        live.receive(start(project=project))
    directory = Directory(tokens, Grants.parse(anonymous.split()))
    return Application(directory, Phone(live, known).routes())


async def ask(app: Application, secret: str = "", **options: str) -> PhoneAnswer:
    async with app.client(**options) as client:
        answer = await client.get(PATH, headers=bearer(secret) if secret else {})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert not secret or secret not in answer.text
        return msgspec.json.decode(answer.content, type=PhoneAnswer, strict=True)


async def test_one_is_told_ones_name_an_id_and_where_to_go(tokens: Held) -> None:
    _, secret = tokens.add("ada", Grants.parse(["viewer@acme"]))
    told = await ask(application(tokens, OF_PAGE, OUTSIDE), secret, base="http://192.0.2.7:8000")
    assert (told.name, told.clientId) == ("ada", "ada:phone")
    assert [each.url for each in told.addresses] == [
        "mqtt://192.0.2.7:1883",
        "wss://builds.example:443/mqtt",
    ]
    assert [each.tls for each in told.addresses] == [False, True]
    assert told.unreachable is None
    assert told.topics == ["builds/acme/#", "projects/acme/latest"]


async def test_projects_are_named_to_those_who_may_know_them(tokens: Held) -> None:
    _, all_of_them = tokens.add("eva", Grants.parse(["viewer@*"]))
    _, one = tokens.add("bob", Grants.parse(["read:builds/+/+/status", "viewer@other"]))
    app = application(tokens, HERE)
    assert "builds/secret/#" in (await ask(app, all_of_them)).topics
    _, nothing_else = tokens.add("kim", Grants.parse(["viewer@acme"]))
    assert "secret" not in str((await ask(app, nothing_else)).topics)
    assert "projects/secret/latest" in (await ask(app, one)).topics


async def test_who_has_no_token_for_a_broker_has_no_name_there(tokens: Held) -> None:
    read = Grants.parse(["read:builds/acme/b1/#"])
    _, link = tokens.add(f"{LINK_NAME}0123abcd", read, timedelta(hours=1), LINK)
    app = application(tokens, HERE, anonymous="viewer@acme")
    async with app.client("http://127.0.0.1:8000") as client:
        client.cookies.set("buildfeed-link", link, domain="127.0.0.1")
        by_link = (await client.get(PATH)).json()
    assert (by_link["name"], by_link["clientId"]) == (None, None)
    told = await ask(app)
    assert (told.name, told.clientId, told.unreachable) == (None, None, phone.HERE)


async def test_who_comes_by_a_provider_has_no_name_at_a_broker(tokens: Held) -> None:
    read = Grants.parse(["viewer@acme"])
    session = tokens.sign_in_person("oidc-ada", read, timedelta(hours=12))
    async with application(tokens, HERE).client("http://127.0.0.1:8000") as client:
        client.cookies.set("buildfeed", session, domain="127.0.0.1")
        told = (await client.get(PATH)).json()
    assert (told["name"], told["clientId"]) == (None, None)
    assert told["topics"] == ["builds/acme/#", "projects/acme/latest"]


async def test_who_may_read_nothing_is_refused(tokens: Held) -> None:
    _, secret = tokens.add("bob", Grants.parse(["start:acme"]))
    async with application(tokens, HERE).client() as client:
        assert (await client.get(PATH)).status_code == 401
        answer = await client.get(PATH, headers=bearer(secret))
        assert (answer.status_code, answer.json()["grant"]) == (403, "read:builds/#")
        assert (await client.get(f"{PATH}?x=1", headers=bearer(secret))).status_code == 403
