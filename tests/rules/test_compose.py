"""compose.yaml, the Dockerfile and deploy/ fit each other and the code. Docker is not needed."""

import http.server
import json
import os
import re
import runpy
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from buildfeed.broker.amqp.topology import (
    SESSION_POLICY,
    SUBSCRIBER_PERMISSIONS,
    SUBSCRIBER_TOPICS,
    TOKEN_POLICY,
    queue_limit,
)
from buildfeed.broker.local.instance import LOGIN_SETTINGS, PLUGINS, WEB_SOCKET_SETTINGS, paths
from buildfeed.broker.local.listener import MQTT_PORT, WEB_SOCKET_PATH, WEB_SOCKET_PORT
from buildfeed.cli import commands
from hatch_build import MANIFEST
from support.certificates import certificate

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ADDED: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((ROOT / "deploy" / f"{name}.yaml").read_text())["services"]["gateway"]
    for name in ("proxy", "tls")
}
"""What is said of the gateway where others reach it."""
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
DEFINITIONS = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = re.findall(
    r"^([A-Z]+) +(.+)$", (ROOT / "Dockerfile").read_text().replace("\\\n", " "), re.MULTILINE
)

DIGEST = r"(@sha256:[0-9a-f]{64})?"
"""What setup/images.sh writes."""

every_service = pytest.mark.parametrize("name", SERVICES)
every_one_of_ours = pytest.mark.parametrize("name", OURS)


def arguments(instruction: str) -> list[str]:
    return [text for word, text in DOCKERFILE if word == instruction]


def users() -> dict[str, dict[str, Any]]:
    found = json.loads(COMPOSE["configs"]["users"]["content"])["users"]
    return {user["name"]: user for user in found}


# compose.yaml


def test_it_has_every_part_of_buildfeed() -> None:
    assert {service["command"][0] for service in OURS.values()} == {
        "gateway",
        "recorder",
        "fakebuild",
    }
    assert OURS["worker"]["deploy"]["replicas"] == 2
    assert SERVICES.keys() - OURS.keys() == {"rabbitmq", "postgres"}


@every_service
def test_images_have_exact_versions(name: str) -> None:
    version = r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?"
    assert re.fullmatch(version + DIGEST, SERVICES[name]["image"])


@every_one_of_ours
def test_our_image_has_the_version_of_the_project(name: str) -> None:
    assert OURS[name]["image"] == f"buildfeed:{PROJECT['project']['version']}"


@every_service
def test_services_are_watched_bounded_and_without_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]
    assert service["mem_limit"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name == "rabbitmq"
    assert service.get("user", "root") != "root" or name in OURS


@every_service
def test_services_wait_for_others_to_be_healthy(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait == {"condition": "service_healthy"}
        assert other in SERVICES


@every_service
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@every_service
def test_what_a_service_mounts_and_joins_exists(name: str) -> None:
    for source, *_ in (each.split(":") for each in SERVICES[name].get("volumes", [])):
        assert source in COMPOSE["volumes"] or (ROOT / source).is_file()
    for config in SERVICES[name].get("configs", []):
        assert config["source"] in COMPOSE["configs"]
    assert COMPOSE["networks"].keys() >= set(SERVICES[name]["networks"])


@every_one_of_ours
def test_settings_are_options_of_the_command(name: str) -> None:
    context = commands.main.make_context("buildfeed", ["--help"], resilient_parsing=True)
    command = commands.main.get_command(context, OURS[name]["command"][0])
    assert OURS[name]["environment"].keys() <= {option.envvar for option in command.params}


@every_one_of_ours
def test_each_process_logs_in_as_its_own_user(name: str) -> None:
    for variable in ("BUILDFEED_MQTT_URL", "BUILDFEED_AMQP_URL"):
        if url := OURS[name]["environment"].get(variable):
            assert re.match(rf"\w+://{name}:\${{{name.upper()}_PASSWORD:\?[^@]+}}@rabbitmq:\d", url)


def test_the_page_is_served_where_it_is_published_from() -> None:
    environment, (port,) = OURS["gateway"]["environment"], OURS["gateway"]["ports"]
    assert environment["BUILDFEED_HOST"] == "0.0.0.0"
    assert port.endswith(":" + environment["BUILDFEED_PORT"])


def test_everybody_may_do_everything_where_only_this_machine_reaches() -> None:
    assert OURS["gateway"]["environment"]["BUILDFEED_ANONYMOUS"] == "all"
    assert all(port.startswith("127.0.0.1:") for port in OURS["gateway"]["ports"])


# deploy/proxy.yaml and deploy/tls.yaml


every_addition = pytest.mark.parametrize("name", ADDED)


@every_addition
def test_where_others_reach_it_nobody_may_do_anything_without_a_token(name: str) -> None:
    environment = ADDED[name]["environment"]
    assert environment["BUILDFEED_ANONYMOUS"] == "${BUILDFEED_ANONYMOUS:-none}"
    assert environment["BUILDFEED_ORIGINS"].startswith("${BUILDFEED_ORIGINS:?")


@every_addition
def test_what_is_published_further_speaks_https(name: str) -> None:
    published = ADDED[name].get("ports", [])
    assert bool(published) == (name == "tls")
    port = OURS["gateway"]["environment"]["BUILDFEED_PORT"]
    assert all(each.endswith(f":{port}") for each in published)
    if published:
        (folder,) = ADDED[name]["volumes"]
        assert folder.endswith(":/tls:ro")
        for file, variable in (("fullchain", "CERT"), ("privkey", "KEY")):
            assert ADDED[name]["environment"][f"BUILDFEED_TLS_{variable}"] == f"/tls/{file}.pem"


@every_addition
def test_what_is_added_are_options_of_the_gateway(name: str) -> None:
    context = commands.main.make_context("buildfeed", ["--help"], resilient_parsing=True)
    command = commands.main.get_command(context, "gateway")
    assert command
    assert ADDED[name]["environment"].keys() <= {option.envvar for option in command.params}


@every_addition
def test_each_setting_of_env_is_documented(name: str) -> None:
    text = (ROOT / "deploy" / f"{name}.yaml").read_text()
    section = (ROOT / "docs/running.md").read_text().partition("### For a team")[2]
    section = section.partition("\n### ")[0]
    assert f"`COMPOSE_FILE=compose.yaml:deploy/{name}.yaml`" in section
    for setting in set(re.findall(r"\$\{(\w+)", text)) - {"BUILDFEED_TRUSTED_PROXIES"}:
        assert f"`{setting}=" in section


# The users of RabbitMQ


def test_every_user_has_permissions_and_topic_permissions() -> None:
    permissions = {each["user"] for each in DEFINITIONS["permissions"]}
    assert permissions == users().keys() == {*OURS, "mobile", "closer", "operator"}
    # A user without them may use all topics.
    topics = {each["user"] for each in DEFINITIONS["topic_permissions"]}
    assert topics == users().keys() - {"operator"}
    assert all(each["exchange"] == "amq.topic" for each in DEFINITIONS["topic_permissions"])


def test_only_the_operator_and_the_closer_of_connections_are_administrators() -> None:
    assert {name for name, user in users().items() if user["tags"]} == {"operator", "closer"}


def test_there_is_no_password_in_git() -> None:
    assert "password" not in json.dumps(DEFINITIONS)
    for name, user in users().items():
        assert re.fullmatch(rf"\${{{name.upper()}_PASSWORD:\?.+}}", user["password"])
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_sessions_are_bounded_as_on_a_private_rabbitmq() -> None:
    assert DEFINITIONS["policies"] == [SESSION_POLICY, TOKEN_POLICY]


def test_subscribers_of_a_private_rabbitmq_have_the_permissions_of_mobile() -> None:
    mobile = {"user": "mobile", "vhost": "/"}
    assert mobile | SUBSCRIBER_PERMISSIONS in DEFINITIONS["permissions"]
    assert mobile | SUBSCRIBER_TOPICS in DEFINITIONS["topic_permissions"]


def test_users_who_are_no_services_have_limits() -> None:
    assert users()["mobile"]["limits"] == {"max-connections": 100, "max-channels": 200}
    assert DEFINITIONS["parameters"] == [queue_limit(250)]


def test_the_recorder_of_an_installation_of_before_keeps_its_session() -> None:
    assert OURS["recorder"]["environment"]["BUILDFEED_RECORDER_ID"] == "${RECORDER_ID:-recorder}"


# Logins by token


def test_rabbitmq_asks_the_gateway_about_those_with_a_token() -> None:
    secret = "${BROKER_AUTH_SECRET:?start with deploy/up.sh}"
    port = OURS["gateway"]["environment"]["BUILDFEED_BROKER_AUTH"].rpartition(":")[2]
    settings = COMPOSE["configs"]["broker-auth"]["content"].splitlines()
    assert settings == paths(f"gateway:{port}", secret)
    assert OURS["gateway"]["environment"]["BUILDFEED_BROKER_AUTH_SECRET"] == secret
    mounted = {each["source"]: each["target"] for each in SERVICES["rabbitmq"]["configs"]}
    assert mounted["broker-auth"] == "/etc/rabbitmq/conf.d/91-broker-auth.conf"
    assert not any(published.endswith(f":{port}") for published in OURS["gateway"]["ports"])


def test_it_asks_as_a_private_rabbitmq_does() -> None:
    settings = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text().splitlines()
    assert {*LOGIN_SETTINGS, *WEB_SOCKET_SETTINGS} <= set(settings)
    plugins = (ROOT / "deploy/rabbitmq/enabled_plugins").read_text()
    assert plugins == f"[{','.join(PLUGINS)}].\n"


def test_phones_are_told_the_ports_that_are_published() -> None:
    told = OURS["gateway"]["environment"]["BUILDFEED_MQTT_PUBLIC_URLS"]
    for port in SERVICES["rabbitmq"]["ports"][:2]:
        published, _, inside = port.rpartition(":")
        assert f"//{published}" in told
        assert inside in (str(MQTT_PORT), str(WEB_SOCKET_PORT))
    assert f"{WEB_SOCKET_PATH}}}" in told


# deploy/up.sh


@pytest.fixture
def up(tmp_path: Path) -> Path:
    """A copy of up.sh in an empty project, with a `docker` that prints its arguments."""
    (tmp_path / "deploy").mkdir()
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho docker $* in $PWD\n")
    docker.chmod(0o755)
    return Path(shutil.copy(ROOT / "deploy/up.sh", tmp_path / "deploy"))


def run(script: Path, *args: str) -> str:
    path = f"{script.parents[1]}:{os.environ['PATH']}"
    command = ["sh", str(script), *args]
    done = subprocess.run(command, env={"PATH": path}, cwd="/", capture_output=True, check=True)
    return done.stdout.decode()


def test_one_command_makes_a_password_for_each_user(up: Path) -> None:
    run(up)
    environment = up.parents[1] / ".env"
    passwords = dict(line.split("=") for line in environment.read_text().splitlines())
    wanted = set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT))
    assert re.fullmatch(r"recorder-[0-9a-f]{16}", passwords.pop("RECORDER_ID"))
    assert passwords.keys() == wanted
    assert len(set(passwords.values())) == len(passwords)
    assert all(re.fullmatch(r"[0-9a-f]{32}", password) for password in passwords.values())
    assert environment.stat().st_mode & 0o777 == 0o600


def test_it_keeps_the_passwords_that_are_there_and_adds_what_is_new(up: Path) -> None:
    environment = up.parents[1] / ".env"
    environment.write_text("MINE=1\nWORKER_PASSWORD=mine\n")
    run(up)
    made = environment.read_text()
    assert made.startswith("MINE=1\nWORKER_PASSWORD=mine\nGATEWAY_PASSWORD=")
    assert made.count("WORKER_PASSWORD") == 1
    assert "RECORDER_ID" not in made  # its session would be another's
    run(up)
    assert environment.read_text() == made


def test_it_starts_everything_and_waits(up: Path) -> None:
    wanted = "docker compose up --build --detach --wait --quiet-pull"
    assert run(up, "--quiet-pull") == f"{wanted} in {up.parents[1]}\n"


# setup/images.sh


@pytest.fixture
def images(up: Path) -> Path:
    """A copy of images.sh beside what it writes; `docker` has a digest for each image but one."""
    project = up.parents[1]
    (project / "setup").mkdir()
    for name in ("compose.yaml", "Dockerfile"):
        shutil.copy(ROOT / name, project)
    digest = "$(echo $4 | sha256sum | cut -c-64)"
    (project / "docker").write_text(
        f'#!/bin/sh\n[ $4 = postgres:broken ] || echo "\\"sha256:{digest}\\""\n'
    )
    return Path(shutil.copy(ROOT / "setup/images.sh", project / "setup"))


def test_images_are_pinned_by_what_the_registry_says(images: Path) -> None:
    run(images)
    project = images.parents[1]
    written = (project / "compose.yaml").read_text() + (project / "Dockerfile").read_text()
    found = re.findall(r"[a-z]+:\d[\w.-]+@sha256:[0-9a-f]{64}(?= |$)", written, re.MULTILINE)
    assert [each.partition(":")[0] for each in found] == [
        "rabbitmq",
        "postgres",
        "python",
        "python",
    ]
    bare = re.sub(r"@sha256:[0-9a-f]{64}", "", written)
    assert bare == COMPOSE_TEXT + (ROOT / "Dockerfile").read_text()
    run(images)
    again = (project / "compose.yaml").read_text() + (project / "Dockerfile").read_text()
    assert again == written


def test_without_the_registry_nothing_is_written(images: Path) -> None:
    compose = images.parents[1] / "compose.yaml"
    text = re.sub(r"postgres:\d\S+", "postgres:broken", compose.read_text())
    compose.write_text(text)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(images)
    assert b"The registry does not tell the digest of postgres:broken" in failed.value.stderr
    assert compose.read_text() == text


# Dockerfile


def test_both_stages_start_from_the_same_exact_image() -> None:
    images = {text.split(" AS ")[0] for text in arguments("FROM")}
    assert len(arguments("FROM")) == 2
    (image,) = images
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+" + DIGEST, image)


def test_it_runs_our_command_as_nobody_in_particular_and_hears_signals() -> None:
    (entrypoint,) = arguments("ENTRYPOINT")
    assert json.loads(entrypoint)[0] in PROJECT["project"]["scripts"]
    assert arguments("USER") == ["10001:10001"]
    assert arguments("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_gets_all_that_the_wheel_needs_and_nothing_else() -> None:
    sources = {
        word
        for text in arguments("COPY")
        if "--from" not in text
        for word in text.split()[:-1]
        if not word.startswith("--") and word != "."
    }
    built = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    wheel = [*built["packages"], *built["force-include"]]
    needed = {"hatch_build.py", "pyproject.toml", PROJECT["project"]["readme"]}
    needed |= set(PROJECT["project"]["license-files"])
    needed |= sources | set(wheel) | set(MANIFEST)
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == needed
    assert all((ROOT / path).exists() for path in needed)


def pins(path: str) -> set[str]:
    """Return the packages of a lock file, each with its version and its hashes."""
    text = re.sub(r" ;[^\\\n]* ", " ", (ROOT / path).read_text())  # where they are needed
    return set(re.split(r"\n(?=\S)", text.strip()))


def test_the_image_has_the_packages_of_its_commands_and_not_the_embedded_broker() -> None:
    (locked,) = {each for text in arguments("COPY") for each in re.findall(r"\S+\.txt", text)}
    assert pins(locked) < pins("requirements/run.txt")
    names = {pin.partition("==")[0] for pin in pins(locked)}
    extras = PROJECT["project"]["optional-dependencies"]
    of_image = "worker", "recorder", "gateway", "postgresql", "oidc"
    wanted = [each for extra in of_image for each in extras[extra]]
    assert {re.split(r"[^\w.-]", each)[0].lower() for each in wanted} <= names
    assert not names & {"amqtt", "websockets"}


WITHOUT_EMBEDDED = """
import sys
sys.modules["amqtt"] = None
from buildfeed.cli.commands import main
main()
"""


@every_one_of_ours
def test_our_services_need_no_embedded_broker(
    name: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (command, *_) = OURS[name]["command"]
    options = ["--mqtt-url", "mqtt://127.0.0.1:9", "--data-dir", str(tmp_path)]
    if command == "gateway":
        options += ["--port", str(free_port())]
    run = [sys.executable, "-c", WITHOUT_EMBEDDED, command, *options]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stderr
            assert "mqtt.down" in next(line for line in service.stderr if " mqtt." in line)
        finally:
            service.kill()


def test_where_the_embedded_broker_is_not_installed_up_says_so(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    options = ["--port", str(free_port()), "--data-dir", str(tmp_path)]
    run = [sys.executable, "-c", WITHOUT_EMBEDDED, "up", *options]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The embedded broker is not installed here: ")
    assert done.stderr.count("\n") == 1


# Health checks


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_gateway_is_healthy_when_it_is_ready(
    status: int, code: int, tmp_path: Path, *, secure: bool
) -> None:
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    *_, check = (ADDED["tls"] if secure else OURS["gateway"])["healthcheck"]["test"]
    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        if secure:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            file = certificate(tmp_path, "of.another.name")
            tls.load_cert_chain(file, file.with_suffix(".key"))
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.handle_request, daemon=True).start()
        port = OURS["gateway"]["environment"]["BUILDFEED_PORT"]
        check = check.replace(port, str(server.server_port))
        done = subprocess.run([sys.executable, "-c", check], timeout=10, check=False)
    assert done.returncode == code


@pytest.mark.parametrize("name", ["recorder", "worker"])
def test_the_others_are_healthy_when_connected_to_where_they_should_be(name: str) -> None:
    _, program, *ports = OURS[name]["healthcheck"]["test"]
    assert f"--chmod=755 deploy/{program}.py /usr/local/bin/{program}" in arguments("COPY")
    environment = OURS[name]["environment"].items()
    urls = {key: re.sub(r"\$\{.*?\}", "", value) for key, value in environment}
    assert {int(port) for port in ports} == {
        urlsplit(url).port for key, url in urls.items() if key.endswith(("MQTT_URL", "AMQP_URL"))
    }


def test_a_connection_counts_when_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sleeps between two looks; meanwhile RabbitMQ, which takes 3 s, refuses."""

    def check(server: socket.socket, meanwhile: Callable[[], None]) -> None:
        def sleep(seconds: float) -> None:
            assert seconds > 3
            meanwhile()

        monkeypatch.setattr(time, "sleep", sleep)
        monkeypatch.setattr(sys, "argv", ["connected", str(server.getsockname()[1])])
        runpy.run_path(str(ROOT / "deploy/connected.py"), run_name="__main__")

    with (
        socket.create_server(("127.0.0.1", 0)) as lasting,
        socket.create_server(("127.0.0.1", 0)) as refusing,
        socket.create_connection(lasting.getsockname()),
        socket.create_connection(refusing.getsockname()),
        lasting.accept()[0],
        refusing.accept()[0] as refused,
    ):
        check(lasting, lambda: None)
        with pytest.raises(SystemExit, match="Not connected"):
            check(refusing, refused.close)
