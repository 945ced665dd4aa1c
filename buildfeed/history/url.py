"""The settings in the URL of a database that are ours: what stands there for no driver."""

from sqlalchemy import URL


def whole_number(url: URL, name: str, default: int) -> int:
    """Return the query parameter `name` of `url`; raise ValueError when it is no number over 0."""
    text = str(url.query.get(name, default))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{name} in its URL has to be a whole number over 0")
    return int(text)
