"""The AsyncAPI 3 document of all that Buildfeed sends and takes, but for the HTTP API.

AsyncAPI tells what *we* do: `send` is what others receive.
"""

from typing import Any, Final

from gateway.asyncapi.broker import broker
from gateway.asyncapi.messages import components
from gateway.asyncapi.watchers import IN_CONNECT, watchers
from gateway.http.cookies import OF_SESSIONS
from gateway.http.description import JSON, OPENAPI, version

_SECURITY: Final = {
    "login": {
        "type": "userPassword",
        "description": "The name of a token and the token, or a user of the broker.",
    },
    IN_CONNECT: {
        "type": "apiKey",
        "in": "password",
        "description": "A token as `token` in the `auth` of a connect, which is the usual way.",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "A token, with the handshake."},
    **{
        id_: {"type": "httpApiKey", "in": "cookie", "name": name, "description": where}
        for id_, (name, where) in OF_SESSIONS.items()
    },
}


def document(root: str) -> dict[str, Any]:
    """Return the document of a gateway that browsers reach below `root`."""
    described = broker(), watchers(root)
    found = components()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Buildfeed",
            "version": version(),
            "description": (
                "Live build progress. topics.md is the contract; these are its topics and events. "
                f"{OPENAPI} has the HTTP API. "
                "Ignore keys that you do not know: new ones may be added."
            ),
        },
        "defaultContentType": JSON,
        "servers": {id_: each for part in described for id_, each in part.servers.items()},
        "channels": {id_: each for part in described for id_, each in part.channels.items()},
        "operations": {id_: each for part in described for id_, each in part.operations.items()},
        "components": found | {"securitySchemes": _SECURITY},
    }
