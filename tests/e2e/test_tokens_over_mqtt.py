"""`buildfeed up` with its embedded broker, for those who have a token and those who have none."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support.own_builds import mqtt_url
from support.programs import lines
from support.raw_mqtt import ACCEPTED, NOT_AUTHORIZED, REFUSED, Raw
from support.service import HTTP, Service, Web, until

Run = Callable[..., Service]


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
    password = tmp_path / "mqtt-reader-password"
    assert not password.exists()
    assert Raw(url.replace("://", "://reader:only@"), "a").connack == NOT_AUTHORIZED
    with closing(Database(f"sqlite:///{tmp_path}/history.db")) as database:
        tokens = Tokens(database)
        _, secret = tokens.add("ada", Grants.parse(["builder@acme"]))
        mine = f"{url.replace('://', f'://ada:{secret}@')}/builds/acme/#"
        with lines("mosquitto_sub", "-L", mine, "-i", "ada:phone", "-F", "%t") as heard:

            def hears() -> bool:
                bearer = {"Authorization": f"Bearer {secret}"}
                start = f"{up.url}/api/projects/acme/builds"
                assert HTTP.post(start, headers=bearer).status_code == 202
                return any(line.strip().endswith("/status") for line in heard)

            until(hears, "a build is heard")
            tokens.revoke("ada")
            until(lambda: "embedded.token_ended" in up.text, "it is closed", seconds=5)


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
