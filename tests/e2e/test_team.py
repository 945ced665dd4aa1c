"""docs/team.md, command by command: from nothing to twenty people, one who leaves, an upgrade.

The tests go on where the one before ended. `support/virtual_machine.py` says what is not as on a
machine of one's own.
"""

import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from buildfeed.broker.local import ports
from support.people import expect_live, expect_signed_in
from support.programs import ROOT
from support.service import until
from support.virtual_machine import OPERATOR, VirtualMachine

TEXT = (ROOT / "docs" / "team.md").read_text()
EXAMPLE = ROOT / "examples" / "own_build.py"
QUICK = {"seconds": 0.5, "steps": 5, "errors": []}
SLOW = {"seconds": 4, "steps": 8, "errors": []}


class Team:
    """The machine, and the blocks of the page that were not run yet."""

    def __init__(self, machine: VirtualMachine) -> None:
        self.machine = machine
        parts = re.split(r"^## (.+)\n", TEXT, flags=re.MULTILINE)[1:]
        self.left = {
            title: re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
            for title, text in zip(parts[::2], parts[1::2], strict=True)
        }
        self.http = httpx.Client(
            base_url=machine.url,
            verify=ssl.create_default_context(cafile=machine.certificate),
            trust_env=False,
            timeout=10,
        )

    def read(self, title: str) -> str:
        """Do what a section of the page says; return what its commands say."""
        return "".join(map(self.machine.run, self.left.pop(title)))

    def link(self, name: str) -> str:
        return (self.machine.root / "home" / "links" / name).read_text().strip()

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.link(name).partition('#')[2]}"}

    def started(self, name: str, project: str, script: dict[str, Any]) -> str:
        url = f"/api/projects/{project}/builds"
        answer = self.http.post(url, json={"script": script}, headers=self.bearer(name))
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["build"])

    def build(self, project: str, build: str) -> dict[str, Any]:
        url = f"/api/projects/{project}/builds/{build}"
        return dict(self.http.get(url, headers=self.bearer("ada")).json())

    def until_status(self, project: str, build: str, status: str) -> dict[str, Any]:
        found = lambda: self.build(project, build).get("status") == status  # noqa: E731
        until(found, f"{build} is {status}", seconds=30)
        return self.build(project, build)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    first = ports.free_block(3, 2020)
    assert first
    numbers = iter(range(first, first + 3))
    with ExitStack() as stack:
        root = tmp_path_factory.mktemp("team")
        machine = stack.enter_context(VirtualMachine(root, lambda: next(numbers)))
        found = Team(machine)
        stack.callback(found.http.close)
        yield found


def test_it_is_served_by_https_and_to_nobody_without_a_token(team: Team) -> None:
    for title in ("Say once what is yours", "Install", "TLS"):
        team.read(title)
    assert team.http.get("/readyz").status_code == 200
    assert team.http.get("/api/builds").status_code == 401
    moved = httpx.get(f"http://127.0.0.1:{team.machine.http}/projects/acme", trust_env=False)
    assert (moved.status_code, moved.headers["location"]) == (
        301,
        "https://127.0.0.1/projects/acme",
    )


def test_twenty_people_get_a_link_each_and_may_start_what_is_theirs(team: Team) -> None:
    said = team.read("Tokens")
    people = (team.machine.root / "home" / "people").read_text().split()
    assert len(list((team.machine.root / "home" / "links").iterdir())) == 20 + 1  # and the log
    assert len(people) == 20 + 4
    assert f"{team.machine.url}/login#bf_" in said  # that of the operator
    for name in ("ada", "tom"):
        team.until_status("acme", team.started("ada", "acme", QUICK), "succeeded")
        assert team.http.get("/api/builds", headers=team.bearer(name)).json()["builds"]
    refused = team.http.post("/api/projects/acme/builds", headers=team.bearer("fay"))
    assert (refused.status_code, refused.json()["grant"]) == (403, "start:acme")
    links = team.machine.root / "home" / "links"
    assert {each.stat().st_mode & 0o77 for each in (links, *links.iterdir())} == {0}


def test_a_link_signs_its_person_in(team: Team, new_page: Callable[..., Page]) -> None:
    page = new_page(ignore_https_errors=True)
    page.goto(team.link("ada"))
    expect_signed_in(page, "ada")
    expect_live(page)
    page.context.close()


def test_a_program_shows_a_build_of_its_own(team: Team) -> None:
    said = team.machine.run("sudo buildfeed token add own runner@acme 2>/dev/null")
    address = re.findall(r"^MQTT clients: +mqtt://(?:.*@)?(\S+)$", team.machine.log, re.MULTILINE)
    command = [sys.executable, EXAMPLE, f"mqtt://own@{address[-1]}", "acme", "true"]
    environment = {"BUILDFEED_TOKEN": said.split()[0]}
    subprocess.run(command, env=environment, check=True, timeout=20)
    newest = team.http.get("/api/projects/acme/builds/latest", headers=team.bearer("ada")).json()
    assert newest["worker"].startswith("own-")
    team.until_status("acme", newest["build"], "succeeded")


def test_the_operator_sees_who_may_and_who_did_and_that_all_is_well(team: Team) -> None:
    said = team.read("Look")
    assert "Yes, by the grant start:acme." in said
    assert "Yes, by the grant read:builds/#." in said
    assert f"cli:{OPERATOR}" in said
    assert not re.findall(r"^fault .*", said, re.MULTILINE), said
    assert "bf_" not in said + team.machine.log


def test_who_leaves_is_out_within_5_seconds(team: Team) -> None:
    assert team.http.get("/api/session", headers=team.bearer("dan")).status_code == 200
    team.read("Somebody leaves")
    revoked = time.monotonic()
    gone = lambda: team.http.get("/api/builds", headers=team.bearer("dan")).status_code == 401  # noqa: E731
    until(gone, "dan is out", seconds=5)
    assert time.monotonic() - revoked < 5
    assert team.http.get("/api/builds", headers=team.bearer("bob")).status_code == 200


def test_a_back_up_has_builds_and_tokens_and_can_be_gone_back_to(team: Team) -> None:
    build = team.started("ada", "acme", QUICK)
    team.until_status("acme", build, "succeeded")
    team.read("Back up")
    until(lambda: team.http.get("/readyz").status_code == 200, "it serves again", seconds=60)
    assert team.build("acme", build)["status"] == "succeeded"
    assert team.http.get("/api/builds", headers=team.bearer("dan")).status_code == 401


def test_an_upgrade_loses_no_build(team: Team) -> None:
    builds = [team.started("ada", "acme", SLOW) for _ in range(4)]  # two run at a time
    team.until_status("acme", builds[1], "running")
    team.machine.release("newer")
    team.read("Upgrade")
    assert (team.machine.root / "opt" / "buildfeed" / "newer").exists()
    ends = [team.until_status("acme", each, "succeeded") for each in builds]
    assert {end["attempt"] for end in ends} <= {1, 2}


def test_each_block_of_the_page_was_run(team: Team) -> None:
    assert not [block for blocks in team.left.values() for block in blocks]
