"""The options of `tail`, `start` and `stop`, and what each asks of a gateway."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from buildfeed.cli import here
from buildfeed.cli.commands import main
from buildfeed.cli.here import Here
from buildfeed.machine.folder import FolderLock
from buildfeed.terminal import press
from support.told_gateway import STREAM, ToldGateway, answer, build, events, problem

TOKEN = "bf_0123456789abcdefghijklmnopqrstuv"
STARTS = "/api/projects/acme/builds"


@pytest.fixture
def told() -> Iterator[ToldGateway]:
    with ToldGateway() as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "TOKEN", "TOKENS_BY_HTTP"):
        monkeypatch.delenv(f"BUILDFEED_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(press, "PATIENCE", 0.0)


def invoke(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(
        main, words, env={f"BUILDFEED_{k}": v for k, v in environment.items()}
    )


@pytest.mark.parametrize("words", [("tail",), ("start", "acme"), ("stop", "acme", "01a1")])
def test_without_a_gateway_it_says_what_to_do(words: tuple[str, ...]) -> None:
    done = invoke(*words)
    assert done.exit_code == 2
    assert "No gateway is known: run `buildfeed up` here" in done.stderr


@pytest.mark.parametrize("words", [("tail",), ("start", "acme"), ("stop", "acme", "01a1")])
def test_a_token_does_not_travel_in_the_clear(words: tuple[str, ...]) -> None:
    done = invoke(*words, URL="http://192.0.2.1", TOKEN=TOKEN)
    assert done.exit_code == 2
    assert "must not travel in the clear" in done.stderr
    assert TOKEN not in done.output


@pytest.mark.parametrize(
    ("words", "told_"),
    [
        (("tail", "Acme"), "'Acme' is no project name"),
        (("tail", "builds/x"), "a build topic is builds/{project}/{build}/{kind}"),
        (("tail", "acme", "--log"), "--log is for one build"),
        (("tail", "--wait"), "--wait is for one build"),
        (("start", "Acme"), "'Acme' is no project name"),
        (("start", "acme", "--job", "A"), "'A' is no job name"),
        (("start", "acme", "-p", "stage"), "'stage' is not NAME=VALUE"),
        (("start", "acme", "-p", "a=1", "-p", "a=2"), "each name once"),
        (("stop", "acme", "-"), "is no build name"),
        (("stop", "acme"), "Missing argument"),
        (("tail", "--url", "builds.example"), "it is not http://host:port"),
        (("tail", "--url", "http://x/\x1b]0;evil\x07"), "it has more than printable ASCII"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...], told_: str) -> None:
    done = invoke(*words)
    assert done.exit_code == 2
    assert told_ in done.stderr


def test_a_start_prints_the_id(told: ToldGateway) -> None:
    told.tell(STARTS, answer(build(status="queued"), 202))
    words = ("start", "acme", "--job", "deploy", "-p", "stage=live=1", "-p", "x=")
    done = invoke(*words, URL=told.url, TOKEN=TOKEN)
    assert (done.exit_code, done.stdout) == (0, "01a1\n")
    assert f"{told.url}/projects/acme/builds/01a1" in done.stderr
    (asked,) = told.requests
    parameters = {"stage": "live=1", "x": ""}
    assert json.loads(asked.body) == {"job": "deploy", "parameters": parameters}


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 1), ("stopped", 3)])
def test_waiting_ends_with_how_the_build_went(told: ToldGateway, status: str, code: int) -> None:
    told.tell(STARTS, answer(build(status="queued"), 202))
    told.tell(STREAM, events(("feed", {}), ("build", build(seq=9, status=status)), holds=True))
    done = invoke("start", "acme", "--wait", URL=told.url)
    assert (done.exit_code, done.stdout) == (code, "01a1\n")
    assert f"acme 01a1 {status}" in done.stderr
    told.tell(STREAM, events(("build", build(seq=9, status=status)), ("feed", {}), holds=True))
    done = invoke("tail", "acme/01a1", "--wait", "--url", told.url)
    assert (done.exit_code, done.stdout) == (code, f"acme 01a1 {status}\n")


def test_a_refusal_is_its_sentence_and_another_exit_code(told: ToldGateway) -> None:
    refused = problem(403, "not-allowed", "This needs the grant start:acme.")
    told.tell(STARTS, refused)
    told.tell(f"{STARTS}/01a1/stop", refused)
    told.tell(STREAM, refused)
    for words in (("tail",), ("start", "acme"), ("stop", "acme", "01a1")):
        done = invoke(*words, URL=told.url)
        assert done.exit_code == 4
        assert done.stderr == "Error: This needs the grant start:acme.\n"


def test_a_gateway_that_is_not_there_is_one_sentence() -> None:
    for words in (("tail",), ("start", "acme"), ("stop", "acme", "01a1")):
        done = invoke(*words, URL="http://127.0.0.1:1")
        reason = "The gateway http://127.0.0.1:1 cannot be reached: Connection refused."
        assert (done.exit_code, done.stderr) == (4, f"Error: {reason}\n")


def test_that_a_build_may_have_been_started_is_said(told: ToldGateway) -> None:
    trouble = problem(503, "broker-unavailable", "The broker did not confirm in time.", sent=True)
    told.tell(STARTS, trouble)
    done = invoke("start", "acme", URL=told.url)
    assert done.exit_code == 4
    assert f"It may have been started: see {told.url}/projects/acme." in done.stderr


def test_a_stop_says_how_the_build_is(told: ToldGateway) -> None:
    told.tell(
        f"{STARTS}/01a1/stop",
        answer(build(stopping=True, stoppedBy="ada"), 202),
        problem(409, "already-ended", "Build 01a1 has ended already: failed."),
    )
    done = invoke("stop", "acme", "01a1", URL=told.url)
    assert (done.exit_code, done.stdout) == (0, "acme 01a1 running 10 %, asked to stop by ada\n")
    done = invoke("stop", "acme", "01a1", URL=told.url)
    assert (done.exit_code, done.stdout) == (0, "Build 01a1 has ended already: failed.\n")


def test_a_file_that_is_refused_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "buildfeed.toml").write_text('adress = "x"\n')
    (tmp_path / "buildfeed.toml").chmod(0o644)
    done = invoke("tail")
    assert done.exit_code == 2
    assert "the key 'adress', line 1, is none of project, url, mqtt_url, token." in done.stderr


@pytest.mark.parametrize("words", [("tail",), ("start", "acme"), ("stop", "acme", "01a1")])
def test_a_checkout_gets_no_token(
    told: ToldGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    settings(tmp_path / "buildfeed.toml", f'url = "{told.url}"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for done in (invoke(*words, TOKEN=TOKEN), invoke(*words, "--token", TOKEN)):
        assert done.exit_code == 2
        assert "your token is not sent there: give BUILDFEED_URL too" in done.stderr
        assert TOKEN not in done.output
    assert told.requests == []


def test_a_gateway_that_the_person_names_too_gets_the_token(
    told: ToldGateway, tmp_path: Path
) -> None:
    told.tell(STREAM, problem(403, "not-allowed", "This needs a grant."))
    settings(tmp_path / "buildfeed.toml", f'url = "{told.url}"\n')
    invoke("tail")
    invoke("tail", "--url", told.url, TOKEN=TOKEN)
    invoke("tail", TOKEN=TOKEN, URL=told.url)
    settings(tmp_path / ".config" / "buildfeed" / "config.toml", f'url = "{told.url}/"\n')
    invoke("tail", TOKEN=TOKEN)
    shown = [each.headers.get("authorization") for each in told.requests]
    assert shown == [None, *[f"Bearer {TOKEN}"] * 3]


def test_an_up_that_runs_here_gets_the_token(told: ToldGateway, tmp_path: Path) -> None:
    told.tell(STREAM, problem(403, "not-allowed", "This needs a grant."))
    folder = tmp_path / here.FOLDER
    lock = FolderLock(folder / here.LOCK, "up", "end it")
    lock.take()
    try:
        with here.told(folder, Here("mqtt://127.0.0.1:1", told.url)):
            invoke("tail", TOKEN=TOKEN)
    finally:
        lock.release()
    assert told.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


COMMANDS = [("tail",), ("start", "acme"), ("stop", "acme", "01a1"), ("doctor",)]


@pytest.mark.parametrize(
    "token", ["bf_sécret", "bf_secret x", "bf_secret\nx", "bf_secret\x1b[2J", "\n"]
)
@pytest.mark.parametrize("words", COMMANDS)
def test_what_is_no_token_is_refused_and_not_shown(
    told: ToldGateway, words: tuple[str, ...], token: str
) -> None:
    done = invoke(*words, URL=told.url, TOKEN=token)
    assert done.exit_code == 2
    assert "it is no token." in done.stderr
    assert "secret" not in done.output
    assert told.requests == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_line_end_behind_a_token_is_left_out(told: ToldGateway, words: tuple[str, ...]) -> None:
    done = invoke(*words, URL=told.url, TOKEN=f"{TOKEN}\r\n")
    assert not isinstance(done.exception, ValueError)
    shown = {each.headers.get("authorization") for each in told.requests}
    assert shown - {None} == {f"Bearer {TOKEN}"}


def settings(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
