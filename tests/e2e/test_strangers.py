"""Whatever a client of socket.io sends, a watcher is one who is connected, and nobody else is."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Final, Self

import pytest
import socketio
import websocket
from conftest import free_block
from service import Web, until
from sse import metric, watching

SESSIONS: Final = 400
WATCHERS: Final = 'buildfeed_watchers{transport="socketio"}'
MIB: Final = 1024 * 1024

WATCH = '{"watch":"builds/#"}'
NAMES = ["connect", "disconnect", "connect_error", "disconnecting", "message", "error", "*"]
NAMES += ["__disconnect_final", "newListener", "removeListener", "join", "feed", "build", "watch"]
NAMES += ["unwatch", "", "constructor"]
ARGUMENTS = ["", ",{}", f",{{}},{WATCH}", f",{WATCH}", ',"builds/#"', ',["builds/#"]', ",1,2,3,4"]
ARGUMENTS += [',"a reason\\nof mine"', ",null", ',{"_placeholder":true,"num":0}', ",[]"]
AUTHS = ["", WATCH, "{}", '{"watch":[]}', '{"watch":"x"}', '{"watch":{"a":[1]}}', '{"watch":null}']
AUTHS += ["[]", "7", '"x"', '{"watch":["builds/#",3]}', '{"watch":' + "[" * 900 + "]" * 900 + "}"]
ODD = [
    "42",
    "42[]",
    "42[[]]",
    '42[["connect"]]',
    '42[{"a":1}]',
    "42[1]",
    "42[null,{}]",
    '42{"0":1}',
]
ODD += ["41", "41/x,", "41{}", "40/x,", f"40/x,{WATCH}", f"40/,{WATCH}", "43[]", "430[]", "44{}"]
ODD += ['451-["connect",{"_placeholder":true,"num":0}]', '459-["connect"]', '452-/x,["connect"]']
ODD += ['451-["disconnect"]', '451-7["watch",{"_placeholder":true,"num":0}]', "461-[]", "451-"]
ODD += ['42["watch",' + "[" * 900 + "]" * 900 + "]", "4", "47", "42[" + "9" * 99]
ODD += ["3", "x", "bAAEC", "b4", '42["watch","builds/#"', '4299["watch","builds/\\u0000/#"]']


def some_packet(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(ODD)
    if rng.random() < 0.3:
        return rng.choice(["41", "41", "40" + rng.choice(AUTHS), "1"])
    namespace = rng.choice(["", "", "", "/x,", "/,"])
    ack = rng.choice(["", str(rng.randrange(100))])
    return f'42{namespace}{ack}["{rng.choice(NAMES)}"{rng.choice(ARGUMENTS)}]'


class Polling:
    """A session of Engine.IO that polls."""

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


class Direct:
    """A WebSocket; `path` and `sid` say to whom."""

    def __init__(self, gateway: Web, path: str = "/socket.io/", sid: str = "") -> None:
        address = gateway.url.replace("http", "ws") + f"{path}?EIO=4&transport=websocket"
        self._raw = websocket.create_connection(address + (f"&sid={sid}" if sid else ""), timeout=5)

    def send(self, *packets: str) -> None:
        with suppress(OSError, websocket.WebSocketException):
            for packet in packets:
                self._raw.send(packet)

    def poll(self) -> list[str]:
        return [str(self._raw.recv())]

    def close(self) -> None:
        self._raw.close()


class Upgraded(Direct):
    """A session of Engine.IO that polled, and is a WebSocket now."""

    def __init__(self, gateway: Web) -> None:
        session = Polling(gateway)
        super().__init__(gateway, sid=session.sid)
        self.send("2probe")
        assert self.poll() == ["3probe"]
        self.send("5")


ENTRANCES = pytest.mark.parametrize("entrance", [Polling, Upgraded, Direct])
Entrance = type[Polling] | type[Direct]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway that nobody else watches."""
    port = free_block(2)
    directory = tmp_path_factory.mktemp("strangers")
    with Web("up", directory, port=port, mqtt_port=port + 1) as web:
        yield web.until_ready()


@ENTRANCES
def test_whatever_strangers_send_those_are_watchers_who_are_connected(
    own: Web, entrance: Entrance
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    before = 0.0
    with socketio.SimpleClient() as honest, watching(own, "builds/honest/#") as reader:
        honest.connect(own.url)
        honest.call("watch", "builds/honest/#")
        for number in range(SESSIONS):
            if number == SESSIONS // 4:
                before = metric(own, "process_resident_memory_bytes")
            with closing(entrance(own)) as stranger:
                packets = [some_packet(rng) for _ in range(rng.randrange(1, 12))]
                stranger.send(*rng.choice([[], ["40" + rng.choice(AUTHS)]]), *packets)
        until(lambda: metric(own, WATCHERS) == 1, "only those are watchers who are connected")
        print(metric(own, "process_resident_memory_bytes") / MIB, before / MIB)
        assert metric(own, "process_resident_memory_bytes") - before < 12 * MIB
        build = own.press_start("honest", script={"seconds": 0.1, "steps": 1, "errors": []})[
            "build"
        ]
        reader.until("build", build=build, status="succeeded")
        heard = ""
        while heard != "succeeded":
            name, body = honest.receive(timeout=10)
            heard = body["status"] if name == "build" else heard
    assert "Traceback" not in own.text, own.text[-6000:]
