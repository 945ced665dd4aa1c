"""`python -m standalone` is `buildfeed`."""

from standalone.cli import main

main()
