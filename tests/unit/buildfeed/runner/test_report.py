from datetime import timedelta

from msgspec import UNSET

from buildfeed.activity import Activity, decode, encode
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.output import Content
from buildfeed.runner.progress.progress import Progress
from buildfeed.runner.report import Report
from support.samples import NOW


def report(url: str | None = None) -> Report:
    return Report("acme", "b1", "w1", by="ada", job="default", title="make", url=url)


def sent(activity: Activity | None) -> Activity:
    """The activity, as a reader gets it."""
    assert activity
    return decode(str(activity.topic), encode(activity))


def test_it_begins_as_a_first_attempt_that_was_never_queued() -> None:
    begun = sent(report("https://ci.example/7").accept(NOW))

    build = begun.object
    assert (begun.type, build.status, build.attempt, build.seq) == ("Accept", "running", 1, 0)
    assert (build.queued_time, build.start_time) == (UNSET, NOW)
    assert (build.title, build.job, build.by) == ("make", "default", "ada")
    assert (build.indeterminate, build.url) == (True, "https://ci.example/7")


def test_progress_is_told_when_it_is_new() -> None:
    told = report()
    told.accept(NOW)
    assert told.advance(Progress(), NOW) is None

    known = Progress(42, 3, 7, "Linking", indeterminate=False)
    build = sent(told.advance(known, NOW)).object
    assert (build.progress, build.done, build.total, build.phase) == (42, 3, 7, "Linking")
    assert build.indeterminate is UNSET
    assert told.advance(known, NOW) is None


def test_an_error_has_its_place_and_stays_in_the_state() -> None:
    told = report()
    told.accept(NOW)
    flag = sent(told.error(FoundError("no such file", "src/a.c", 3), NOW))

    assert flag.source is not UNSET
    assert (flag.source.file, flag.source.line, flag.source.column) == ("src/a.c", 3, UNSET)
    assert flag.content == "src/a.c:3: no such file"
    assert sent(told.error(FoundError("x"), NOW)).source is UNSET
    end = sent(told.end("failed", 2, Progress(), NOW)).object
    assert (end.errors, end.error) == (2, "x")


def test_output_has_its_offset() -> None:
    told = report()
    told.accept(NOW)
    assert sent(told.output(Content("compiling\n", 4711), NOW)).offset == 4711


def test_an_ending_has_its_exit_code_and_what_was_done() -> None:
    told = report()
    told.accept(NOW)
    later = NOW + timedelta(seconds=9)
    end = sent(told.end("stopped", -15, Progress(60, indeterminate=False), later)).object

    assert (end.status, end.exit_code, end.progress) == ("stopped", -15, 60)
    assert end.end_time == later


def test_errors_that_are_not_told_one_by_one_are_counted() -> None:
    told = report()
    told.accept(NOW)
    told.error(FoundError("no such type", "src/a.c", 3), NOW)
    told.count_untold(4095)
    build = sent(told.end("failed", 2, Progress(), NOW)).object
    assert (build.errors, build.error, build.seq) == (4096, "src/a.c:3: no such type", 2)
