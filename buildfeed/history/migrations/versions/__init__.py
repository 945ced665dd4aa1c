"""The revisions of the tables: each takes a database from the one before to its own."""
