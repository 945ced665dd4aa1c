"""JSON Schemas (2020-12) of structs, as `documents` reads them. Pure."""

from typing import Any

import msgspec


def definitions(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the schemas of `type_` and of the structs in it, by name; null is absence."""
    found: dict[str, Any] = msgspec.json.schema(type_)["$defs"]
    for definition in found.values():
        members = definition["properties"]
        for name in members.keys() - definition["required"]:
            members[name] = {"anyOf": [members[name], {"type": "null"}]}
    return found


def required(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the schema of an object of which only the required members have to fit.

    `definitions` has the strict one under `name`.
    """
    strict = definitions[name]
    members = {}
    for key in strict["required"]:
        form = strict["properties"][key]
        if "$ref" in form:
            form = required(definitions, form["$ref"].rpartition("/")[2])
        # Validators that look at `format` know fewer forms of a time than its pattern has.
        members[key] = {word: value for word, value in form.items() if word != "format"}
    return {"type": "object", "required": strict["required"], "properties": members}
