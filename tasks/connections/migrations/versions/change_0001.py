"""What each column of each table was in its frame, so that it comes back as it was."""

from __future__ import annotations

import sqlalchemy
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the catalog; a desk from before there were changes has one."""
    if sqlalchemy.inspect(op.get_bind()).has_table("_columns"):
        return
    op.create_table(
        "_columns",
        sqlalchemy.Column("table", sqlalchemy.Text, primary_key=True),
        sqlalchemy.Column("position", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("column", sqlalchemy.Text, nullable=False),
        sqlalchemy.Column("kind", sqlalchemy.Text, nullable=False),
        sqlalchemy.Column("in_key", sqlalchemy.Boolean, nullable=False),
    )
