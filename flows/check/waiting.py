"""bad-window, bad-buffer: how many rows wait before a stream, and for how long."""

from __future__ import annotations

from flows.check.subject import Subject
from flows.stream.inbox import DEFAULT_ROWS


def check(subject: Subject) -> None:
    """A window must be able to fill; a table lets nothing wait, so that it has no use for a buffer."""
    for name, source in subject.file.stream.items():
        location = ("stream", name)
        is_table = source.keep == "latest"
        if is_table and source.buffer is not None:
            message = "a table keeps the latest row of each key: none waits in a `buffer`"
            subject.say_at_key((*location, "buffer"), "bad-buffer", message, "leave it out")
        window = source.window
        if window is None or window.rows is None:
            continue
        limit = source.buffer.rows if source.buffer is not None else DEFAULT_ROWS
        if is_table and window.every is None:
            message = f"a table may never have {window.rows:,} rows waiting: it keeps the latest of each key"
            subject.say((*location, "window", "rows"), "bad-window", message, "give `every` too: whichever comes first")
        elif not is_table and window.rows > limit:
            message = f"a window of {window.rows:,} rows never fills: {limit:,} may wait"
            hint = "give `buffer: {rows: …}` as many" if source.buffer is None else "give `buffer` as many rows"
            subject.say((*location, "window", "rows"), "bad-window", message, hint)
