"""Measures the time until a gateway with a long history is ready, and its memory.

On SQLite and on a private PostgreSQL, with a private RabbitMQ. `ready` counts from the start of the
process, `caught up` from its connection with the broker.
usage: python benchmarks/catch_up.py [BUILDS] [UNFINISHED]
"""

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.path += [str(ROOT), str(ROOT / "tests")]

from lives import life  # noqa: E402

from buildfeed.broker.local import ports  # noqa: E402
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ  # noqa: E402
from buildfeed.history.store import Store  # noqa: E402
from support.postgresql import PostgreSQL  # noqa: E402


def main(builds: str = "100000", unfinished: str = "1000") -> None:
    """Measure with an empty history, and with `builds` ended and `unfinished` other builds."""
    with tempfile.TemporaryDirectory() as folder, PostgreSQL(durable=True) as postgresql:
        broker = PrivateRabbitMQ(Path(folder) / "rabbitmq")
        broker.start()
        try:
            for name in ("sqlite", "postgresql"):
                for ended, running in ((0, 0), (int(builds), int(unfinished))):
                    url = (
                        f"sqlite:///{folder}/{ended}.db"
                        if name == "sqlite"
                        else postgresql.new_database()
                    )
                    fill(url, ended, running)
                    print(f"{name:10} {ended:>6} ended, {running:>5} not: {measure(url, broker)}")
        finally:
            broker.stop()


def fill(url: str, ended: int, unfinished: int) -> None:
    """Store builds of which `ended` have ended; of each only the last activity."""
    lives = (life(number, ends=number < ended)[-1] for number in range(ended + unfinished))
    with closing(Store(url)) as store:
        store.position()
        while batch := list(islice(lives, 1000)):
            store.append(batch)


def measure(url: str, broker: PrivateRabbitMQ) -> str:
    """Run a gateway until it is ready; return times and memory as text."""
    port = ports.free_block(1, secrets.randbelow(100_000))
    environment = os.environ | {
        "BUILDFEED_MQTT_URL": broker.mqtt_url,
        "BUILDFEED_AMQP_URL": broker.amqp_url,
        "BUILDFEED_DATABASE_URL": url,
        "BUILDFEED_PORT": str(port),
    }
    command = [sys.executable, "-m", "gateway"]
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    while not ready(f"http://127.0.0.1:{port}/readyz"):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    seconds = time.monotonic() - began
    memory = re.findall(
        r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE
    )
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate()
    times = {
        event: datetime.fromisoformat(line.split()[0])
        for line in log.splitlines()
        for event in ("mqtt.up", "gateway.caught_up")
        if f" {event} " in line
    }
    caught_up = times["gateway.caught_up"] - times["mqtt.up"]
    return (
        f"ready in {seconds:.2f} s, caught up in {caught_up.total_seconds():.3f} s, "
        f"{int(memory[0]) / 1024:.0f} MiB at most"
    )


def ready(url: str) -> bool:
    """Tell whether the gateway is ready."""
    try:
        with DIRECT.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
