"""Tokens, the sessions of browsers, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False, index=True),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sa.Column("grants", sa.String, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("expires", _TIME),
        sa.Column("revoked", _TIME),
        sa.Column("used", _TIME),
        sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("token", sa.String, nullable=False, index=True),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "audit",
        sa.Column("number", _ROW_NUMBER, primary_key=True),
        sa.Column("time", _TIME, nullable=False, index=True),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
    )
