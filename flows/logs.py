"""Where log lines go: whole into a file of the desk, and the first line of each warning to the terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from tasks.connections.scrubbing import scrubbed

FILE = "hedgerow.log"
BYTES = 10_000_000
FILES = 5
_EXCEPTIONS = logging.Formatter()


class FirstLines(logging.Handler):
    """Says the first line of a record, and where the others are."""

    def __init__(self, say: Callable[[str], None], where: str) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._where = where

    def emit(self, record: logging.LogRecord) -> None:
        first, *rest = record.getMessage().splitlines() or [""]
        more = f" (and {len(rest)} more lines in {self._where})" if rest else ""
        self._say(f"{first}{more}")


def hide_secrets() -> None:
    """From now on nothing that this process logs holds a secret, whoever logs it and wherever it goes.

    Not a filter: those of a logger don't see what its children log, and Prefect has handlers of its own.
    """
    made = logging.getLogRecordFactory()
    if getattr(made, "hides_secrets", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        try:
            said = record.getMessage()
        except (TypeError, ValueError):  # logging itself tells of a message that doesn't suit its arguments
            return record
        if (clean := scrubbed(said)) != said:
            record.msg, record.args = clean, None
        if record.exc_info:
            trace = _EXCEPTIONS.formatException(record.exc_info)
            if (clean := scrubbed(trace)) != trace:
                record.exc_text = clean  # what formatters write in place of the error
        return record

    make.hides_secrets = True  # type: ignore[attr-defined] # a mark on our own function
    logging.setLogRecordFactory(make)


@contextmanager
def logged(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Within the block, log lines of the desk go to `folder`/hedgerow.log, and warnings are also said.

    A folder that can't be written leaves only what is said: the run itself will tell of it.
    """
    hide_secrets()
    root = logging.getLogger("hedgerow")
    handlers: list[logging.Handler] = [FirstLines(say, f"{folder.name}/{FILE}")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(folder / FILE, maxBytes=BYTES, backupCount=FILES, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append(file)
    except OSError:
        pass
    before = root.level
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
