"""The endpoint that says what one may start."""

import msgspec

from buildfeed.grants import Grants
from buildfeed.presence import OfferedJob, Presence
from gateway.access.directory import Directory
from gateway.http.answers import JobsAnswer
from gateway.http.jobs import Jobs
from gateway.state.live import Live
from support.held_tokens import Held
from support.signed_in import Application, bearer

JOBS = OfferedJob("acme", "deploy", ("stage",)), OfferedJob("secret", "default")


async def ask(tokens: Held, *grants: str) -> JobsAnswer | str:
    live = Live(print, lambda: 0.0)
    live.hear(Presence("w1", "online", slots=2, jobs=JOBS))
    _, secret = tokens.add(f"ada-{len(grants[0])}", Grants.parse(grants))
    app = Application(Directory(tokens, Grants()), Jobs(live).routes())
    async with app.client() as client:
        answer = await client.get("/api/jobs", headers=bearer(secret))
    if answer.status_code == 200:
        return msgspec.json.decode(answer.content, type=JobsAnswer, strict=True)
    return str(answer.json()["grant"])


async def test_one_is_told_the_jobs_that_one_may_start(tokens: Held) -> None:
    told = await ask(tokens, "builder@acme")
    assert isinstance(told, JobsAnswer)
    (job,) = told.jobs
    assert (job.project, job.job, job.parameters) == ("acme", "deploy", ["stage"])
    assert (told.scripts, told.more) == (False, False)
    every = await ask(tokens, "builder@*")
    assert isinstance(every, JobsAnswer)
    assert [each.project for each in every.jobs] == ["acme", "secret"]


async def test_who_may_start_nothing_is_told_nothing(tokens: Held) -> None:
    assert await ask(tokens, "viewer@acme") == "start:*"
