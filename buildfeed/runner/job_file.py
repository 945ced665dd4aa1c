"""The file of `buildfeed worker --projects`."""

from pathlib import Path
from typing import Final

from buildfeed.runner.jobs import InvalidJobs, Job, parse

MAX_BYTES: Final = 1024 * 1024


def read(path: Path) -> tuple[Job, ...]:
    """Return the jobs in a file; raise InvalidJobs."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InvalidJobs(str(path), f"it has over {MAX_BYTES // 1024} KiB")
        return parse(content.decode(), str(path.absolute().parent))
    except OSError as exc:
        raise InvalidJobs(str(path), exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise InvalidJobs(str(path), "it is not UTF-8") from exc
