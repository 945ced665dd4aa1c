"""Whatever a client of socket.io sends, a watcher is one who is connected, and nobody else is."""

import json
import random
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Final

import pytest
import socketio
import websocket

from buildfeed.broker.local import ports
from support.service import Web, until
from support.sse import metric
from support.strange_packets import WATCH, some_connect, some_packet

SESSIONS: Final = 400
WATCHERS: Final = 'buildfeed_watchers{transport="socketio"}'
MEMORY: Final = "process_resident_memory_bytes"
MIB: Final = 1024 * 1024


class Stranger:
    """A client of Engine.IO that sends what it likes."""

    def poll(self) -> list[str]:
        raise NotImplementedError

    def send(self, *packets: str) -> None:
        raise NotImplementedError

    def until_answered(self) -> object:
        """Wait until everything sent before is taken; return the answer to an `unwatch`."""
        self.send('42777["unwatch",[]]')
        while True:
            for packet in self.poll():
                if packet.startswith("43777"):
                    return json.loads(packet[5:])[0]


class Polling(Stranger):
    """One that polls."""

    def __init__(self, gateway: Web) -> None:
        self._http = HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
        self._path = "/socket.io/?EIO=4&transport=polling"
        self.sid = json.loads(self.poll()[0][1:])["sid"]
        self._path += f"&sid={self.sid}"

    def poll(self) -> list[str]:
        return self._ask("GET").split("\x1e")

    def send(self, *packets: str) -> None:
        for begin in range(0, len(packets), 16):  # the library takes no more at once
            self._ask("POST", "\x1e".join(packets[begin : begin + 16]))

    def _ask(self, method: str, body: str = "") -> str:
        self._http.request(method, self._path, body.encode())
        return self._http.getresponse().read().decode()

    def close(self) -> None:
        self.send("1")
        self._http.close()


class Direct(Stranger):
    """One that begins as a WebSocket."""

    def __init__(self, gateway: Web, session: str = "") -> None:
        address = gateway.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self._raw = websocket.create_connection(address + session, timeout=5)

    def send(self, *packets: str) -> None:
        with suppress(OSError, websocket.WebSocketException):
            for packet in packets:
                self._raw.send(packet)

    def poll(self) -> list[str]:
        return [str(self._raw.recv())]

    def close(self) -> None:
        self._raw.close()


class Upgraded(Direct):
    """One that polled, and is a WebSocket now."""

    def __init__(self, gateway: Web) -> None:
        super().__init__(gateway, f"&sid={Polling(gateway).sid}")
        self.send("2probe")
        assert self.poll() == ["3probe"]
        self.send("5")


ENTRANCES = pytest.mark.parametrize("entrance", [Polling, Upgraded, Direct])
Entrance = type[Polling] | type[Direct]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway that nobody else watches."""
    port = ports.free_block(2, secrets.randbelow(100_000))
    assert port
    directory = tmp_path_factory.mktemp("strangers")
    with Web("up", directory, port=port, mqtt_port=port + 1) as web:
        yield web.until_ready()


@ENTRANCES
def test_whatever_strangers_send_those_are_watchers_who_are_connected(
    own: Web, entrance: Entrance
) -> None:
    rng = random.Random(seed := random.randrange(2**32))
    sys.stdout.write(f"seed {seed}\n")
    with socketio.SimpleClient() as honest:
        honest.connect(own.url)
        honest.call("watch", "builds/honest/#")
        for number in range(SESSIONS):
            if number == SESSIONS // 4:
                before = metric(own, MEMORY)
            with closing(entrance(own)) as stranger:
                some = [some_packet(rng) for _ in range(rng.randrange(1, 12))]
                stranger.send(*rng.choice([[], [some_connect(rng)]]), *some)
        until(lambda: metric(own, WATCHERS) == 1, "only those are watchers who are connected")
        assert metric(own, MEMORY) - before < 12 * MIB

        script = {"seconds": 0.1, "steps": 1, "errors": []}
        build = own.press_start("honest", script=script)["build"]
        while (event := honest.receive(timeout=10))[0] != "build" or not event[1]["ended"]:
            pass
        assert event[1]["build"] == build
    until(lambda: metric(own, WATCHERS) == 0, "nobody is left")
    assert "Traceback" not in own.text, own.text[-4000:]


@ENTRANCES
def test_nobody_comes_or_goes_by_an_event(own: Web, entrance: Entrance) -> None:
    with closing(entrance(own)) as first, closing(entrance(own)) as second:
        for stranger in (first, second):
            stranger.send("40", '42["disconnect","a reason of mine"]', '42["disconnect"]')
        first.until_answered()
        second.until_answered()
        assert metric(own, WATCHERS) == 2
        first.send('42["connect",{},{"watch":"builds/#"}]', "41", '42["connect",{},{}]')
        until(lambda: metric(own, WATCHERS) == 1, "one has left")
        second.until_answered()
        assert metric(own, WATCHERS) == 1
    until(lambda: metric(own, WATCHERS) == 0, "nobody is left")
    assert "reason of mine" not in own.text


@ENTRANCES
def test_a_session_may_be_connected_again_and_again(own: Web, entrance: Entrance) -> None:
    with closing(entrance(own)) as stranger:
        for _ in range(5):
            stranger.send(
                f"40{WATCH}", '42["watch","builds/acme/#"]', f'42["connect",{{}},{WATCH}]'
            )
            stranger.send("41")
        stranger.send("40")
        assert stranger.until_answered() == {"watching": []}
        assert metric(own, WATCHERS) == 1
    until(lambda: metric(own, WATCHERS) == 0, "nobody is left")
