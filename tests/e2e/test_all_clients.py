"""Every kind of socket.io client, with one gateway process and several, directly and by proxies."""

import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from buildfeed.broker.local import ports
from support import documented
from support.crowd import JAVASCRIPT, KINDS, Kind, Member, crowd
from support.haproxy import HAProxy
from support.nginx import Nginx
from support.service import HTTP, Web, until

PROCESSES = 4
LONG = {"seconds": 60, "steps": 600, "errors": []}
FAST = {"seconds": 0.5, "steps": 5, "errors": [60]}
WHOLE = {"start", "queued", "running", "error", "status", "failed"}
"""What is heard of a fast build from its start to its end."""

projects = (f"crowd-{number}" for number in itertools.count())


class Door(NamedTuple):
    """Something that passes on to a gateway."""

    before: Callable[[Path, int, int], AbstractContextManager[Any]]
    passes_websockets: bool = True


def documented_nginx(upstream: str = "") -> str:
    """What docs/running.md gives, without the login."""
    text = documented.configuration("nginx")
    lines = [line for line in text.splitlines() if "auth_basic" not in line]
    pass_on = {f"proxy_pass http://{documented.GATEWAY}": f"proxy_pass http://{upstream}"}
    return documented.fitted("\n".join(lines), pass_on if upstream else {})


def nginx(directory: Path, port: int, gateway: int) -> Nginx:
    return Nginx(directory, port, fitted(documented_nginx(), "listen 8080", port, gateway))


def nginx_with_keepalive(directory: Path, port: int, gateway: int) -> Nginx:
    text = documented.configuration("nginx", 1) + documented_nginx("gateways")
    return Nginx(directory, port, fitted(text, "listen 8080", port, gateway))


def nginx_by_its_defaults(directory: Path, port: int, gateway: int) -> Nginx:
    location = f"location / {{ proxy_pass http://127.0.0.1:{gateway}; }}"
    return Nginx(directory, port, f"server {{ listen 127.0.0.1:{port}; {location} }}")


def haproxy(directory: Path, port: int, gateway: int) -> HAProxy:
    text = documented.configuration("haproxy")
    return HAProxy(directory, port, fitted(text, "bind :8080", port, gateway))


def fitted(text: str, listen: str, port: int, gateway: int) -> str:
    here = {listen: f"{listen.split(maxsplit=1)[0]} 127.0.0.1:{port}"}
    return documented.fitted(text, here | {documented.GATEWAY: f"127.0.0.1:{gateway}"})


DOORS = {
    "directly": Door(lambda _directory, _port, gateway: nullcontext(gateway)),
    "nginx": Door(nginx),
    "nginx with keep-alive": Door(nginx_with_keepalive),
    "nginx by its defaults": Door(nginx_by_its_defaults, passes_websockets=False),
    "HAProxy": Door(haproxy),
}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway of four processes."""
    port = ports.free_block(2, os.getpid()) or 0
    directory = tmp_path_factory.mktemp("several")
    options = {"port": port, "mqtt_port": port + 1, "workers": PROCESSES}
    with Web("up", directory, **options) as web:
        web.until_ready()
        until(lambda: web.text.count("gateway.caught_up") == PROCESSES, "all processes", 60)
        yield web


@pytest.fixture(params=DOORS)
def door(
    request: pytest.FixtureRequest, several: Web, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[tuple[str, list[Kind]]]:
    """The address of a door to the gateway of four processes, and the clients that get through."""
    port, gateway = free_port(), int(several.options["port"])
    found = DOORS[request.param]
    kinds = [each for each in KINDS if found.passes_websockets or "polling" in each.transports]
    if not found.passes_websockets:
        kinds = [each._replace(transports=["polling"]) for each in kinds]
    with found.before(tmp_path, port, gateway) as before:
        yield getattr(before, "url", several.url), kinds


def test_all_see_the_right_picture_though_their_process_is_killed(
    several: Web, door: tuple[str, list[Kind]]
) -> None:
    url, kinds = door
    follow(several, url, kinds, signal.SIGKILL)


def test_all_see_the_right_picture_though_the_only_process_is_restarted(
    run: Callable[..., Web], free_port: Callable[[], int]
) -> None:
    web = run("up", mqtt_port=free_port()).until_ready()
    follow(web, web.url, KINDS, signal.SIGTERM)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_hundred_pollers_see_the_right_picture_though_a_process_is(
    several: Web, tmp_path: Path, free_port: Callable[[], int], blow: signal.Signals
) -> None:
    options = {"transports": ["polling"]}
    kind = Kind("poller", JAVASCRIPT, "socket.io-client", options, ["polling"])
    port, gateway = free_port(), int(several.options["port"])
    with nginx_with_keepalive(tmp_path, port, gateway) as proxy:
        follow(several, proxy.url, [kind] * 100, blow)


def follow(web: Web, url: str, kinds: list[Kind], blow: signal.Signals) -> None:
    """Let clients watch builds, strike the process that serves most of them, and compare."""
    project = next(projects)
    with crowd(url, f"builds/{project}/#", kinds) as members:
        until_all(members, settled, "watch")
        running = web.press_start(project, script=LONG)["build"]
        first = web.press_start(project, script=FAST)["build"]
        until_all(members, lambda each: each.heard.get(first, set()) >= WHOLE, f"heard all {first}")
        until_all(members, lambda each: each.status(running) == "running", "one runs")

        victim = Counter(each.pid for each in members).most_common(1)[0][0]
        struck = [each for each in members if each.pid == victim]
        os.kill(victim, blow)

        until_all(struck, lambda each: each.connects > 1, "came back")
        until_all(members, lambda each: each.pid != victim and settled(each), "watch again")
        for each in members:
            # A request to the victim may have been lost, also of another process's session.
            assert each.connects == 1 or each in struck or each.transport == "polling"
        last = until(lambda: start(web, project), "a start")
        web.press_stop(project, running)
        until_all(members, lambda each: each.status(last) == "failed", "saw it end")
        until_all(members, lambda each: each.status(running) == "stopped", "saw it stopped")
        told = HTTP.get(f"{web.url}/api/builds?project={project}").json()["builds"]
        for each in members:
            assert outline(each.picture.values()) == outline(told), each
    assert "Traceback" not in web.text
    assert "socket.bad_packet" not in web.text


def settled(member: Member) -> bool:
    """Whether it watches, by the best transport that it can have."""
    is_there = member.pid != 0 and member.watching
    return is_there and member.transport == member.kind.transports[0]


def outline(builds: Any) -> dict[str, tuple[Any, ...]]:
    keys = "status", "progress", "errors", "error", "attempt", "seq", "ended", "stoppedBy"
    return {build["build"]: tuple(build[key] for key in keys) for build in builds}


def until_all(members: list[Member], fits: Callable[[Member], object], what: str) -> None:
    try:
        until(lambda: all(map(fits, members)), what, 30)
    except AssertionError as exc:
        missing = [each for each in members if not fits(each)]
        raise AssertionError(f"{exc}; not so: {missing}") from None


def start(web: Web, project: str) -> str | None:
    """Press start; None when it went to the process that was just struck."""
    try:
        return str(web.press_start(project, script=FAST)["build"])
    except httpx.TransportError:
        return None
