"""The page in a real Firefox: every view comes up live, and a press reaches the build."""

from collections.abc import Iterator

import pytest

from support.firefox import Firefox
from support.service import Web
from support.views import PATHS

LIVE = "document.querySelector('#connection-status')?.textContent.includes('Live')"
THERE = "document.querySelector('main')?.innerText.trim()"
SLOW = {"seconds": 60, "steps": 300, "errors": [2]}


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox
        assert firefox.errors == []


@pytest.mark.parametrize("path", PATHS)
def test_every_view_comes_up(up: Web, firefox: Firefox, path: str) -> None:
    firefox.open(up.url + path)
    firefox.until(f"{THERE} && (!document.querySelector('#connection-status') || {LIVE})", path)


def test_a_build_is_shown_while_it_runs_and_stopped_by_a_press(up: Web, firefox: Firefox) -> None:
    firefox.open(f"{up.url}/projects/in-firefox")
    firefox.until(LIVE, "it is live")
    build = up.press_start("in-firefox", script=SLOW)["build"]
    bar = "document.querySelector('[role=progressbar]')"
    firefox.until(f"{bar}?.getAttribute('aria-valuenow') > 0", "the bar moves")
    firefox.until(f"{bar}.dataset.bar === 'bad'", "it turns red")
    stop = (
        "[...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Stop')"
    )
    firefox.evaluate(f"({stop}).click()")
    up.until_status("in-firefox", build, "stopped")
    firefox.until("document.body.innerText.includes('Stopped')", "it says so")
