"""No core dumps: the memory of a service has tokens, and passwords of the broker, in it.

Only the soft limit is lowered, so that a build may raise its own again. The process stays
"dumpable" (prctl(2), PR_SET_DUMPABLE): otherwise its own user could not read its environment in
/proc any more, by which `marked.py` finds what a killed `up` has left behind.
"""

import resource
from typing import Final

_NONE: Final = 1
"""Bytes: too few for a file, and, unlike 0, Linux starts no program that collects dumps (core(5),
fs/coredump.c)."""


def forbid() -> None:
    """Let neither this process nor those that it starts leave a core dump."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (_NONE if hard else 0, hard))
