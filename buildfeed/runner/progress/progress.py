"""How far a command is, as its build tells it. Pure."""

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """What is to be published: the fields of the contract.

    `percent` is 0 to 100, and says nothing while the build is `indeterminate`. `done` without a
    `total` counts steps of which it is not known how many there are.
    """

    percent: int = 0
    done: int | None = None
    total: int | None = None
    phase: str = ""
    indeterminate: bool = True
