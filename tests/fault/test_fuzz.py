"""Input that is made up, at every door of a gateway: no failure, no traceback, no growth.

`make fuzz` takes ten minutes, as does `pytest tests/fault/test_fuzz.py -s --fuzz-seconds=120`.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from buildfeed.broker.local import ports
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support import hostile
from support.api_fuzzer import ApiFuzzer
from support.rabbitmq import ControlledRabbitMQ
from support.service import HTTP, Service, Web
from support.strange_activities import some_message
from support.strange_credentials import Impostors
from support.virtual_host import VirtualHost
from support.vitals import Vitals

MOST_MIB = 40
"""Growth of the highest memory: input that comes at once takes some, and Python keeps it."""
WARM_UP = 10
"""Seconds before memory is measured, of a long run: the heap grows to what it takes at once."""
A_SECOND = {"frames": 2000, "requests": 500}
"""What strangers send in a second, about: they are counted, not timed."""
WINDOW = 200
"""Messages that are published until the broker has acknowledged them."""


class Scene(NamedTuple):
    gateway: Web
    recorder: Service
    mqtt_url: str
    token: str
    session: str


@pytest.fixture(scope="module")
def scene(
    rabbitmq: ControlledRabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("fuzz")
    host = VirtualHost(rabbitmq, "fuzz")
    url = f"sqlite:///{directory / 'history.db'}"
    with closing(Database(url)) as database:
        tokens = Tokens(database)
        token, secret = tokens.add("ada", Grants.parse(["operator"]))
        session = tokens.sign_in(token.id)
    urls = {"mqtt_url": host.mqtt_url, "database_url": url}
    own = {"port": ports.free_block(1, 0), "anonymous": "viewer", "amqp_url": host.amqp_url}
    with (
        Service("recorder", directory, **urls) as recorder,
        Web("gateway", directory, **urls, **own, idle_seconds=5) as gateway,
    ):
        yield Scene(gateway.until_ready(), recorder, host.mqtt_url, secret, session)


def at_the_api(scene: Scene, seconds: float, seed: int) -> Counter[str]:
    fuzzer = ApiFuzzer(scene.gateway.url, scene.token)
    fuzzer.run(seconds, seed)
    assert fuzzer.failed == [], f"seed {seed}"
    assert fuzzer.undescribed == [], f"seed {seed}"
    assert fuzzer.answers["200"], f"seed {seed}"
    return fuzzer.answers


def with_tokens(scene: Scene, seconds: float, seed: int) -> Counter[str]:
    port = int(str(scene.gateway.options["port"]))
    impostors = Impostors(port, [scene.token, scene.session], seed)
    asyncio.run(impostors.run(seconds))
    assert impostors.let_in == [], f"seed {seed}"
    assert impostors.answers["401"], f"seed {seed}"
    return impostors.answers


def by_frames(scene: Scene, seconds: float, seed: int) -> Counter[str]:
    return strangers(scene, "frames", seconds, seed)


def by_polling(scene: Scene, seconds: float, seed: int) -> Counter[str]:
    return strangers(scene, "requests", seconds, seed)


def strangers(scene: Scene, kind: str, seconds: float, seed: int) -> Counter[str]:
    count = round(A_SECOND[kind] * seconds)
    words = [hostile.__file__, kind, scene.gateway.options["port"], count, seed]
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers: Counter[str] = Counter(json.loads(done.stdout))
    answers["sent"] = count
    return answers


def by_mqtt(scene: Scene, seconds: float, seed: int) -> Counter[str]:
    rng, answers = random.Random(seed), Counter[str]()
    link = MqttLink(scene.mqtt_url, name="fuzz")
    link.start()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            said = [link.publish(*some_message(rng), qos=1) for _ in range(WINDOW)]
            for each in said:
                each.result(30)
            answers["published"] += len(said)
    finally:
        link.stop()
    return answers


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", [at_the_api, with_tokens, by_frames, by_polling, by_mqtt])
def test_made_up_input_harms_nobody(
    door: Callable[[Scene, float, int], Counter[str]],
    scene: Scene,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds, seed = pytestconfig.getoption("fuzz_seconds"), pytestconfig.getoption("seed")
    if seconds > WARM_UP:
        door(scene, WARM_UP, seed + 1)
    with Vitals(scene.gateway) as vitals:
        answers = door(scene, seconds, seed)
    inputs = answers.pop("sent", 0) or sum(answers.values())
    told = f"{door.__name__}, seed {seed}: {inputs} inputs, {vitals}"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n{dict(sorted(answers.items()))}\n")
    served = HTTP.get(
        f"{scene.gateway.url}/api/session", headers={"Authorization": f"Bearer {scene.token}"}
    )
    assert served.json()["name"] == "ada", told
    assert not [code for code in answers if code.startswith("5")], told
    for service in (scene.gateway, scene.recorder):
        assert "Traceback" not in service.text, told
        assert " ERROR " not in service.text, told
    assert vitals.grown < MOST_MIB, told
