"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tasks.connections.problems import DataProblem, Problem


def write_whole(target: Path, shown: str, content: bytes) -> bool:
    """Write a file so that whoever reads it has what was there before, or all of what is now; durably.

    Parameters
    ----------
    target
        Where; its folder is made.
    shown
        What to call it in errors.
    content
        What is to stand in it.

    Returns
    -------
    bool
        False where the same stood there already: it isn't touched then.

    Raises
    ------
    DataProblem
        A folder of that name is in the way, or a file where its folder should be.
    Problem
        The file can't be written.
    """
    try:
        if target.is_file() and target.read_bytes() == content:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise DataProblem(f"{shown} can't be written: something else is in its way.", "Give another path.") from None
    except OSError as error:
        raise Problem(f"{shown} can't be written: {error.strerror}.", "See who may write there.") from error
    return True


def _sync_folder(folder: Path) -> None:
    """Have the file's name outlive a power failure too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
