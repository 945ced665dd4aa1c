"""The environment of a command: ours, without our secrets."""

import subprocess
import sys
from pathlib import Path

import pytest

from buildfeed.runner import environment
from support.packages import ROOT

SECRET = {
    "BUILDFEED_TOKEN": "bf_0123456789abcdefghijklmnopqrstuv",
    "BUILDFEED_MQTT_URL": "mqtts://ada:secret@broker.example/",
    "BUILDFEED_AMQP_URL": "amqp://ada:p/w@broker",
    "BUILDFEED_MQTT_PUBLIC_URLS": "mqtt://broker mqtt://ada@other",
    "BUILDFEED_DATABASE_URL": "postgresql:///buildfeed",
    "BUILDFEED_MANAGEMENT_URL": "http://guest:guest@localhost:15672",
    "BUILDFEED_BROKER_AUTH_SECRET": "x",
    "BUILDFEED_OIDC_CLIENT_SECRET": "x",
    "BUILDFEED_NEW_PASSWORD": "x",
    "BUILDFEED_ANYTHING": "see bs_0123456789abcdefghijklmnopqrstuv",
    "BUILDFEED_OTHER": "x://host/?user=ada&password=x",
}
HARMLESS = {
    "BUILDFEED_MQTT_URL": "mqtt://127.0.0.1:1883",
    "BUILDFEED_URL": "http://127.0.0.1:8000",
    "BUILDFEED_TOKENS": "/etc/tokens.toml",
    "BUILDFEED_BUILD": "0190",
    "DATABASE_URL": "postgresql://ada:secret@db/acme",  # for the build, not ours
    "PATH": "/usr/bin",
}


@pytest.mark.parametrize("name", SECRET)
def test_a_setting_with_a_secret_is_not_for_builds(name: str) -> None:
    assert environment.without_secrets({name: SECRET[name], "A": "b"}) == {"A": "b"}


def test_everything_else_is() -> None:
    assert environment.without_secrets(HARMLESS) == HARMLESS


def test_jobs_of_a_worker_get_what_every_program_needs_and_nothing_else() -> None:
    needed = {"PATH": "/usr/bin", "HOME": "/home/ada", "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp"}
    others = SECRET | HARMLESS | {"AWS_SECRET_ACCESS_KEY": "x", "SSH_AUTH_SOCK": "/tmp/ssh"}
    assert environment.clean(others | needed) == needed


def test_a_build_knows_itself() -> None:
    assert environment.of_build("acme", "0190", 1, Path("/tmp/p")) == {
        "BUILDFEED_PROJECT": "acme",
        "BUILDFEED_BUILD": "0190",
        "BUILDFEED_ATTEMPT": "1",
        "BUILDFEED_PROGRESS": "/tmp/p",
    }


@pytest.mark.parametrize("given", [{}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "C"}])
def test_what_python_adds_is_not_in_it(given: dict[str, str]) -> None:
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, *{sys.path!r}]\n"
    program += "from buildfeed.runner import environment; print(environment.own())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{given}\n"
