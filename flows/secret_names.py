"""`$secret.name`: found in the desk's sources, in their order, and kept out of everything that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.grammar import SecretKeys
from flows.secret_sources import Environment, Keyring, PrefectBlocks, SecretFile, Source
from tasks.connections.problems import Problem
from tasks.connections.scrubbing import keep_out


@dataclass(frozen=True)
class Found:
    """A secret, and where it was."""

    value: str
    place: str

    def __repr__(self) -> str:
        return f"Found({self.place})"


class NotFound(Problem):
    """No source has a secret of this name."""


class NotSet(NotFound):
    """It was looked for in the environment alone, which hasn't got it."""


class Secrets:
    """The desk's secrets.

    Parameters
    ----------
    sources
        Where to look, in this order: the first that has a name decides.
    """

    def __init__(self, sources: Sequence[Source] = (Environment(),)) -> None:
        self.sources = tuple(sources)

    def find(self, name: str) -> Found:
        """The secret of this name.

        Raises
        ------
        NotFound
            No source has it; says where it was looked for.
        Problem
            A source can't be asked: those after it aren't, or the wrong one might be taken.
        """
        for source in self.sources:
            value = source.read(name)
            if value is not None:
                keep_out(name, value)
                return Found(value, source.place(name))
        places = [source.place(name) for source in self.sources]
        if len(places) == 1 and isinstance(self.sources[0], Environment):
            raise NotSet(f"{places[0]} is not set")
        raise NotFound(f"no secret `{name}`: looked for {', then '.join(places)}")


def secrets_of(keys: SecretKeys, root: Path) -> Secrets:
    """The sources that a desk file names."""
    made: dict[str, Source] = {
        "environment": Environment(),
        "keyring": Keyring(keys.service),
        "prefect": PrefectBlocks(),
    }
    if keys.file is not None:
        made["file"] = SecretFile(keys.file, root)
    return Secrets([made[kind] for kind in keys.sources])
