"""Print every build as it goes: `python examples/subscriber.py mqtt://user:password@host:1883`."""

import logging
import sys
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from paho.mqtt import MQTTException, subscribe
from paho.mqtt.client import Client, MQTTMessage

from buildfeed import activity
from buildfeed.errors import BuildfeedError


def show(_client: Client, _userdata: None, message: MQTTMessage) -> None:
    """Print one activity's build."""
    with suppress(BuildfeedError):  # a payload that is no activity: not for us
        build = activity.decode(message.topic, message.payload).object
        print(build.project, build.build, build.status, f"{build.progress} %", flush=True)


try:
    (address,) = sys.argv[1:]
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or 1883
    if url.scheme != "mqtt" or not host:
        raise ValueError  # noqa: TRY301
except ValueError:
    sys.exit("usage: python examples/subscriber.py mqtt://user:password@host:1883")
logging.disable()  # what fails is printed below, in one line
login = None
if url.username:
    login = {"username": unquote(url.username), "password": unquote(url.password or "")}
try:
    subscribe.callback(show, "builds/#", qos=1, hostname=host, port=port, auth=login)
except (MQTTException, OSError) as exc:  # a wrong password; a broker that is not there
    sys.exit(f"The broker at {host}:{port} cannot be used: {exc}")
