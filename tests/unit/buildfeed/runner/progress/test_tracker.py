"""What is published of a command's progress, whatever its tools print."""

import random
from itertools import pairwise

import pytest

from buildfeed.runner.lines import Line, TerminalProgress
from buildfeed.runner.progress.expression import BadExpression
from buildfeed.runner.progress.progress import Progress
from buildfeed.runner.progress.reading import Reading
from buildfeed.runner.progress.tracker import Tracker
from support.captured import printed

SCRIPT = ["./build.sh"]


def run(
    command: list[str], found: list[Line | TerminalProgress], *, pause: float = 1.0
) -> list[Progress]:
    """Return what is published after each line, and at the end."""
    tracker = Tracker(command)
    seen = []
    for place, each in enumerate(found):
        tracker.read(each, place * pause)
        seen.append(tracker.progress)
    tracker.end()
    return [*seen, tracker.progress]


def percents(seen: list[Progress]) -> list[int | None]:
    """The published percentages, None where it is not known."""
    return [None if each.indeterminate else each.percent for each in seen]


def test_nothing_is_known_before_a_tool_says_something() -> None:
    seen = run(SCRIPT, printed("Hello", "Compiling all of it", "done"))
    assert set(seen) == {Progress(percent=0, indeterminate=True)}


def test_a_count_is_followed_and_the_last_step_counts_when_the_command_has_ended() -> None:
    seen = run(["ninja"], printed("[1/4] a", "[3/4] b", "[4/4] Linking"))
    assert seen == [
        Progress(25, 1, 4, "a", indeterminate=False),
        Progress(75, 3, 4, "b", indeterminate=False),
        Progress(75, 3, 4, "Linking", indeterminate=False),
        Progress(100, 4, 4, "Linking", indeterminate=False),
    ]


def test_a_percentage_without_a_count_stands_at_99_until_the_command_has_ended() -> None:
    assert percents(run(["make"], printed("[ 50%] a", "[100%] b"))) == [50, 99, 100]


def test_a_build_that_stops_early_stays_where_it_was() -> None:
    assert percents(run(["ninja"], printed("[1/4] a", "FAILED: b", "ninja: build stopped."))) == [
        *(25, 25, 25, 25)
    ]


def test_a_total_that_grows_is_followed_without_falling() -> None:
    seen = run(["ninja"], printed("[50/100] a", "[51/104] b", "[53/104] c", "[60/300] d"))
    assert [(each.percent, each.done, each.total) for each in seen] == [
        (50, 50, 100),
        (50, 50, 100),  # 49 %: a little less, the last state stands
        (50, 53, 104),
        (50, None, None),
        (50, None, None),
    ]
    assert seen[-1].indeterminate
    assert seen[-1].phase == "60/300 d"


def test_a_total_that_grew_is_shown_again_when_it_has_caught_up() -> None:
    lines = printed("[6/10] a", "[7/70] b", "[41/70] c", "[42/70] d")
    assert percents(run(["ninja"], lines))[:-1] == [60, None, None, 60]


def test_cmake_that_runs_again_in_ninja_does_not_count() -> None:
    lines = printed("[0/1] Re-running CMake...", "-- Done", "[1/120] a", "[60/120] b")
    assert percents(run(["ninja"], lines))[:-1] == [0, 0, 0, 50]


def test_tests_after_a_build_are_not_known_as_a_part_of_it() -> None:
    ninja = printed("[1/3] a", "[2/3] b", "[3/3] c")
    tests = printed("collected 4 items", "t.py . [ 25%]", "t.py . [ 50%]", "t.py .. [100%]")
    seen = run(["make", "check"], ninja + tests)
    assert percents(seen) == [33, 66, 66, 66, None, None, 75, 100]
    assert seen[4].phase == "1/4 t.py"


def test_a_tool_that_begins_again_after_its_end_does_not_fall() -> None:
    lines = printed("[9/10] a", "[10/10] b", "[1/5] c", "[4/5] d", "[5/5] e")
    assert percents(run(SCRIPT, lines)) == [90, 90, None, None, None, 100]


def test_a_count_inside_of_a_count_does_not_end_it() -> None:
    lines = printed(
        "[ 40%] Performing build step for 'zlib'", "[ 10%] inner", "[100%] inner", "[ 42%] outer"
    )
    assert percents(run(["make"], lines))[:-1] == [40, None, None, 42]


def test_a_count_that_was_given_up_says_nothing_more() -> None:
    lines = printed("[50/100] a", "[1/100] b", "[60/100] c", "[99/100] d")
    assert percents(run(SCRIPT, lines)) == [50, None, None, None, None]


def test_parallel_steps_that_report_late_do_not_count_as_a_new_beginning() -> None:
    assert percents(run(["make"], printed("[ 50%] a", "[ 48%] b", "[ 51%] c"))) == [50, 50, 51, 51]


def test_a_command_that_is_a_tool_is_done_when_that_tool_is() -> None:
    seen = run(["pytest"], printed("[1/2] cc a.c", "[2/2] link", "t.py .. [ 50%]"))
    assert percents(seen)[:-1] == [None, None, 50]
    assert seen[0].phase == "1/2 cc a.c"


def test_a_silent_count_does_not_tell_how_the_build_is_while_another_goes_on() -> None:
    tracker = Tracker(["make"])
    tracker.read(Line("[98/100] Running tests"), 0)
    tracker.read(Line("t.py . [  2%]"), 30)
    assert not tracker.progress.indeterminate
    tracker.read(Line("t.py . [  4%]"), 61)
    assert tracker.progress == Progress(98, phase="4% t.py", indeterminate=True)
    tracker.read(Line("[99/100] Installing"), 62)
    assert tracker.progress == Progress(99, 99, 100, "Installing", indeterminate=False)


def test_a_command_that_goes_on_when_its_count_is_complete_is_indeterminate() -> None:
    tracker = Tracker(["make"])
    tracker.read(Line("[100%] Built target all"), 0)
    tracker.pass_time(9)
    assert percents([tracker.progress]) == [99]
    tracker.pass_time(11)
    assert percents([tracker.progress]) == [None]
    tracker.end()
    assert percents([tracker.progress]) == [100]


def test_several_bars_one_after_the_other_are_a_phase() -> None:
    bars = [f"numpy {percent}% 1.0 MB/s" for percent in (0, 50, 100)]
    seen = run(["pip", "install", "numpy"], printed(*bars, *bars, redrawn=True))
    assert set(percents(seen)) == {None}
    assert seen[1].phase == "numpy 50%"


def test_an_installer_has_no_bar_of_its_own_whatever_it_draws() -> None:
    assert set(
        percents(run(["apt-get", "install"], printed("Progress: [ 42%]", redrawn=True)))
    ) == {None}


def test_a_download_in_a_script_does_not_count_but_that_of_a_downloader_does() -> None:
    bar = printed("a.iso  42%[==>   ]  12.3M  4.5MB/s  eta 3s", redrawn=True)
    assert percents(run(SCRIPT, bar)) == [None, None]
    assert percents(run(["nice", "wget", "https://x/a.iso"], bar)) == [42, 42]


def test_the_loop_of_a_script_counts_by_its_bar_until_another_begins() -> None:
    first = [f"{n * 10}%|██  | {n}/10 [00:01<00:09,  1.0it/s]" for n in range(10)]
    second = ["0%|    | 0/30 [00:00<?, ?it/s]", "50%|██  | 15/30 [00:00<?, ?it/s]"]
    end = printed("100%|████| 10/10 [00:10<00:00,  1.0it/s]")
    loops = printed(*first, redrawn=True) + end + printed(*second, redrawn=True)
    seen = run(["python", "train.py"], loops)
    assert percents(seen)[:13] == [*range(0, 100, 10), 90, None, None]


def test_a_tool_takes_over_from_a_bar() -> None:
    lines = printed("20%|██  | 2/10 [00:01<00:09]", redrawn=True) + printed("[8/10] a")
    assert percents(run(SCRIPT, lines))[:2] == [20, 80]


def test_half_off_is_no_progress() -> None:
    texts = ["50% off", "now 50% off!", "Progress: 42%", "42%", "3/4 of it", "load 1/2"]
    assert set(percents(run(SCRIPT, printed(*texts)))) == {None}


def test_the_terminal_is_told_the_progress_until_it_is_taken_back() -> None:
    told = [TerminalProgress(1, 20), TerminalProgress(2, 30), TerminalProgress(3, None)]
    told += [TerminalProgress(4, 40), TerminalProgress(1, 100), TerminalProgress(0, None)]
    assert percents(run(SCRIPT, list(told))) == [20, 30, None, 40, 99, 99, 100]


def test_what_the_build_says_itself_outranks_its_tools() -> None:
    tracker = Tracker(SCRIPT)
    tracker.read(Line("[1/10] a"), 0)
    tracker.told(Reading(done=1, total=2, phase="Linking"), 1)
    tracker.read(Line("[9/10] b"), 2)
    assert tracker.progress == Progress(50, 1, 2, "9/10 b", indeterminate=False)


def test_the_expression_of_the_user_replaces_all_sources() -> None:
    tracker = Tracker(["ninja"], regex=r"step (?P<done>\d+) of (?P<total>\d+): (?P<phase>.*)")
    tracker.read(Line("[9/10] a"), 0)
    assert tracker.progress.indeterminate
    tracker.read(Line("now step 1 of 4: Mixing"), 0)
    assert tracker.progress == Progress(25, 1, 4, "Mixing", indeterminate=False)
    with pytest.raises(BadExpression):
        Tracker(["ninja"], regex="(")


def test_a_count_without_a_total_is_told() -> None:
    seen = run(["vite", "build"], printed("transforming (12) src/a.js", redrawn=True))
    assert seen[0] == Progress(done=12, phase="transforming src/a.js", indeterminate=True)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_printed_the_state_fits_the_contract(seed: int) -> None:
    dice = random.Random(seed)
    tracker = Tracker(dice.choice([SCRIPT, ["ninja"], ["pytest"], ["cargo", "test"], ["wget"]]))
    seen = [tracker.progress]
    now = 0.0
    for _ in range(300):
        now += dice.choice([0.01, 1, 5, 90])
        tracker.read(_anything(dice), now)
        seen.append(tracker.progress)
    assert all(each.percent < 100 for each in seen)
    tracker.end()
    seen.append(tracker.progress)
    for before, after in pairwise(seen):
        assert before.percent <= after.percent <= 100
    for each in seen:
        assert len(each.phase) <= 200
        if each.total is not None:
            assert not each.indeterminate
            assert each.done is not None
            assert each.percent == 100 * each.done // each.total


def _anything(dice: random.Random) -> Line | TerminalProgress:
    done, total = dice.randrange(120), dice.choice([0, 1, 40, 100])
    percent = dice.randrange(110)
    texts = [
        f"[{done}/{total}] a",
        f"[{percent}%] b",
        f"[{done} / {total}] c",
        f"t.py ..F [{percent}%]",
        f"collected {total} items",
        f"{done}/{total} Test #1: d ..... Passed",
        f"    Building [==>   ] {done}/{total}: e",
        "   Compiling f v1.0",
        "    Finished dev profile",
        f"1..{total}",
        "ok 1 - g",
        f"<==---> {percent}% EXECUTING [1s]",
        f"h {percent}%|██  | {done}/{total} [00:01<00:09]",
        f"i {percent}% 3.0MB/s",
        f"[INFO] Building j [{done}/{total}]",
    ]
    if dice.random() < 0.1:
        return TerminalProgress(dice.randrange(5), dice.choice([None, 0, 50, 100]))
    return Line(dice.choice(texts), redrawn=dice.random() < 0.3)


@pytest.mark.parametrize(("succeeded", "percent"), [(True, 100), (False, 33)])
def test_a_make_that_succeeded_has_run_all_that_it_listed(*, succeeded: bool, percent: int) -> None:
    tracker = Tracker(["make"], recipe_lines=["cc a", "cc b", "echo linked"])
    for place, line in enumerate(printed("cc a", "cc b")):
        tracker.read(line, place)
    assert tracker.progress.done == 1
    tracker.end(succeeded=succeeded)
    assert tracker.progress.percent == percent
