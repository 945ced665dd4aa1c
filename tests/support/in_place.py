"""A program that runs a command in its place, and writes what it reads to the file $SEEN."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from buildfeed.runner import environment, terminal
from buildfeed.runner.command import Command
from buildfeed.runner.exit_code import leave_with
from buildfeed.runner.foreground import in_foreground
from buildfeed.runner.guarded import CannotRun


def main() -> None:
    seen = Path(os.environ.get("SEEN", os.devnull)).open("ab", buffering=0)  # noqa: SIM115 - to the end
    command = Command(
        sys.argv[1:],
        directory=None,
        environment=environment.own(),
        output=lambda data, _: seen.write(data) and None,
        terminal=terminal.is_terminal(terminal.STANDARD_OUTPUT),
    )
    try:
        with in_foreground(command, lambda: command.stop(kill_after=0.5)):
            # A signal that comes as an endless wait begins is not handled before the next one.
            while not command.ended.done():
                with suppress(TimeoutError):
                    command.wait(0.05)
        code = command.wait()
    except CannotRun as exc:
        sys.stderr.write(f"{exc}\n")
        leave_with(exc.exit_code)
    leave_with(code)


if __name__ == "__main__":
    main()
