"""The output of attempts in its order, errors by their numbers, jobs and durations of builds.

What older versions recorded of output is in the activities, and belongs to no kept output.
"""

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Add the columns, their indexes, and the table of outputs."""
    op.add_column("activities", sa.Column("attempt", sa.BigInteger))
    op.add_column("activities", sa.Column("begins", sa.BigInteger))
    op.add_column("activities", sa.Column("size", sa.Integer))
    op.add_column("activities", sa.Column("told", sa.BigInteger))
    order = ["project", "build", "attempt", "begins", "number", "size", "told"]
    _index("output_of_a_build", order, "begins IS NOT NULL")
    _index("errors_of_a_build", ["project", "build", "number"], "kind = 'error'")
    op.create_table(
        "outputs",
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("build", sa.String, primary_key=True),
        sa.Column("attempt", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("cut", sa.BigInteger),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.add_column("builds", sa.Column("job", sa.String))
    op.add_column("builds", sa.Column("seconds", sa.Float))
    op.create_index("builds_by_job", "builds", ["project", "job", "build"])


def _index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "activities", columns, sqlite_where=where, postgresql_where=where)
