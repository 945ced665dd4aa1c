"""A database that fails over, and one that takes no writes, under everything that runs."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from support.postgresql import PostgreSQL
from support.service import HTTP, Service, Web, until

Run = Callable[..., Service]
QUICK = {"seconds": 0.5, "steps": 3, "errors": []}
DEMOTED_SECONDS = 40


@pytest.fixture
def pair() -> Iterator[tuple[PostgreSQL, PostgreSQL]]:
    """A primary, and a standby that follows it."""
    with PostgreSQL() as primary, PostgreSQL(standby_of=primary) as standby:
        yield primary, standby


def start(web: Web, key: str) -> int:
    """Ask for a build as the page does, with a key; return the status of the answer."""
    headers = {"Idempotency-Key": key}
    path = f"{web.url}/api/projects/acme/builds"
    return HTTP.post(path, json={"script": QUICK}, headers=headers).status_code


def recorded(web: Web) -> list[str]:
    """Return the statuses of the builds in the list; the history is asked for it."""
    answer = HTTP.get(f"{web.url}/api/builds")
    return [build["status"] for build in answer.json().get("builds", [])]


def readiness(web: Web) -> str:
    answer = HTTP.get(f"{web.url}/readyz").json()
    return str(answer.get("detail", answer.get("status")))


def test_a_standby_that_is_promoted_goes_on_where_its_primary_ended(
    run: Run, free_port: Callable[[], int], pair: tuple[PostgreSQL, PostgreSQL]
) -> None:
    primary, standby = pair
    # The standby first: a server that takes no writes is passed over.
    hosts = {"host": (str(standby.folder), str(primary.folder))}
    wanted = {**hosts, "target_session_attrs": "read-write"}
    url = make_url(primary.new_database()).set(query=wanted).render_as_string()
    web = run("up", database_url=url, mqtt_port=free_port())
    assert isinstance(web, Web)
    web.until_ready()
    assert start(web, "one") == 202
    until(lambda: recorded(web) == ["succeeded"], "the first build ends")

    primary.stop()
    standby.promote()

    until(lambda: start(web, "two") == 202, "a start on the new primary", 30)
    until(lambda: recorded(web) == ["succeeded", "succeeded"], "the second build ends", 30)
    until(lambda: readiness(web) == "ready", "ready again", 30)

    standby.demote()  # as if it became a standby again, and there were no other

    until(lambda: start(web, "three") == 503, "a start is refused")
    until(
        lambda: "History has been behind" in readiness(web),
        "readiness says that it lasts",
        DEMOTED_SECONDS,
    )
    metrics = HTTP.get(f"{web.url}/metrics").text
    assert "buildfeed_ready 0.0" in metrics
    assert "session is read-only" in web.text  # strangers who ask /readyz are not told
    assert "history.needed" in web.text

    standby.restore()

    until(lambda: start(web, "three") == 202, "a start is taken again", 30)
    until(lambda: readiness(web) == "ready", "ready again", 30)
    assert "history.down" in web.text
    assert "history.up" in web.text
    until(lambda: recorded(web) == ["succeeded"] * 3, "the third build ends")
