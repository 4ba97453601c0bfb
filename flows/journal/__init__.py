"""What happened: runs, their steps, the frames between them, and the raw messages that brought them."""

from flows.journal.journal import Journal
from flows.journal.records import FrameRef, InputRecord, Producer, RawMessage, RunRecord, StepRecord
from flows.journal.retention import Expired, Retention

__all__ = [
    "Expired",
    "FrameRef",
    "InputRecord",
    "Journal",
    "Producer",
    "RawMessage",
    "Retention",
    "RunRecord",
    "StepRecord",
]
