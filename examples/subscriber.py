"""Print every build as it goes: `python examples/subscriber.py mqtt://user:password@host:1883`."""

import sys
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from paho.mqtt import subscribe
from paho.mqtt.client import Client, MQTTMessage

from buildfeed import activity
from buildfeed.errors import BuildfeedError


def show(_client: Client, _userdata: None, message: MQTTMessage) -> None:
    """Print one activity's build."""
    with suppress(BuildfeedError):  # a payload that is no activity: not for us
        build = activity.decode(message.topic, message.payload).object
        print(build.project, build.build, build.status, f"{build.progress} %", flush=True)


url = urlsplit(sys.argv[1])
login = {"username": unquote(url.username or ""), "password": unquote(url.password or "")}
subscribe.callback(
    show, "builds/#", qos=1, hostname=url.hostname, port=url.port or 1883, auth=login
)
