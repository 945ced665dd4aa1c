"""The bodies of a start and a stop: a misspelt key is refused, not ignored. Pure."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import command
from buildfeed.activity import Parameters, Priority, Script, ShortText
from buildfeed.names import Name

_BOTH: Final = "a start has a `script` or a `job`, not both"
_NO_JOB: Final = "`parameters` are those of a `job`, and there is none"


class RequestedScript(Script, frozen=True, forbid_unknown_fields=True):
    """The script of a start."""


class StartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a start; everything is optional. A job has no script."""

    script: RequestedScript | UnsetType = UNSET
    job: Name | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    priority: Priority = "normal"
    by: ShortText = command.ANONYMOUS
    delay: Annotated[float, Meta(gt=0, le=86_400)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what would be obeyed in part."""
        has_job = self.job is not UNSET
        if has_job and self.script is not UNSET:
            raise ValueError(_BOTH)
        if self.parameters is not UNSET and not has_job:
            raise ValueError(_NO_JOB)


class StopRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a stop; everything is optional."""

    by: ShortText = command.ANONYMOUS
