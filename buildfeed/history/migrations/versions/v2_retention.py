"""Retention of old builds, and a table for malformed payloads.

From now on PostgreSQL orders names as SQLite and Python do, by their bytes, in whatever language
the database is: pages of builds are put together from all of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of marks and of malformed payloads; find the keys of a build."""
    op.create_table(
        "marks",
        sa.Column("changed", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "malformed",
        sa.Column("number", _ROW_NUMBER, primary_key=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_index("starts_of_a_build", "starts", ["project", "build"])
    if op.get_context().dialect.name == "postgresql":
        for table in ("activities", "builds"):
            columns = (f'ALTER {name} TYPE varchar COLLATE "C"' for name in ("project", "build"))
            op.execute(f"ALTER TABLE {table} {', '.join(columns)}")
