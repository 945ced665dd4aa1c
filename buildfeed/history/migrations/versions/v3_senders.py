"""Who sends the start that an `Idempotency-Key` belongs to, and until when nobody else may."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add both to the keys; those that are there have none, so whoever asks looks for the build."""
    op.add_column("starts", sa.Column("sender", sa.String))
    op.add_column("starts", sa.Column("lease", sa.DateTime(timezone=True)))
