"""Why a worker does not run a start. Pure."""

from buildfeed.errors import BuildfeedError


class NoSuchJob(BuildfeedError):
    """A start asks for the `job` of a `project`, which this worker does not have, but `others`."""

    def __init__(self, project: str, job: str, others: list[str]) -> None:
        has = f"It has {', '.join(others)}." if others else "It has none of this project."
        super().__init__(f"This worker has no job {job} of {project}. {has}")
        self.project = project
        self.job = job
        self.others = others


class NoFakeBuilds(BuildfeedError):
    """A start has a script, for a worker that pretends to build."""

    def __init__(self) -> None:
        super().__init__("This worker runs the jobs of a file, and no fake builds.")
