"""The jobs of `buildfeed worker --projects`, as a file has them (TOML). Pure.

[acme.jobs.deploy]
command = ["./deploy.sh"]
directory = "/srv/acme"                    # relative to that of the file, which is the default
environment = { CI = "1" }
max_seconds = 3600
parameters = { stage = "^(test|live)$" }   # given as BUILDFEED_PARAMETER_STAGE

Somebody who starts a job chooses its name and the values of its parameters, and nothing else. An
expression is tried on values of strangers: one that takes long, as `^(a+)+$`, keeps the worker up.
"""

import math
import posixpath
import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from buildfeed import names
from buildfeed.errors import BuildfeedError, InvalidName

MOST_JOBS: Final = 200
MOST_PARAMETERS: Final = 20
MOST_OF_NAMES: Final = 100 * 1024
"""Characters of the names of all jobs and parameters: a worker says them in each presence."""
MOST_OF_VALUE: Final = 1024
"""Bytes of the value of a parameter."""
_OURS: Final = "BUILDFEED_"
_PARAMETER: Final = "BUILDFEED_PARAMETER_"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidJobs(BuildfeedError):
    """A file has no jobs that can be used, for `reason`, at `place` of it (nothing: all of it)."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"The jobs cannot be read: {f'{place}: ' if place else ''}{reason}.")
        self.place = place
        self.reason = reason


class ParameterRefused(BuildfeedError):
    """A start gave the `parameter` a value, or a name, that the job does not take."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"The parameter {parameter[:80]!r} is refused: {reason}.")
        self.parameter = parameter
        self.reason = reason


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker runs for one name of one project.

    `variables` are those of its environment beside the usual ones. `parameters` has for each name
    the expression that a value has to match. Without `max_seconds` the limit of the worker counts.
    """

    project: str
    name: str
    command: tuple[str, ...]
    directory: str
    variables: dict[str, str]
    parameters: dict[str, str]
    max_seconds: float | None

    def environment(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return its variables, and those of a start's `parameters`; raise ParameterRefused."""
        found = dict(self.variables)
        for name, value in parameters.items():
            if name not in self.parameters:
                advice = _perhaps(name, self.parameters) or "; it has none"
                raise ParameterRefused(name, f"the job {self.name} has no such parameter{advice}")
            _check_value(name, value, self.parameters[name])
            found[_variable(name)] = value
        return found


def parse(text: str, folder: str) -> tuple[Job, ...]:
    """Return the jobs in the text of a file, which lies in `folder`; raise InvalidJobs."""
    try:
        projects = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        where = re.search(r"\(at [^()]*\)$", str(exc))
        reason = str(exc).removesuffix(where[0] if where else "").strip()[:200]
        raise InvalidJobs(where[0].strip("()") if where else "", f"no TOML: {reason}") from None
    jobs = tuple(
        _job(project, name, table, folder)
        for project, named in projects.items()
        for name, table in _jobs_of(project, named).items()
    )
    if not jobs:
        raise InvalidJobs("", 'there is none; write one as [acme.jobs.default] command = ["make"]')
    if len(jobs) > MOST_JOBS:
        raise InvalidJobs("", f"there are {len(jobs)}, and {MOST_JOBS} at most are allowed")
    named = sum(len("".join((job.project, job.name, *job.parameters))) for job in jobs)
    if named > MOST_OF_NAMES:
        reason = f"their names have {named} characters, and {MOST_OF_NAMES} at most are allowed"
        raise InvalidJobs("", reason)
    return jobs


def _jobs_of(project: str, table: object) -> dict[str, Any]:
    place = f"[{project[:80]}]"
    _check_name("project", project, place)
    if not isinstance(table, dict):
        raise InvalidJobs(place, f"a project is a table: write [{project[:80]}.jobs.default]")
    _check_keys(table, ("jobs",), place)
    jobs = table.get("jobs", {})
    if not isinstance(jobs, dict):
        raise InvalidJobs(place, f"jobs is a table: write [{project}.jobs.default]")
    return jobs


class _Table(msgspec.Struct, frozen=True):
    """What is written below the name of a job."""

    command: list[str]
    directory: str = ""
    environment: dict[str, str] = {}
    max_seconds: float | None = None
    parameters: dict[str, str] = {}


def _job(project: str, name: str, table: object, folder: str) -> Job:
    place = f"[{project}.jobs.{name[:80]}]"
    _check_name("job", name, place)
    if not isinstance(table, dict):
        raise InvalidJobs(place, "a job is a table: write its name in brackets")
    _check_keys(table, _Table.__struct_fields__, place)
    if isinstance(table.get("command"), str):
        shell = '["sh", "-c", "…"]'
        raise InvalidJobs(f"{place} command", f"it is a list of texts; for a shell write {shell}")
    try:
        found = msgspec.convert(table, _Table)
    except msgspec.ValidationError as exc:
        reason, _, where = str(exc).partition(" - at `$")
        raise InvalidJobs(f"{place} {where.strip('.`')}".rstrip(), reason) from None
    _check_texts(found, place)
    if found.max_seconds is not None and not 0 < found.max_seconds < math.inf:
        raise InvalidJobs(f"{place} max_seconds", "it is a number of seconds above 0")
    _check_variables(found.environment, f"{place} environment")
    _check_parameters(found.parameters, f"{place} parameters")
    return Job(
        project=project,
        name=name,
        command=tuple(found.command),
        directory=posixpath.join(folder, found.directory) if found.directory else folder,
        variables=found.environment,
        parameters=found.parameters,
        max_seconds=found.max_seconds,
    )


def _check_texts(table: _Table, place: str) -> None:
    if not table.command or not table.command[0]:
        raise InvalidJobs(f"{place} command", "it needs a program first")
    texts = {
        "command": table.command,
        "directory": [table.directory],
        "environment": table.environment.values(),
    }
    for key, those in texts.items():
        if any("\0" in text for text in those):
            raise InvalidJobs(f"{place} {key}", "no program can be given a NUL character")


def _check_variables(variables: Mapping[str, str], place: str) -> None:
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            reason = "a variable has a name of letters, digits and _, that begins with no digit"
            raise InvalidJobs(f"{place}.{name[:80]!r}", reason)
        if name.startswith(_OURS):
            raise InvalidJobs(f"{place}.{name[:80]}", f"{_OURS}… is for what a build is told by us")


def _check_parameters(parameters: Mapping[str, str], place: str) -> None:
    if len(parameters) > MOST_PARAMETERS:
        reason = f"there are {len(parameters)}, and {MOST_PARAMETERS} at most are allowed"
        raise InvalidJobs(place, reason)
    names_of: dict[str, str] = {}
    for name, expression in parameters.items():
        its_place = f"{place}.{name[:80]}"
        _check_name("parameter", name, its_place)
        if (other := names_of.setdefault(_variable(name), name)) != name:
            raise InvalidJobs(its_place, f"{other} is given as {_variable(name)} already")
        if not re.fullmatch(r"\^.*(?<!\\)(?:\\\\)*\$", expression, re.DOTALL):
            reason = "its expression is for the whole value: begin it with ^ and end it with $"
            raise InvalidJobs(its_place, reason)
        try:
            re.compile(expression)
        except (re.error, OverflowError, RecursionError) as exc:
            raise InvalidJobs(its_place, f"it is no regular expression, {exc}") from None


def _check_value(name: str, value: object, expression: str) -> None:
    """Raise ParameterRefused for a value that the expression, or no program, takes."""
    if not isinstance(value, str):
        raise ParameterRefused(name, "its value is no text")
    if "\0" in value:
        raise ParameterRefused(name, "its value has a NUL character")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ParameterRefused(name, "its value is no Unicode text") from None
    if size > MOST_OF_VALUE:
        raise ParameterRefused(name, f"its value has over {MOST_OF_VALUE} bytes")
    if not re.fullmatch(expression, value):
        raise ParameterRefused(name, f"its value does not match {expression}")


def _check_name(what: str, name: str, place: str) -> None:
    try:
        names.check(what, name)
    except InvalidName as exc:
        raise InvalidJobs(place, str(exc).rstrip(".")) from None


def _check_keys(table: Mapping[str, object], known: Collection[str], place: str) -> None:
    for key in table:
        if key not in known:
            advice = _perhaps(key, known)
            raise InvalidJobs(place, f"it has no key {key[:80]!r}{advice}")


def _perhaps(name: str, known: Collection[str]) -> str:
    """Return which of the names is meant, or all of them if none is alike."""
    if not known:
        return ""
    near = get_close_matches(name[:80], known, 1)
    return f"; perhaps {near[0]} is meant" if near else f"; there is {', '.join(known)}"


def _variable(parameter: str) -> str:
    return _PARAMETER + parameter.upper().replace("-", "_")
