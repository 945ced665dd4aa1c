"""The file of jobs: what it may say, and how a fault in it is named."""

import re
from pathlib import Path

import pytest

from buildfeed.runner import job_file
from buildfeed.runner.jobs import InvalidJobs, Job, ParameterRefused, parse

FILE = """
[acme.jobs.default]
command = ["make", "-j4"]
directory = "/srv/acme"
environment = { CI = "1" }
max_seconds = 3600

[acme.jobs.deploy]
command = ["./deploy.sh"]
directory = "scripts"
parameters = { stage = "^(test|live)$", dry-run = "^[01]?$", note = "^.*$" }

[other.jobs.default]
command = ["true"]
"""


def job(**fields: str) -> Job:
    table = {"command": '["true"]'} | fields
    (found,) = parse(
        "[acme.jobs.a]\n" + "\n".join(f"{key} = {value}" for key, value in table.items()), "/etc"
    )
    return found


def test_a_file_has_jobs_of_projects() -> None:
    default, deploy, other = parse(FILE, "/etc/buildfeed")
    assert default == Job(
        project="acme",
        name="default",
        command=("make", "-j4"),
        directory="/srv/acme",
        variables={"CI": "1"},
        parameters={},
        max_seconds=3600.0,
    )
    assert (deploy.project, deploy.name, deploy.max_seconds) == ("acme", "deploy", None)
    assert deploy.directory == "/etc/buildfeed/scripts"
    assert (other.project, other.directory) == ("other", "/etc/buildfeed")


def test_names_have_room_in_a_presence() -> None:
    parameters = ", ".join(f'{"p" * 60}{n} = "^x$"' for n in range(20))
    jobs = [
        f'[acme.jobs.j{n}]\ncommand = ["true"]\nparameters = {{ {parameters} }}' for n in range(99)
    ]
    with pytest.raises(InvalidJobs, match="characters, and 102400 at most"):
        parse("\n".join(jobs), "/etc")


FAULTS = {
    "": ("", "there is none; write one as [acme.jobs.default]"),
    "a = ": ("at end of document", "no TOML: Invalid value"),
    "a = 'b'\na = 1\nb = 2\n": ("at line 2", "no TOML: Cannot overwrite a value"),
    "x = " + "[" * 100_000: ("", "no TOML"),
    "x = " + "1" * 10_000: ("", "no TOML"),
    "[Acme.jobs.a]": ("[Acme]", "'Acme' is no project name"),
    "acme = 1": ("[acme]", "a project is a table: write [acme.jobs.default]"),
    "[acme.job.a]": ("[acme]", "it has no key 'job'; perhaps jobs is meant"),
    "[acme]\njobs = 1": ("[acme]", "jobs is a table"),
    "[acme.jobs]\na = 1": ("[acme.jobs.a]", "a job is a table"),
    "[acme.jobs.'a b']": ("[acme.jobs.a b]", "'a b' is no job name"),
    "[acme.jobs.a]": ("[acme.jobs.a]", "missing required field `command`"),
}
WRONG = {
    "comand = []": ("", "it has no key 'comand'; perhaps command is meant"),
    "zzz = 1": ("", "it has no key 'zzz'; there is command, directory, environment, max_seconds"),
    "command = 'make -j4'": (" command", 'it is a list of texts; for a shell write ["sh", "-c"'),
    "command = []": (" command", "it needs a program first"),
    "command = ['']": (" command", "it needs a program first"),
    "command = ['a', 1]": (" command[1]", "Expected `str`, got `int`"),
    'command = ["a\\u0000"]': (" command", "no program can be given a NUL character"),
    "directory = 1": (" directory", "Expected `str`"),
    'directory = "\\u0000"': (" directory", "NUL"),
    "environment = ['A=1']": (" environment", "Expected `object`"),
    "environment = {A = 1}": (" environment[...]", "Expected `str`, got `int`"),
    "environment = {'A=B' = '1'}": (" environment.'A=B'", "a variable has a name of letters"),
    "environment = {BUILDFEED_TOKEN = '1'}": (" environment.BUILDFEED_TOKEN", "by us"),
    "max_seconds = 0": (" max_seconds", "it is a number of seconds above 0"),
    "max_seconds = nan": (" max_seconds", "above 0"),
    "max_seconds = inf": (" max_seconds", "above 0"),
    "max_seconds = true": (" max_seconds", "got `bool`"),
    "max_seconds = '10'": (" max_seconds", "got `str`"),
    "parameters = ['a']": (" parameters", "Expected `object`"),
    "parameters = {A = '^a$'}": (" parameters.A", "'A' is no parameter name"),
    "parameters = {a = 'x'}": (" parameters.a", "begin it with ^ and end it with $"),
    "parameters = {a = '^x'}": (" parameters.a", "end it with $"),
    "parameters = {a = '^x\\$'}": (" parameters.a", "end it with $"),
    "parameters = {a = '^($'}": (" parameters.a", "it is no regular expression, missing )"),
    "parameters = {a-b = '^$', a_b = '^$'}": (
        " parameters.a_b",
        "a-b is given as BUILDFEED_PARAMETER_A_B already",
    ),
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text[:20])
def test_a_fault_is_named_with_its_place(text: str) -> None:
    place, reason = FAULTS[text]
    with pytest.raises(InvalidJobs, match=re.escape(reason)) as caught:
        parse(text, "/etc")
    assert caught.value.place.startswith(place)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("line", WRONG, ids=lambda line: ascii(line)[:40])
def test_a_fault_of_a_job_is_named_with_its_place(line: str) -> None:
    place, reason = WRONG[line]
    command = "" if line.startswith("command") else "command = ['true']\n"
    with pytest.raises(InvalidJobs, match=re.escape(reason)) as caught:
        parse(f"[acme.jobs.a]\n{command}{line}", "/etc")
    assert caught.value.place == f"[acme.jobs.a]{place}"


def test_jobs_and_parameters_are_bounded_in_number() -> None:
    many = "".join(f"[acme.jobs.a{n}]\ncommand = ['true']\n" for n in range(201))
    with pytest.raises(InvalidJobs, match="there are 201, and 200 at most are allowed"):
        parse(many, "/etc")
    table = ", ".join(f"a{n} = '^$'" for n in range(21))
    with pytest.raises(InvalidJobs, match="there are 21, and 20 at most are allowed"):
        job(parameters=f"{{{table}}}")


def test_parameters_are_given_as_variables() -> None:
    _, deploy, _ = parse(FILE, "/etc")
    assert deploy.environment({}) == {}
    assert deploy.environment({"stage": "live", "dry-run": ""}) == {
        "BUILDFEED_PARAMETER_STAGE": "live",
        "BUILDFEED_PARAMETER_DRY_RUN": "",
    }
    assert job(environment="{CI = '1'}").environment({}) == {"CI": "1"}


REFUSED = {
    "stag": ("live", "the job deploy has no such parameter; perhaps stage is meant"),
    "x" * 1000: ("live", "has no such parameter; there is stage, dry-run, note"),
    "stage": ("alive", "its value does not match ^(test|live)$"),
    "dry-run": ("1\n", "does not match"),
    "note": ("é" * 513, "its value has over 1024 bytes"),
}


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: name[:20])
def test_a_parameter_is_refused_by_its_name(name: str) -> None:
    value, reason = REFUSED[name]
    _, deploy, _ = parse(FILE, "/etc")
    with pytest.raises(ParameterRefused, match=re.escape(reason)) as caught:
        deploy.environment({name: value})
    assert caught.value.parameter == name


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "a\nb", 1, None])
def test_a_value_that_no_program_can_be_given_is_refused(value: str) -> None:
    _, deploy, _ = parse(FILE, "/etc")
    with pytest.raises(ParameterRefused, match="note"):
        deploy.environment({"note": value})


def test_an_expression_with_alternatives_has_to_match_all_of_a_value() -> None:
    with pytest.raises(ParameterRefused):
        job(parameters="{a = '^test|live$'}").environment({"a": "test; rm -rf /"})


def test_a_job_without_parameters_takes_none() -> None:
    with pytest.raises(ParameterRefused, match="has no such parameter; it has none"):
        job().environment({"stage": "live"})


def test_a_file_is_read_relative_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    _, deploy, _ = job_file.read(Path("jobs.toml"))
    assert deploy.directory == f"{tmp_path}/scripts"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jobs.toml"
    with pytest.raises(InvalidJobs, match=f"{path}: No such file or directory"):
        job_file.read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidJobs, match="it is not UTF-8"):
        job_file.read(path)
    path.write_bytes(b"#" * (job_file.MAX_BYTES + 1))
    with pytest.raises(InvalidJobs, match="it has over 1024 KiB"):
        job_file.read(path)
