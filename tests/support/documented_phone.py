"""What docs/phones.md gives to copy, run as it stands: only addresses are made to fit."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from support.documented import configuration, fitted
from support.programs import ROOT, lines

PAGE = "phones.md"
HOST = "builds.example"
TOKEN, MOSQUITTO = 0, 1
"""The places of the commands on the page."""


def token(directory: Path) -> str:
    """Return the token of ada, whom the command lets in at the Buildfeed with this folder."""
    text = configuration("sh", TOKEN, PAGE)
    command = fitted(text, {"buildfeed ": f"{sys.executable} -m buildfeed "})
    environment = os.environ | {"BUILDFEED_DATA_DIR": str(directory)}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[0]


def mosquitto_sub(
    secret: str, port: int, cafile: Path | None = None
) -> AbstractContextManager[list[str]]:
    """Give the lines of the command, with TLS if there is a certificate to trust."""
    trusting = f" --cafile {cafile}" if cafile else ""
    changes = {HOST: "localhost", "-p 1883": f"-p {port}{trusting}"}
    command = fitted(configuration("sh", MOSQUITTO, PAGE), changes)
    return lines("env", f"TOKEN={secret}", "sh", "-c", f"exec {command}")


@contextmanager
def mqtt_js(
    secret: str, url: str, directory: Path, cafile: Path | None = None
) -> Iterator[list[str]]:
    """Give the lines of the program with MQTT.js."""
    text = fitted(configuration("js", page=PAGE), {f"ws://{HOST}:15675/mqtt": url})
    trusting = [f"NODE_EXTRA_CA_CERTS={cafile}"] if cafile else []
    with (
        node_modules(directory) as program,
        lines("env", f"TOKEN={secret}", *trusting, "node", program(text)) as found,
    ):
        yield found


@contextmanager
def node_modules(directory: Path) -> Iterator[Callable[[str], Path]]:
    """Give a function that writes a program into a folder where it finds MQTT.js."""
    assert (ROOT / "node_modules/mqtt").exists(), "MQTT.js is missing: make test, or npm ci."
    libraries, program = directory / "node_modules", directory / "program.mjs"

    def write(text: str) -> Path:
        program.write_text(text)
        return program

    libraries.symlink_to(ROOT / "node_modules")
    try:
        yield write
    finally:
        libraries.unlink()
        program.unlink(missing_ok=True)


def tls_of_rabbitmq(directory: Path, certificate: Path, mqtts: int, wss: int) -> None:
    """Write the configuration of TLS into a RabbitMQ's folder."""
    changes = {
        "0.0.0.0": "127.0.0.1",
        "8883": str(mqtts),
        "15676": str(wss),
        "/etc/rabbitmq/fullchain.pem": str(certificate),
        "/etc/rabbitmq/privkey.pem": str(certificate.with_suffix(".key")),
    }
    text = fitted(configuration("conf", page=PAGE), changes)
    (directory / "conf.d" / "95-tls.conf").write_text(text)
