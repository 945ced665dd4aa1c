"""The pictures of the viewers, compared with the endings that the broker acknowledged. Pure."""

import re
from collections.abc import Iterable, Sequence

from buildfeed.activity import ENDINGS, Key
from support.ear import summary
from support.viewers import Place, Viewer

_ENDED = re.compile(r" build\.ended .*?project=(\S+) build=(\S+)")


def confirmed(logs: Iterable[str]) -> set[Key]:
    """The builds whose ending was acknowledged, by the logs of workers: no fault removes these."""
    return {(match[1], match[2]) for text in logs for match in _ENDED.finditer(text)}


class Verdict:
    """The differences between the picture of one viewer and the truth."""

    def __init__(self, viewer: Viewer, journal: set[Key], truth: dict[Key, Place]) -> None:
        mine = {key: place for key, place in truth.items() if viewer.concerns(key)}
        seen = viewer.picture
        self.viewer = viewer
        self.lost = [
            key
            for key in journal
            if viewer.concerns(key) and seen.get(key, ("", 0, 0))[0] not in ENDINGS
        ]
        self.wrong = [key for key, place in mine.items() if seen.get(key) != place]

    @property
    def good(self) -> bool:
        return not (self.lost or self.wrong or self.viewer.foreign)


def table(verdicts: Sequence[Verdict], healed: dict[str, list[float]]) -> str:
    """Two tables as text: by viewer, and by fault in ms."""
    lines = ["viewer               builds  lost  wrong  foreign  doubled  reordered"]
    for each in verdicts:
        viewer = each.viewer
        name = f"{viewer.way} {viewer.project or 'all'}"
        lines.append(
            f"{name:20} {len(viewer.picture):6} {len(each.lost):5} {len(each.wrong):6} "
            f"{viewer.foreign:8} {viewer.doubled:8} {viewer.reordered:10}"
        )
    lines.append("")
    lines.append("fault, then ms until everyone saw a build that was started after it end")
    lines += [f"{kind:28} {summary(times)}" for kind, times in sorted(healed.items())]
    return "\n".join(lines)
