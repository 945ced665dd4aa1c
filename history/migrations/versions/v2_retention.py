"""What removes old builds, and where malformed payloads are set aside."""

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
