"""The HTTP API: decode, answer, guard."""
