"""What happened: runs, their steps, the frames between them, and the raw messages that brought them."""

from flows.journal.journal import Journal
from flows.journal.records import FrameRef, InputRecord, Producer, RawMessage, RunRecord, StepRecord

__all__ = ["FrameRef", "InputRecord", "Journal", "Producer", "RawMessage", "RunRecord", "StepRecord"]
