"""Alembic's way in: the connection is the caller's, and so is its transaction."""

from __future__ import annotations

from alembic import context

from tasks.connections.migrations.head import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, transactional_ddl=False
)
context.run_migrations()
