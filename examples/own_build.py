"""Run a command and show it as a build: `python examples/own_build.py URL PROJECT COMMAND …`.

It says all that a program in any language has to say, and has nothing of Buildfeed. To show a
command, use `buildfeed run`: the command stays as it is, and far more of its output is understood.

The URL has the name and the token of somebody with the grant `publish:PROJECT`. As others see a
command line, the token may be in the environment instead: BUILDFEED_TOKEN.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessageInfo

project, command = "".join(sys.argv[2:3]), sys.argv[3:]
if not command:
    sys.exit("Usage: python examples/own_build.py mqtt://NAME:TOKEN@HOST:1883 PROJECT COMMAND …")
url = urlsplit(sys.argv[1])
digits = secrets.token_hex(9)
build = f"{time.time_ns() // 10**6:012x}7{digits[:3]}8{digits[3:]}"  # UUIDv7: sorts by time
user = unquote(url.username or "")
password = unquote(url.password or "") or os.environ.get("BUILDFEED_TOKEN", "")
worker, session, stops = f"worker-{digits}", f"worker-{digits}", "builds/+/+/stop"
if password.startswith("bf_"):  # a token: its own names, and no stops of other projects
    worker, session = f"{user}-{digits[:8]}", f"{user}:{digits}"
    stops = f"builds/{project}/+/stop"
presence = {"worker": worker, "status": "online", "slots": 0}
presence["builds"] = [{"project": project, "build": build, "attempt": 1}]
here, stop = f"workers/{worker}/status", f"builds/{project}/{build}/stop"
state = {"id": f"urn:buildfeed:{project}:{build}", "project": project, "build": build}
state |= {"status": "running", "progress": 0, "errors": 0, "attempt": 1, "seq": -1}
connected, taken = SimpleQueue(), SimpleQueue()
stopped, told = threading.Event(), threading.Event()


def say(kind: str, type_: str, content: str | None = None, **new: object) -> MQTTMessageInfo:
    """Publish an activity with the whole state of the build."""
    state.update(new, seq=state["seq"] + 1)
    said = {"id": f"{state['id']}:1.{state['seq']}", "type": type_, "object": state}
    said |= {"actor": {"type": "Service", "name": worker}, "content": content}
    said["published"] = datetime.now(UTC).isoformat()
    qos = 0 if kind == "progress" else 1
    return client.publish(f"builds/{project}/{build}/{kind}", json.dumps(said), qos)


def up(_client: Client, _data: None, _flags: object, reason: object, _properties: object) -> None:
    """Listen for stops, and say who is here: after each connect."""
    client.subscribe(stops, 1)
    client.publish(here, json.dumps(presence), 1, retain=True)
    connected.put(reason)  # the last: a goodbye has to come after this


def lost(_client: Client, _data: None, _flags: object, reason: object, _properties: object) -> None:
    """Say once why nobody may see the build; the client tries again by itself."""
    if reason.is_failure and not told.is_set():
        told.set()
        print(f"The broker ended the connection: may {user} publish?", file=sys.stderr)


def beat() -> None:
    """Say every 10 s that we are still here; end the command when it is stopped."""
    while not stopped.wait(10):
        client.publish(here, json.dumps(presence), 1, retain=True)
    process.terminate()


def leave() -> None:
    """Remove the presence: we are no worker any more."""
    goodbye = client.publish(here, b"", 1, retain=True).mid
    end = time.monotonic() + 10
    try:  # also when the broker was away, and is back
        while taken.get(timeout=max(0, end - time.monotonic())) != goodbye:
            pass
    except Empty:
        print("The broker has not taken the end of the build.", file=sys.stderr)
    client.disconnect()
    client.loop_stop()  # once the goodbye has left


client = Client(CallbackAPIVersion.VERSION2, client_id=session)
client.username_pw_set(user, password)
client.will_set(here, json.dumps(presence | {"status": "offline"}), 1, retain=True)
client.on_connect = up
client.on_message = lambda _client, _data, message: message.topic == stop and stopped.set()
client.on_publish = lambda _client, _data, number, *_: taken.put(number)
try:
    client.connect(url.hostname or "localhost", url.port or 1883)
except OSError as exc:
    sys.exit(
        f"There is no broker at {url.hostname} port {url.port or 1883}: {exc.strerror or exc}."
    )
client.loop_start()
if (refusal := connected.get()).is_failure:
    sys.exit(f"The broker refuses to connect: {refusal}.")
client.on_disconnect = lost

for number in (signal.SIGINT, signal.SIGTERM):  # the command gets a Ctrl-C too
    signal.signal(number, lambda *_: stopped.set())
output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "errors": "replace"}
try:
    process = subprocess.Popen(command, **output)  # noqa: S603 - whoever runs this says which
except OSError as exc:
    leave()
    sys.exit(f"{command[0]} cannot be run: {exc.strerror}.")
say("status", "Accept", startTime=datetime.now(UTC).isoformat())
threading.Thread(target=beat, daemon=True).start()
for line in process.stdout or ():
    print(line, end="")
    say("log", "Add", line[:4000])
    if re.search(r"\berror\b", line, re.IGNORECASE):
        say("error", "Flag", line[:4000], errors=state["errors"] + 1, error=line.strip()[:250])
    elif found := re.search(r"\[ *(\d+)/(\d+)\]|(\d+) ?%", line):
        done, total = (found[3], 100) if found[3] else found.group(1, 2)
        percent = min(100, 100 * int(done) // max(1, int(total)))
        say("progress", "Update", progress=max(percent, state["progress"]))
failed = process.wait() != 0 or state["errors"]
ending = "stopped" if stopped.is_set() else "failed" if failed else "succeeded"
last = {} if failed else {"progress": 100}
say("status", "Update", status=ending, endTime=datetime.now(UTC).isoformat(), **last)
leave()
sys.exit(process.returncode if process.returncode >= 0 else 128 - process.returncode)
