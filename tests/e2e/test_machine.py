"""What an administrator did to the machine: one sentence each, or it goes on."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.packages import ROOT
from support.service import Service, Web, until

FreePort = Callable[[], int]
FAST = {"seconds": 0.5, "steps": 5, "errors": []}


def command(*arguments: object, before: str = "", **environment: object) -> tuple[int, str]:
    """Run `buildfeed …` after the shell commands `before`; return exit code and output."""
    line = [sys.executable, "-m", "buildfeed", *map(str, arguments)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("BUILDFEED_")}
    done = subprocess.run(
        ["bash", "-c", f'{before or ":"}; exec "$@"', "bash", *line],
        env=own | {name: str(value) for name, value in environment.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["up", "gateway", "recorder", "fakebuild"])
def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    code, said = command(name, "--data-dir", folder)
    assert code == 1
    assert said.count("\n") == 1
    assert f"The folder '{folder}' cannot be used: Not a directory." in said


@pytest.mark.parametrize("name", ["up", "gateway", "recorder", "fakebuild"])
def test_too_few_open_files_are_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    code, said = command(name, "--data-dir", tmp_path / "data", before="ulimit -n 20")
    assert (code, said.count("\n")) == (1, 1)
    assert "Only 20 files may be open at a time, and 64 are needed at least" in said


@pytest.mark.parametrize("name", ["up", "gateway"])
def test_without_a_folder_for_temporary_files_it_says_so(
    name: str, tmp_path: Path, free_port: FreePort
) -> None:
    options = ["--data-dir", tmp_path, "--workers", 2, "--port", free_port()]
    code, said = command(name, *options, before="ulimit -f 0")
    assert (code, said.count("\n")) == (1, 1)
    assert "set TMPDIR to one that may be written" in said


def test_an_address_that_nobody_can_listen_on_is_told_before_anything_starts(
    up: Web, tmp_path: Path
) -> None:
    for workers in (1, 2):
        options = ["--workers", workers, "--port", up.options["port"], "--data-dir", tmp_path]
        code, said = command("gateway", *options)
        assert (code, said.count("\n")) == (1, 1)
        assert f"Port {up.options['port']} is taken: choose another" in said


def test_a_full_disk_under_the_output_is_told_in_one_sentence() -> None:
    code, said = command("up", "--help", before="exec 2>&1 >/dev/full")
    assert (code, said) == (1, "Error: The machine fails: No space left on device.\n")


@pytest.mark.parametrize(
    "before",
    ["exec >/dev/full", "exec >&- 2>&- <&-", "export PYTHONIOENCODING=ascii:strict"],
    ids=["full", "closed", "ascii"],
)
def test_it_serves_whatever_its_output_is(before: str, tmp_path: Path, free_port: FreePort) -> None:
    with Web("up", tmp_path, port=free_port(), mqtt_port=free_port()) as web:
        web.kill()
        environment = {f"BUILDFEED_{key.upper()}": str(v) for key, v in web.options.items()}
        line = [sys.executable, "-m", "buildfeed", "up"]
        with web.output.open("wb") as output:
            web._process = subprocess.Popen(
                ["bash", "-c", f'{before}; exec "$@"', "bash", *line],
                env=os.environ | environment,
                stdout=output,
                stderr=output,
            )
        web.until_ready()
        build = web.press_start("acme", script=FAST, by="Ünal")["build"]
        web.until_status("acme", build, "succeeded")
        web.stop(signal.SIGINT)
        assert web._process.returncode == 0
        assert "Traceback" not in web.text


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def only(data: Path, free_port: FreePort) -> Iterator[Web]:
    with Web("up", data, port=free_port(), mqtt_port=free_port(), workers=2) as web:
        yield web


def cleaned(folder: Path) -> bool:
    """Remove a folder; False when something was written into it meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not (folder / "history.db").exists()


def test_folders_that_are_cleaned_while_it_runs_are_made_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: FreePort
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    ports = {"port": free_port(), "mqtt_port": free_port()}
    with Web("up", data, **ports, workers=2) as web:
        web.output = tmp_path / "up.log"
        web.stop()
        web.start()
        web.until_ready()
        (shared,) = temporary.iterdir()
        until(lambda: cleaned(data), "the data are gone")
        shutil.rmtree(shared)

        until(lambda: len(list(shared.glob("*.sock"))) == 2, "the sockets are there again")
        build = web.press_start("acme", script=FAST)["build"]
        web.until_status("acme", build, "succeeded")
        until((data / "history.db").exists, "the history is there again")
        until((data / "up.lock").exists, "the lock is there again")
        code, said = command("up", "--data-dir", data, "--port", free_port())
        assert (code, said.count("\n")) == (1, 1)
        assert f"process {web.pid}" in said
        web.stop()
        web.start()
        web.until_ready()
        assert web.build("acme", build)["status"] == "succeeded"
        assert "Traceback" not in web.text


def test_one_of_a_kind_in_a_folder_also_after_a_crash(
    data: Path, only: Web, free_port: FreePort
) -> None:
    only.until_ready()
    others: list[tuple[str, list[object]]] = [
        ("up", ["--data-dir", data, "--port", free_port()]),
        ("up", ["--database-url", f"sqlite:///{data}/history.db", "--port", free_port()]),
        ("recorder", ["--data-dir", data]),
    ]
    for name, options in others:
        code, said = command(name, *options, before=f"cd '{data.parent}'")
        assert (code, said.count("\n")) == (1, 1)
        assert f"is at work in the folder '{data}' already, process {only.pid}: end it" in said
    only.kill()
    only.start()  # at once: what is left of the first one is ended meanwhile
    only.until_ready()
    assert "is at work" not in only.text


def test_recorders_with_ids_of_their_own_share_a_history(
    tmp_path: Path, free_port: FreePort
) -> None:
    nowhere = f"mqtt://127.0.0.1:{free_port()}"
    with (
        Service("recorder", tmp_path, mqtt_url=nowhere) as first,
        Service("recorder", tmp_path, mqtt_url=nowhere, recorder_id="recorder-2") as second,
    ):
        for each in (first, second):
            each.until_logged("mqtt.down")
        options = ["--data-dir", tmp_path, "--recorder-id", "recorder-2", "--mqtt-url", nowhere]
        code, said = command("recorder", *options)
        assert (code, said.count("\n")) == (1, 1)
        assert f"process {second.pid}: end it first, or give this one a --recorder-id" in said


def test_what_the_environment_names_does_not_come_between_our_own_parts(
    data: Path, free_port: FreePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied = data.parent / "proxied"
    proxied.mkdir()
    (proxied / "socks.py").write_text(  # what paho uses where PySocks is installed
        "HTTP, SOCKS4, SOCKS5 = 1, 2, 3\n"
        "def get_default_proxy(): return None\n"
        "def create_connection(*_, **__): raise OSError('by a proxy')\n"
    )
    for name in ("mqtt_proxy", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SSL_CERT_FILE", "PGSERVICE"):
        monkeypatch.setenv(name, "nonsense")
    for name in ("gateway", "fakebuild", "json", "tempfile"):
        (data / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(data)
    path = os.pathsep.join([str(proxied), str(ROOT), *filter(None, sys.path)])
    program = (
        "import sys; del sys.path[0]; import runpy; runpy.run_module('buildfeed', alter_sys=1)"
    )
    options = {"data_dir": data, "port": free_port(), "mqtt_port": free_port(), "log_level": "info"}
    told = {f"BUILDFEED_{key.upper()}": str(value) for key, value in options.items()}
    with Web("up", data, **options) as web:
        web.kill()
        with web.output.open("ab") as output:
            web._process = subprocess.Popen(
                [sys.executable, "-c", program, "up"],
                env=os.environ | told | {"PYTHONPATH": path},
                stdout=output,
                stderr=output,
            )
        web.until_logged("MQTT clients:")
        build = web.press_start("acme", script=FAST)["build"]
        web.until_status("acme", build, "succeeded")
    assert "by a proxy" not in web.text
    assert "shadowed" not in web.text
