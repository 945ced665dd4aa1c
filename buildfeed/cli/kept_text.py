"""A text that is made up once and kept in a file, as clients may keep it too."""

from pathlib import Path


def kept(path: Path, new: str) -> str:
    """Return the text in the file `path`; the first time it is made with the text `new`.

    Only its owner can read the file.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = path.with_suffix(".new")
        written.touch(mode=0o600)
        written.write_text(new)
        written.rename(path)  # whole or not at all
    return path.read_text().strip()
