"""The desk's kill switch: a file, so that it works whatever else doesn't."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.connections.lmdb import make_folder
from tasks.connections.problems import Problem, Refused

FILE = "HALTED"


class Halt:
    """While the file is there, no order of the desk goes out; cancels do.

    Parameters
    ----------
    folder
        The desk's data folder; the file is in `orders/` there. Anybody may make or remove it by hand.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "orders" / FILE

    @property
    def reason(self) -> str | None:
        """Why trading is halted; None where it isn't."""
        try:
            return self.path.read_text(errors="replace").strip() or "no reason is given"
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self.path} can't be read: {error.strerror or error}"

    def check(self) -> None:
        """Raise `Refused` where it is."""
        if (reason := self.reason) is not None:
            raise Refused(
                f"Trading is halted: {reason}.".replace("..", "."), "`hedgerow resume` lets orders out again."
            )

    def set(self, reason: str) -> None:
        """Halt, for this reason."""
        make_folder(self.path.parent, "The record of orders")
        draft = self.path.with_name(f".{FILE}.{os.getpid()}")
        try:
            draft.write_text(reason + "\n")
            draft.replace(self.path)  # whole, or not at all
        except OSError as error:
            raise Problem(f"Trading could NOT be halted: {self.path}: {error.strerror or error}.") from error

    def clear(self) -> bool:
        """Resume; whether it was halted."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
