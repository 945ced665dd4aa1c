"""Figures of the page, each with the bar that it should reach."""

from typing import NamedTuple


class Figure(NamedTuple):
    """What was measured, and the bar: at least that much, or at most where `less` is better."""

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    less: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is reached, None where there is none."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.less else self.value >= self.bar

    def __str__(self) -> str:
        """Return it as a line for people."""
        text = f"{self.name}: {_number(self.value)} {self.unit}".rstrip()
        if self.bar is None:
            return text
        bar = f"{'at most' if self.less else 'at least'} {_number(self.bar)}"
        return f"{text} (bar: {bar}; {'met' if self.is_met else 'NOT met'})"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def largest(shares: dict[str, float], count: int = 12) -> str:
    """Return the largest shares, for people: what costs most."""
    most = sorted(shares.items(), key=lambda each: -each[1])[:count]
    return "\n".join(f"    {100 * share:5.1f} %  {name}" for name, share in most)
