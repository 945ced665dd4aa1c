"""The schemas of an activity and a presence, as one writes them, for a document's components."""

from typing import Any, Final

import msgspec

from buildfeed import activity, schemas
from buildfeed.presence import Presence

Schemas = dict[str, dict[str, Any]]

PLACE: Final = "#/components/schemas/{name}"
"""Where schemas are, in OpenAPI and in AsyncAPI."""
_HERE: Final = b'"#/$defs/'
_THERE: Final = b'"#/components/schemas/'
_AS_READ: Final = "Report", "Start"
"""Definitions of `activity.schema` that say how an activity is read, not how to write one."""


def of_activity() -> Schemas:
    """Return the schemas of an activity and of what is in it, by their names."""
    definitions = activity.schema()["$defs"]
    return _moved({name: each for name, each in definitions.items() if name not in _AS_READ})


def of_presence() -> Schemas:
    """Return those of a presence."""
    return _moved(schemas.definitions(Presence))


def _moved(definitions: Schemas) -> Schemas:
    """Return definitions whose references lead to the components."""
    text = msgspec.json.encode(definitions).replace(_HERE, _THERE)
    return msgspec.json.decode(text, type=Schemas)
