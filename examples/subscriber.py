"""Print every build as it goes: `python examples/subscriber.py mqtt://user:password@host:1883`."""

import sys
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from paho.mqtt import MQTTException
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from buildfeed import activity
from buildfeed.errors import BuildfeedError


def check(_client: Client, _data: None, _id: object, codes: list[ReasonCode], *_: object) -> None:
    """Raise MQTTException for an answer that refuses: of a login, or of a subscription."""
    for code in codes:
        if code.is_failure:
            raise MQTTException(f"it refuses: {code}")


def subscribe(client: Client, _data: None, flags: object, code: ReasonCode, *_: object) -> None:
    """Subscribe, again after each new connection."""
    check(client, None, flags, [code])
    client.subscribe("builds/#", qos=1)


def lost(_client: Client, _data: None, _flags: object, code: ReasonCode, *_: object) -> None:
    """Say so: RabbitMQ also refuses a subscription by ending the connection."""
    print(f"The connection has ended ({code}), connecting again", file=sys.stderr, flush=True)


def show(_client: Client, _data: None, message: MQTTMessage) -> None:
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
client = Client(CallbackAPIVersion.VERSION2)
client.username_pw_set(unquote(url.username or ""), unquote(url.password or ""))
client.on_connect, client.on_subscribe = subscribe, check
client.on_message, client.on_disconnect = show, lost
try:
    client.connect(host, port)
    client.loop_forever()
except (MQTTException, OSError) as exc:  # a wrong password; a broker that is not there
    sys.exit(f"The broker at {host}:{port} cannot be used: {exc}")
