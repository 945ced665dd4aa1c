"""What watchers are sent and send, as channels: over socket.io and Server-Sent Events."""

from typing import Final

from buildfeed.topics import MAX_FILTERS
from gateway.access.paths import SOCKETS
from gateway.asyncapi.parts import Described, Json, channel, operation, reference, reply, server
from gateway.http.cookies import PLAIN_SESSION, SESSION
from gateway.http.proxied_streams import STREAMS

_SOCKETS, _EVENTS = "sockets", "events"
_PUSHED: Final = {"buildEvent": "Build", "logEvent": "Log", "feedEvent": "Feed"}
_REFUSED: Final = "refused"
_ASKED: Final = {
    "connect": ("Take a watcher.", ("connected", "connectRefused")),
    "watch": (
        "Let it watch more, or give it the next page of the snapshot.",
        ("watched", _REFUSED),
    ),
    "unwatch": ("Let it watch less.", ("unwatched", _REFUSED)),
    "auth": ("Let it go on by a new token.", ("renewed", _REFUSED)),
}
"""What a watcher says, and the answers to it."""
IN_CONNECT: Final = "tokenOfConnect"
"""The name of the token in the `auth` of a connect."""
_ANONYMOUS: Final = "Without a credential one may do what the operator lets everybody do."
"""Said in words: AsyncAPI has no empty requirement that stands for it."""
_QUERY: Final[Json] = {
    "type": "object",
    "required": ["watch"],
    "properties": {
        "watch": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": MAX_FILTERS,
            "description": "Filters, as in builds/acme/#, each by a `watch` of its own.",
        }
    },
}


def watchers(root: str) -> Described:
    """Return the servers, channels and operations of watchers, who come below `root`."""
    answers = {answer for _, answered in _ASKED.values() for answer in answered}
    channels = {
        _SOCKETS: channel(
            "/",
            "The default namespace. A message is an event by its name; `connect` is the connect.",
            [*_PUSHED, *_ASKED, *sorted(answers)],
            ["socketIo"],
        ),
        _EVENTS: channel(
            STREAMS,
            "A message is an event by its name, in one line of `data`.",
            _PUSHED,
            ["http", "https"],
        ),
    }
    operations = {
        f"send{name}Event": operation("send", _SOCKETS, f"Tell a watcher: {name}.", [message])
        for message, name in _PUSHED.items()
    }
    for asked, (summary, answered) in _ASKED.items():
        id_, answer = f"receive{asked.capitalize()}", reply(_SOCKETS, answered)
        operations[id_] = operation("receive", _SOCKETS, summary, [asked], reply=answer)
    binding = {"method": "GET", "query": _QUERY, "bindingVersion": "0.3.0"}
    summary = "Send the snapshot, `feed`, then every event."
    operations["sendEvents"] = operation(
        "send", _EVENTS, summary, _PUSHED, bindings={"http": binding}
    )
    return Described(_servers(root), channels, operations)


def _servers(root: str) -> dict[str, Json]:
    return {
        "socketIo": server(
            "socketio",
            "5",
            "8000",
            "The gateway, by a client of Socket.IO 3 or 4; by TLS where it has https. "
            f"{_ANONYMOUS}",
            # No slash at its end: the address of the channel, the namespace, begins with one.
            pathname=f"{root}{SOCKETS}",
            security=_security(IN_CONNECT, "token", SESSION, PLAIN_SESSION),
        ),
        "http": server(
            "http",
            "1.1",
            "8000",
            f"The gateway, in the clear. {_ANONYMOUS}",
            pathname=root,
            security=_security("token", PLAIN_SESSION),
        ),
        "https": server(
            "https",
            "1.1",
            "8000",
            f"The gateway by TLS, its own or that of a proxy at port 443. {_ANONYMOUS}",
            pathname=root,
            security=_security("token", SESSION),
        ),
    }


def _security(*schemes: str) -> list[Json]:
    """Return the schemes of which one is enough."""
    return [reference("components", "securitySchemes", each) for each in schemes]
