"""Clients of python-socketio, several in one process; see crowd.py, which runs it.

Standard input and output are those of official_clients.mjs; `library` is the class.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import socketio

Say = Callable[[str, Any], None]


def follow(url: str, filter_: str, options: dict[str, Any], say: Say) -> None:
    """Be a Client."""
    client = socketio.Client()

    def connected() -> None:
        say("connect", client.transport())
        client.emit("watch", filter_, callback=lambda answer: answered(answer, say))

    client.on("connect", connected)
    client.on("disconnect", lambda reason: say("disconnect", reason))
    client.on("build", lambda build: say("build", build))
    client.on("feed", lambda feed: say("pid", feed["pid"]))
    client.connect(url, **options)
    client.wait()


def follow_simply(url: str, filter_: str, options: dict[str, Any], say: Say) -> None:
    """Be a SimpleClient. It does not say when it has come back, so `auth` has what it watches."""
    client, known = socketio.SimpleClient(), ""
    client.connect(url, auth={"watch": filter_}, **options)
    while True:
        name, body = client.receive()
        if client.sid != known:
            known = client.sid
            say("connect", client.transport)
            say("watching", filter_)
        say(*(("pid", body["pid"]) if name == "feed" else (name, body)))


async def follow_async(url: str, filter_: str, options: dict[str, Any], say: Say) -> None:
    """Be an AsyncClient."""
    client = socketio.AsyncClient()

    async def connected() -> None:
        say("connect", client.transport())
        await client.emit("watch", filter_, callback=lambda answer: answered(answer, say))

    client.on("connect", connected)
    client.on("disconnect", lambda reason: say("disconnect", reason))
    client.on("build", lambda build: say("build", build))
    client.on("feed", lambda feed: say("pid", feed["pid"]))
    await client.connect(url, **options)
    await client.wait()


def answered(answer: dict[str, Any], say: Say) -> None:
    for build in answer["builds"]:
        say("build", build)
    say("watching", answer["watching"])


def sayer(name: str) -> Say:
    def say(what: str, value: Any) -> None:
        # One write for a line, as each client has threads of its own.
        sys.stdout.write(json.dumps({"name": name, "what": what, "value": value}) + "\n")
        sys.stdout.flush()

    return say


async def follow_all(clients: list[dict[str, Any]]) -> None:
    kinds: dict[str, Callable[..., Any]] = {"Client": follow, "SimpleClient": follow_simply}
    async with asyncio.TaskGroup() as tasks:
        for each in clients:
            given = each["url"], each["filter"], each["options"], sayer(each["name"])
            if each["library"] == "AsyncClient":
                tasks.create_task(follow_async(*given))
            else:
                follow_one = kinds[each["library"]]
                threading.Thread(target=follow_one, args=given, daemon=True).start()
        await asyncio.Event().wait()  # until it is ended


if __name__ == "__main__":
    asyncio.run(follow_all(json.load(sys.stdin)))
