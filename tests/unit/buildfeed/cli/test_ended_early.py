"""`tail`, `start` and `stop`, ended by Ctrl-C or by a reader of their output who has enough."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.told_gateway import STREAM, ToldGateway, answer, build, events

STARTS = "/api/projects/acme/builds"
FEED = ("feed", {})


def begun(folder: Path, url: str, *words: str, output: int) -> "subprocess.Popen[str]":
    own = {k: v for k, v in os.environ.items() if not k.startswith(("BUILDFEED_", "XDG_CONFIG"))}
    return subprocess.Popen(
        [sys.executable, "-m", "buildfeed", *words],
        cwd=folder,
        env={**own, "HOME": str(folder), "BUILDFEED_URL": url},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tail",), ""),
        (("tail", "acme/01a1", "--wait"), ""),
        (("start", "acme"), "The start may have been sent already: see {url}/projects/acme.\n"),
        (("start", "acme", "--wait"), "The start may have been sent already: see {url}/projec"),
        (("stop", "acme", "01a1"), ""),
    ],
)
def test_ctrl_c_while_the_gateway_does_not_answer(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        command = begun(tmp_path, url, *words, output=subprocess.PIPE)
        mute.settimeout(30)
        with mute.accept()[0]:
            command.send_signal(signal.SIGINT)
            _, trouble = command.communicate(timeout=30)
    assert command.returncode == 130, trouble
    assert trouble.startswith(said.format(url=url))
    assert said or not trouble


@pytest.mark.parametrize("words", [("tail", "acme/01a1", "--wait"), ("stop", "acme", "01a1")])
def test_a_closed_pipe_is_no_failed_build(tmp_path: Path, words: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with ToldGateway() as told:
        told.tell(STREAM, events(("build", build()), FEED, holds=True))
        told.tell(f"{STARTS}/01a1/stop", answer(build(stopping=True), 202))
        command = begun(tmp_path, told.url, *words, output=writes)
        os.close(writes)
        _, trouble = command.communicate(timeout=30)
    assert (command.returncode, trouble) == (141, "")


def test_the_same_where_its_sentences_go_there_too(tmp_path: Path) -> None:
    with ToldGateway() as told:
        told.tell(STREAM, events(("build", build()), FEED))
        command = begun(tmp_path, told.url, "tail", "--log", "acme/01a1", output=subprocess.DEVNULL)
        assert command.stderr
        command.stderr.close()
        assert command.wait(30) == 141
