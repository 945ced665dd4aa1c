"""Sessions of people who come by an OpenID provider."""

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Add who it is, with what grants, until when."""
    op.add_column("sessions", sa.Column("name", sa.String))
    op.add_column("sessions", sa.Column("grants", sa.String))
    op.add_column("sessions", sa.Column("ends", sa.DateTime(timezone=True)))
    op.create_index("ix_sessions_name", "sessions", ["name"])
