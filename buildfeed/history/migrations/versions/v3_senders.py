"""The sender of the start of an `Idempotency-Key`, and the end of its lease."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add both to the keys. Keys without them: a process that is asked looks for the build."""
    op.add_column("starts", sa.Column("sender", sa.String))
    op.add_column("starts", sa.Column("lease", sa.DateTime(timezone=True)))
