"""The bodies of a start and a stop: a misspelt key is refused, not ignored. Pure."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import command
from buildfeed.activity import Priority, Script, ShortText


class RequestedScript(Script, frozen=True, forbid_unknown_fields=True):
    """The script of a start."""


class StartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a start; everything is optional."""

    script: RequestedScript | UnsetType = UNSET
    priority: Priority = "normal"
    by: ShortText = command.ANONYMOUS
    delay: Annotated[float, Meta(gt=0, le=86_400)] | UnsetType = UNSET


class StopRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a stop; everything is optional."""

    by: ShortText = command.ANONYMOUS
