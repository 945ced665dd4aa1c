"""An answer to HTTP/1.0 whose length is not known before: it ends with the connection.

HTTP/1.0 has no chunks (RFC 9112 §6.1, §6.3), but uvicorn sends them to every client.

Relied on in uvicorn: the application is given the attribute `send` of the cycle when it begins; a
response whose `chunked_encoding` is False is written as it is, and `expected_content_length` counts
down to 0 at its end.
"""

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def end_with_connection(cycle: RequestResponseCycle) -> None:
    """Have the response of `cycle`, which has not begun, sent without chunks."""
    pass_on = cycle.send
    has_length = True

    async def send(message: Message) -> None:
        nonlocal has_length
        if message["type"] == "http.response.start":
            has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
            cycle.chunked_encoding = None if has_length else False
        elif not has_length:
            cycle.expected_content_length = len(message.get("body", b""))
        await pass_on(message)  # type: ignore[arg-type] # the same, in uvicorn's types

    cycle.send = send  # type: ignore[method-assign, assignment]
