import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

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


@pytest.mark.parametrize("arguments", [[], ["x"], ["http://x"], ["mqtt://h:port"], ["a", "b"]])
def test_the_example_says_how_it_is_used(arguments: list[str]) -> None:
    assert said(*arguments) == "usage: python examples/subscriber.py mqtt://user:password@host:1883"


def test_the_example_says_that_it_may_not_log_in(broker_url: str) -> None:
    address = urlsplit(broker_url)
    wrong = f"mqtt://nobody:wrong@{address.hostname}:{address.port}"
    if address.username:  # a broker that asks who it is
        assert "cannot be used: " in said(wrong)
        assert "wrong" not in said(wrong)


def test_the_example_says_that_there_is_no_broker(free_port: Callable[[], int]) -> None:
    port = free_port()
    start = f"The broker at 127.0.0.1:{port} cannot be used: "
    assert said(f"mqtt://127.0.0.1:{port}").startswith(start)


def said(*arguments: str) -> str:
    """The one line that the example prints before it fails."""
    command = [sys.executable, EXAMPLE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line
