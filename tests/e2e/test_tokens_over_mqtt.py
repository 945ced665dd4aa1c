"""`buildfeed up` with its embedded broker, for those who have a token and those who have none."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support import documented_phone
from support.own_builds import mqtt_url
from support.people import People
from support.raw_mqtt import ACCEPTED, NOT_AUTHORIZED, REFUSED, Raw
from support.service import Service, Web, until

Run = Callable[..., Service]
QUICK = {"seconds": 0.2, "steps": 2, "errors": []}


def web(run: Run, anonymous: str, mqtt_port: int) -> Web:
    found = run("up", anonymous=anonymous, mqtt_port=mqtt_port)
    assert isinstance(found, Web)
    return found.until_ready()


def test_where_everybody_may_do_nothing_a_token_opens_page_and_broker(
    run: Run, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    up = web(run, "none", free_port())
    url = mqtt_url(up)
    assert "@" not in url
    up.until_logged("Log in there:       with the name of a token")
    (in_a_page,) = re.findall(r"^In a WebSocket: +(ws://[^@\s]+)$", up.text, re.MULTILINE)
    password = tmp_path / "mqtt-reader-password"
    assert not password.exists()
    for each in (url, in_a_page):
        assert Raw(each.replace("://", "://reader:only@"), "a").connack == NOT_AUTHORIZED
    secret = documented_phone.token(tmp_path)
    port = urlsplit(url).port or 0
    with (
        documented_phone.mosquitto_sub(secret, port) as heard,
        documented_phone.mqtt_js(secret, in_a_page, tmp_path) as heard_in_a_page,
    ):
        people = People(up)
        starter = people.token("eve", "builder@acme", "builder@other")

        def both_hear() -> bool:
            for project in ("other", "acme"):
                people.start(starter, project, script=QUICK)
            return all("builds/acme/" in "".join(each) for each in (heard, heard_in_a_page))

        until(both_hear, "a build is heard")
        with closing(Database(f"sqlite:///{tmp_path}/history.db")) as database:
            Tokens(database).revoke("ada")
        until(lambda: "embedded.token_ended" in up.text, "it is closed", seconds=5)
    assert not [line for line in heard + heard_in_a_page if "builds/other/" in line]


@pytest.mark.parametrize(
    ("anonymous", "granted"),
    [
        ("viewer", {"builds/#": 1, "builds/acme/#": 1, "workers/+/status": 1}),
        ("viewer@acme", {"builds/#": REFUSED, "builds/acme/#": 1, "workers/+/status": REFUSED}),
    ],
)
def test_the_reader_may_read_what_everybody_may(
    run: Run, free_port: Callable[[], int], anonymous: str, granted: dict[str, int]
) -> None:
    url = mqtt_url(web(run, anonymous, free_port()))
    reader = Raw(url, "phone")
    assert reader.connack == ACCEPTED
    assert {filter_: reader.subscribe(filter_) for filter_ in granted} == granted
