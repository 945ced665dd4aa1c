"""Judges what is published and answered, by the schemas in the documents that describe it."""

import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, DRAFT202012

from buildfeed import times

Json = dict[str, Any]
ROOT = "urn:described"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Judge:
    """Knows a document, whose objects it closes: a member that they do not name is a flaw.

    The contract is open, as fields may be added; but what we send today is all described.
    """

    validator: type[Validator] = Draft202012Validator
    specification = DRAFT202012

    def __init__(self, document: Json) -> None:
        self.document = document
        closed: Any = _closed(document)
        resource = Resource.from_contents(closed, default_specification=self.specification)
        self._known: Registry[Any] = Registry().with_resource(ROOT, resource)

    def flaws(self, value: Any, *place: str) -> list[str]:
        """Return what is wrong with a value, by the schema at a place in the document."""
        steps = [step.replace("~", "~0").replace("/", "~1") for step in place]
        schema = {"$ref": "/".join((f"{ROOT}#", *steps))}
        # A rule of ours takes the bare keyword for the place that packages come from.
        known = {"registry": self._known}
        validator = self.validator(schema, format_checker=FORMATS, **known)
        return [each.message for each in validator.iter_errors(value)]


class AsyncApi(Judge):
    """The AsyncAPI document."""

    validator, specification = Draft7Validator, DRAFT7

    def channel(self, topic: str) -> str:
        """Return the id of the MQTT channel that a topic belongs to."""
        found = [
            id_
            for id_, channel in self.channels("mqtt")
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(channel["address"])), topic)
        ]
        assert len(found) == 1, f"{topic} belongs to {found}"
        return found[0]

    def channels(self, server: str) -> Iterator[tuple[str, Json]]:
        """Yield the channels of a server, by their ids."""
        for id_, channel in self.document["channels"].items():
            if {"$ref": f"#/servers/{server}"} in channel["servers"]:
                yield id_, channel

    def operations(self, channel: str, action: str = "send") -> list[Json]:
        return [
            each
            for each in self.document["operations"].values()
            if each["channel"] == {"$ref": f"#/channels/{channel}"} and each["action"] == action
        ]

    def message(self, id_: str, value: Any) -> list[str]:
        """Return what is wrong with the payload of a message."""
        assert id_ in self.document["components"]["messages"]
        return self.flaws(value, "components", "messages", id_, "payload")

    def in_channel(self, channel: str, value: Any) -> list[str]:
        """Return what is wrong with a payload, which is one of the messages of a channel."""
        messages = self.document["channels"][channel]["messages"]
        flaws = [self.message(each, value) for each in messages]
        return [] if [] in flaws else [each for found in flaws for each in found]


class OpenApi(Judge):
    """The OpenAPI document."""

    def answer(
        self, method: str, path: str, status: int, media_type: str, value: Any = None
    ) -> list[str]:
        """Return what is wrong with an answer of the operation at a path with parameters."""
        place, answer = self._response(method, path, status)
        if answer is None:
            return [f"{method} {path} may not answer {status}"]
        content = answer.get("content", {})
        if media_type not in content:
            return [f"{media_type} is none of {list(content)}"] if media_type or content else []
        if "schema" not in content[media_type]:
            return []
        return self.flaws(value, *place, "content", media_type, "schema")

    def headers(
        self, method: str, path: str, status: int, sent: Collection[str]
    ) -> tuple[set[str], set[str]]:
        """Return which headers of the components an answer has, and which it is said to have."""
        _, answer = self._response(method, path, status)
        known = {name for name in self.document["components"]["headers"] if name.lower() in sent}
        return known, set((answer or {}).get("headers", ()))

    def _response(self, method: str, path: str, status: int) -> tuple[tuple[str, ...], Json | None]:
        """Return the place of an answer in the document and what is there, None if nothing is."""
        responses = self.document["paths"][path][method]["responses"]
        answer = responses.get(str(status))
        if answer and "$ref" in answer:
            shared = answer["$ref"].rpartition("/")[2]
            answer = self.document["components"]["responses"][shared]
            return ("components", "responses", shared), answer
        return ("paths", path, method, "responses", str(status)), answer


def _closed(value: Any, name: str = "") -> Any:
    """Return a document whose object schemas have no members but those that they name."""
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(each, key) for key, each in value.items()}
    if name.startswith("problem."):  # they extend ProblemAnswer
        return closed | {"unevaluatedProperties": False}
    is_object = value.get("type") == "object" and "properties" in value
    if is_object and name != "ProblemAnswer" and "additionalProperties" not in value:
        closed["additionalProperties"] = False
    return closed


def wrong(value: Json) -> Iterator[tuple[str, Json]]:
    """Yield a JSON object with each of its members wrong in turn, also of objects within it.

    What is a time is a text that is none besides.
    """
    for key, member in value.items():
        if isinstance(member, dict) and key != "parameters":
            for name, other in wrong(member):
                yield f"{key}.{name}", deepcopy(value) | {key: other}
        if key != "@context":
            yield key, deepcopy(value) | {key: [[{"wrong": 1}]]}
        if times.is_time(member):
            yield f"{key}, a text", deepcopy(value) | {key: "yesterday"}
