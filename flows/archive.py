"""A desk's backup in one file: a tar whose first member says what is in it, each file with its hash."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tasks.connections.problems import DataProblem, Problem

FORMAT = 1
_ABOUT = "hedgerow-backup.json"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Contents:
    """What a backup says of itself."""

    desk: str
    profile: str | None
    taken: str
    """When, in UTC."""
    files: Mapping[str, tuple[str, int]]
    """SHA-256 and size of each, by its path in the data folder."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files.values())


def write(path: Path, folder: Path, names: Sequence[str], about: Mapping[str, Any]) -> Contents:
    """Pack files of a folder; the file is there whole, and read again, or not at all.

    Raises `Problem` where it can't be written.
    """
    draft = _draft_of(path)
    try:
        files = {name: _digest((folder / name).open("rb")) for name in names}
        with draft.open("xb") as out:
            os.chmod(draft, 0o600)
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
                told = json.dumps({"format": FORMAT, **about, "files": files}, indent=1).encode()
                member = tarfile.TarInfo(_ABOUT)
                member.size = len(told)
                tar.addfile(member, io.BytesIO(told))
                for name in names:
                    tar.add(folder / name, arcname=f"data/{name}", recursive=False)
            out.flush()
            os.fsync(out.fileno())
        contents = verify(draft)
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Problem(f"The backup {path} can't be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return contents


def verify(path: Path) -> Contents:
    """Read a backup whole and hold every file against its hash. Raises `DataProblem` where one has another."""
    with _opened(path) as (tar, contents):
        for _ in _members(path, tar, contents):
            pass
    return contents


def extract(path: Path, to: Path) -> Contents:
    """Unpack a backup into a new folder, each file held against its hash.

    Raises `DataProblem` where it isn't what was written; then the folder is gone again.
    """
    try:
        to.mkdir(parents=True)
        with _opened(path) as (tar, contents):
            for name, file in _members(path, tar, contents):
                target = to / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    while block := file.read(_BLOCK):
                        out.write(block)
                    out.flush()
                    os.fsync(out.fileno())
    except OSError as error:
        shutil.rmtree(to, ignore_errors=True)
        raise Problem(f"{path} can't be unpacked to {to}: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(to, ignore_errors=True)
        raise
    return contents


@contextmanager
def _opened(path: Path) -> Iterator[tuple[tarfile.TarFile, Contents]]:
    try:
        with tarfile.open(path, mode="r|gz") as tar:
            first = tar.next()
            file = None if first is None or first.name != _ABOUT else tar.extractfile(first)
            if file is None:
                raise DataProblem(f"{path} is no backup of a desk.")
            told = json.loads(file.read())
            if told["format"] != FORMAT:
                raise DataProblem(
                    f"{path} has format {told['format']}, and this version knows format {FORMAT}.",
                    "Use the version that wrote it.",
                )
            files = {str(name): (str(digest), int(size)) for name, (digest, size) in told["files"].items()}
            if wrong := next((name for name in files if not _is_inside(name)), None):
                raise DataProblem(f"{path} names a file outside the data folder: {wrong}.")
            yield tar, Contents(told["desk"], told["profile"], told["taken"], files)
    except FileNotFoundError:
        raise Problem(f"There is no file {path}.") from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError) as error:
        raise DataProblem(f"{path} is no whole backup: {error}.") from error


def _members(path: Path, tar: tarfile.TarFile, contents: Contents) -> Iterator[tuple[str, _Hashed]]:
    """Each file, to be read; after that it is held against its hash."""
    left = dict(contents.files)
    while (member := tar.next()) is not None:
        name = member.name.removeprefix("data/")
        file = tar.extractfile(member) if member.isfile() and name in left else None
        if file is None:
            raise DataProblem(f"{path} holds `{member.name}`, of which it says nothing.")
        hashed = _Hashed(file)
        yield name, hashed
        while hashed.read(_BLOCK):
            pass
        if (hashed.digest.hexdigest(), hashed.size) != left.pop(name):
            raise DataProblem(f"{path}: `{name}` is not what was backed up: its hash is another.")
    if left:
        raise DataProblem(f"{path} lacks {len(left)} of its files, such as `{min(left)}`.")


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """The next bytes; none at its end."""
        block = self._file.read(size)
        self.digest.update(block)
        self.size += len(block)
        return block


def _digest(file: IO[bytes]) -> tuple[str, int]:
    with file:
        hashed = _Hashed(file)
        while hashed.read(_BLOCK):
            pass
    return hashed.digest.hexdigest(), hashed.size


def _draft_of(path: Path) -> Path:
    """Where the file is written until it is whole; what killed ones left behind goes."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name)
    return bool(name) and not parts.is_absolute() and ".." not in parts.parts


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
