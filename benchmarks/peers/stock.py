"""Stock python-socketio with paho: the plain way in Python to do the gateway's job.

usage: python stock.py PORT MQTT_URL
"""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import socketio
import uvicorn
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def watch(sid: str, filter_: str) -> dict[str, Any]:
    """Subscribe the watcher to a filter."""
    await sio.enter_room(sid, filter_)
    return {"watching": [filter_], "builds": [], "more": False}


async def main(port: str, url: str) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()

    def receive(_client: Client, _data: object, message: MQTTMessage) -> None:
        activity = json.loads(message.payload)
        body = activity["object"] | {"published": activity["published"]}
        room = f"builds/{message.topic.split('/')[1]}/#"
        asyncio.run_coroutine_threadsafe(sio.emit("build", body, room=room), loop)

    address = urlsplit(url)
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(address.username or "", address.password)
    client.on_message = receive
    client.connect(address.hostname or "", address.port or 1883)
    client.subscribe("builds/#")
    client.loop_start()
    config = uvicorn.Config(socketio.ASGIApp(sio), port=int(port), log_level="warning")
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
