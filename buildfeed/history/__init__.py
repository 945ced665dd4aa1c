"""History: every activity once, and the newest state of every build, in a SQL database."""
