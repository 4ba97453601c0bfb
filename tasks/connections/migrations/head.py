"""Which changes this version of the desk knows, and how they are made to a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.connections.problems import Problem

HEAD = "0001"
"""The last of them; a test holds it against the files."""
VERSION_TABLE = "_migrations"


def migrate(connection: Any, name: str) -> None:
    """Bring a database's own tables up to date, in the transaction of the connection.

    Raises `Problem` where a newer version of the desk has changed them.
    """
    import sqlalchemy

    found = None
    if sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
        told = sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own name
        found = connection.execute(told).scalar()
    if found == HEAD:
        return  # Alembic takes long to import
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Problem(
            f"The tables of `{name}` are at change {found}, and this version of the desk knows {HEAD} as the last.",
            "Use the version that changed them.",
        ) from error
