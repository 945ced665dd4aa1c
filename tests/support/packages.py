"""The packages of the project, as pyproject.toml lists them for a wheel."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: tuple[str, ...] = tuple(
    _PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
)
