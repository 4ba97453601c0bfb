"""What can go wrong in a way that a person can act on: the reason and the instruction."""

from __future__ import annotations

from tasks.connections.scrubbing import scrubbed


class Problem(Exception):
    """Something is wrong that the user can mend. What it says holds no secret, whatever it quotes.

    Parameters
    ----------
    reason
        What is wrong and where, in one sentence.
    instruction
        What to do about it; may be empty where the reason says it all.
    """

    retryable = False

    def __init__(self, reason: str, instruction: str = "") -> None:
        self.reason = scrubbed(reason)
        self.instruction = scrubbed(instruction)
        super().__init__(self.reason if not instruction else f"{self.reason} {self.instruction}")

    def __reduce__(self) -> tuple[type[Problem], tuple[str, str]]:
        return type(self), (self.reason, self.instruction)


class DataProblem(Problem):
    """The data is wrong: trying again gives the same. Never retried."""


class Refused(Problem):
    """A policy or a limit forbids it, or the other side said no for good. Never retried."""


class ConnectionProblem(Problem):
    """The other side is away, mute or busy: another try may succeed."""

    retryable = True


class DeadlinePassed(ConnectionProblem):
    """A step ran out of its time; whatever it still tries to send is refused."""
