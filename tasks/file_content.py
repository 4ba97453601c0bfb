"""Files of the project: what stands in them, and which they were."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import time
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from tasks.connections.problems import DataProblem, Problem
from tasks.connections.scope import Message, current
from tasks.file_columns import Fault, refuse
from tasks.run import Run
from tasks.wording import counted


@dataclass(frozen=True)
class FileContent:
    """A file as it was read."""

    path: str
    """As the pipeline names it."""
    content: bytes
    """Unpacked, where it was gzipped."""
    sha256: str
    size: int
    modified: pd.Timestamp

    def record(self, kind: str) -> None:
        """Keep, among the step's raw messages, which file it was."""
        told = (
            self.path,
            f"sha256 {self.sha256}",
            f"{self.size} bytes",
            f"modified {self.modified:%Y-%m-%d %H:%M:%S} UTC",
        )
        message = Message("file", 0, kind, None, "received", time.time_ns(), "\0".join(told))
        current().listener.message(message)


def read_content(run: Run, path: str) -> FileContent:
    """A file of the project, whole. Raises `DataProblem` where there is none, `Problem` where it can't be read."""
    place = run.root / path
    try:
        raw = place.read_bytes()
        modified = pd.Timestamp(place.stat().st_mtime_ns, unit="ns", tz="UTC")
    except (FileNotFoundError, NotADirectoryError):
        near = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
        close = get_close_matches(place.name, near, 1)
        hint = f"Did you mean {(Path(path).parent / close[0]).as_posix()}?" if close else ""
        raise DataProblem(
            f"There is no file {path}.", hint or "Relative paths start in the project's folder."
        ) from None
    except IsADirectoryError:
        raise DataProblem(f"{path} is a folder.", "Name a file in it.") from None
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}.", "See who may read it.") from error
    content = raw
    if place.suffix == ".gz":
        try:
            content = gzip.decompress(raw)
        except (OSError, EOFError, ValueError) as error:
            raise DataProblem(f"{path} is no whole gzip file: {error}.", "Write it again.") from error
    return FileContent(path, content, hashlib.sha256(raw).hexdigest(), len(raw), modified)


def csv_table(
    file: FileContent, separator: str, encoding: str, skip: int
) -> tuple[list[str], list[list[str]], list[int]]:
    """The cells of a CSV file, without spaces around them.

    Returns
    -------
    tuple
        The header; the rows, lines without a cell left out; the line on which each row ends, from 1.

    Raises
    ------
    DataProblem
        It isn't text in this encoding, isn't CSV, is empty, or has rows of another length than the header.
    """
    try:
        text = file.content.decode("utf-8-sig" if encoding.lower().replace("_", "-") == "utf-8" else encoding)
    except LookupError:
        raise DataProblem(f"There is no encoding `{encoding}`.", "Such as utf-8, cp1252 or latin-1.") from None
    except UnicodeError as error:
        at = file.content[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
        raise DataProblem(
            f"{file.path}:{at}: what stands there isn't {encoding}.",
            "Name the file's own by `encoding:`, such as cp1252.",
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    is_spaced = any(space in text for space in (" ", "\t", "\u00a0"))
    try:
        for row in reader:
            cells = [cell.strip() for cell in row] if is_spaced else row
            if reader.line_num > skip and any(cells):
                rows.append(cells)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataProblem(f"{file.path}:{reader.line_num}: not CSV: {error}.", "Mend the quotes there.") from None
    if not rows:
        raise DataProblem(f"{file.path} is empty.", "Its first line must name its columns.")
    header, body = rows[0], rows[1:]
    refuse(
        file.path,
        [
            Fault(line, "", f"{counted(len(row), 'cell')}, and the header has {len(header)}")
            for row, line in zip(body, lines[1:], strict=True)
            if len(row) != len(header)
        ],
        "" if len(header) > 1 else f"The header is one column: is `{separator}` what separates cells?",
    )
    return header, body, lines[1:]
