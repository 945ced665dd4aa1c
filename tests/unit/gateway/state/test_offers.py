"""What workers offer, taken together."""

from buildfeed.presence import OfferedJob, Presence
from gateway.state.offers import MOST, Offers, offers


def everybody(_project: str) -> bool:
    return True


def worker(name: str, *jobs: OfferedJob) -> Presence:
    return Presence(name, "online", slots=2, jobs=jobs)


def test_a_job_of_several_workers_is_one_with_all_parameters() -> None:
    deploy = OfferedJob("acme", "deploy", ("stage",))
    other = OfferedJob("acme", "deploy", ("stage", "note"))
    found = offers([worker("w1", deploy), worker("w2", other)], everybody)
    assert found == Offers((other,), scripts=False, more=False)


def test_workers_without_jobs_run_fake_builds_and_runners_without_slots_nothing() -> None:
    assert offers([Presence("w1", "online", slots=1)], everybody).scripts
    job = (OfferedJob("acme", "deploy"),)
    in_place = [Presence("r1", "online"), Presence("r2", "online", jobs=job)]
    assert offers(in_place, everybody) == Offers((), scripts=False, more=False)


def test_others_learn_nothing_of_a_project() -> None:
    jobs = OfferedJob("acme", "deploy"), OfferedJob("secret", "deploy")
    assert offers([worker("w1", *jobs)], "acme".__eq__).jobs == jobs[:1]


def test_of_very_many_jobs_some_are_named() -> None:
    many = [worker(f"w{n}", *(OfferedJob(f"p{n}", f"j{m}") for m in range(200))) for n in range(6)]
    found = offers(many, everybody)
    assert (len(found.jobs), found.more) == (MOST, True)
    assert list(found.jobs) == sorted(found.jobs, key=lambda each: (each.project, each.job))
