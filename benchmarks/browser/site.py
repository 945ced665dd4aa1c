"""What serves the page while it is measured: broker, gateway and recorder, each a real one."""

import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from buildfeed.broker.local import ports
from support.brokers import Mosquitto
from support.own_builds import publishing_url
from support.service import HTTP, Service, Web, until


class Site:
    """A gateway at `url`, and where builds are published."""

    def __init__(self, web: Web, mqtt_url: str) -> None:
        self.web = web
        self.url = web.url
        self.mqtt_url = mqtt_url

    def watchers(self) -> int:
        """Return how many connections of watchers the gateway has."""
        text = HTTP.get(f"{self.url}/metrics").text
        found = re.findall(r"^buildfeed_watchers{.*} (.+)$", text, re.MULTILINE)
        return round(sum(map(float, found)))

    def until_recorded(self, ended: int) -> None:
        """Wait until the history has so many builds that have ended."""
        until(lambda: self._ended(ended), f"{ended} builds are recorded", 120)

    def _ended(self, wanted: int) -> bool:
        found, after = 0, ""
        while found < wanted:
            answer = HTTP.get(f"{self.url}/api/builds?limit=100{after}").json()
            found += sum(each["ended"] is not None for each in answer["builds"])
            if not answer.get("next"):
                break
            after = f"&before={answer['next']}"
        return found >= wanted


@contextmanager
def for_load() -> Iterator[Site]:
    """Serve from Mosquitto: of all brokers it leaves the page most of the machine."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        directory = Path(folder)
        broker = Mosquitto(directory, "max_queued_messages 0", "set_tcp_nodelay true")
        broker.start()
        stack.callback(broker.stop)
        stack.enter_context(Service("recorder", directory, mqtt_url=broker.url))
        options = {"mqtt_url": broker.url, "port": free_port(), "max_per_address": 0}
        web = stack.enter_context(Web("gateway", directory, **options)).until_ready()
        yield Site(web, broker.url)


@contextmanager
def by_up() -> Iterator[Site]:
    """Serve by `buildfeed up`, which has a worker of fake builds too."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port(2)
        with Web("up", Path(folder), port=port, mqtt_port=port + 1) as web:
            web.until_ready()
            yield Site(web, publishing_url(web))


def free_port(count: int = 1) -> int:
    """Return a free port, the first of so many in a row."""
    port = ports.free_block(count, secrets.randbelow(100_000))
    if port is None:
        raise RuntimeError("no port is free")
    return port
