"""The first tables. `if_not_exists`: databases from before migrations have them."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of activities, builds and starts."""
    op.create_table(
        "activities",
        sa.Column("number", _ROW_NUMBER, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("build", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "builds",
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("build", sa.String, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("newest", sa.LargeBinary, nullable=False),
        sa.Column("stop", sa.LargeBinary),
        sa.Column("changed", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "starts",
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("build", sa.String, nullable=False),
        sa.Column("body_hash", sa.String, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_table("counter", sa.Column("n", sa.BigInteger, nullable=False), if_not_exists=True)
    op.execute("INSERT INTO counter (n) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter)")
    for name, table, columns in (
        ("activities_of_a_build", "activities", ["project", "build", "number"]),
        ("ix_builds_changed", "builds", ["changed"]),
        ("builds_by_age", "builds", ["build", "project"]),
        ("builds_by_end", "builds", ["ended", "build", "project"]),
        ("builds_by_status", "builds", ["status", "build", "project"]),
        ("ix_starts_created", "starts", ["created"]),
    ):
        op.create_index(name, table, columns, if_not_exists=True)
