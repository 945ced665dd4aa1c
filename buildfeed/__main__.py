"""`python -m buildfeed` is the `buildfeed` command."""

from buildfeed.cli.commands import main

main()
