"""What the document is made of: channels, operations and references to them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class Described(msgspec.Struct, frozen=True):
    """Servers, channels and operations, by their ids."""

    servers: dict[str, Json]
    channels: dict[str, Json]
    operations: dict[str, Json]


def reference(*steps: str) -> Json:
    """Return a reference to what is at these steps from the root of the document."""
    return {"$ref": "/".join(("#", *steps))}


def server(
    protocol: str, version: str, port: str, description: str, *, pathname: str = "", **more: object
) -> Json:
    """Return a server whose host and port are variables, as no document knows the way to it.

    Addresses of channels are joined to `pathname`, which is left out where it is empty.
    """
    return {
        "host": "{host}:{port}",
        "protocol": protocol,
        "protocolVersion": version,
        "description": description,
        "variables": {"host": {"default": "localhost"}, "port": {"default": port}},
        **({"pathname": pathname} if pathname else {}),
        **more,
    }


def channel(
    address: str,
    description: str,
    messages: Iterable[str],
    servers: Iterable[str],
    **more: object,
) -> Json:
    """Return a channel with these messages of the components, on these servers."""
    return {
        "address": address,
        "description": description,
        "messages": {each: reference("components", "messages", each) for each in messages},
        "servers": [reference("servers", each) for each in servers],
        **more,
    }


def operation(
    action: Literal["send", "receive"],
    channel_: str,
    summary: str,
    messages: Iterable[str],
    **more: object,
) -> Json:
    """Return what we do with these messages of a channel; others do the opposite."""
    return {
        "action": action,
        "channel": reference("channels", channel_),
        "summary": summary,
        "messages": _of(channel_, messages),
        **more,
    }


def reply(channel_: str, messages: Iterable[str]) -> Mapping[str, object]:
    """Return the answer to a message, which is one of these on the same channel."""
    return {"channel": reference("channels", channel_), "messages": _of(channel_, messages)}


def _of(channel_: str, messages: Iterable[str]) -> list[Json]:
    return [reference("channels", channel_, "messages", each) for each in messages]
