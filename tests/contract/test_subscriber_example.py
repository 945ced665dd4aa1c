import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from buildfeed import command
from buildfeed.activity import Script, encode
from support.peers import Connect

EXAMPLE = Path(__file__).parents[2] / "examples" / "subscriber.py"


@pytest.fixture
def printed(broker_url: str, tmp_path: Path) -> Iterator[Path]:
    """What the example prints, while it runs."""
    output = tmp_path / "printed"
    with output.open("wb") as file:
        app = subprocess.Popen([sys.executable, EXAMPLE, broker_url], stdout=file, stderr=file)
    yield output
    still_running = app.poll() is None
    app.kill()
    app.wait()
    assert still_running, output.read_text()


def test_a_third_party_app_prints_what_is_published_and_survives_what_is_broken(
    broker_url: str, connect: Connect, printed: Path
) -> None:
    build = secrets.token_hex(16)
    now = datetime.now(UTC)
    start = command.start("acme", build, now, by="ada", script=Script(), priority="normal")
    publisher = connect(broker_url).link
    deadline = time.monotonic() + 20
    while f"acme {build} queued 0 %\n" not in printed.read_text():
        assert time.monotonic() < deadline, printed.read_text()
        for payload in (b"{", encode(start)):
            publisher.publish(str(start.topic), payload, qos=1).result(5)
        time.sleep(0.1)  # until it has subscribed
