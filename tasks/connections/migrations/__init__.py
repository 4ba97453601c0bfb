"""Changes to the desk's own tables in its database, one a file, by Alembic."""
