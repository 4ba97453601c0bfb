"""Messages out of a stream of bytes, and the socket as the broker's client wants it."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator

from tasks.connections.problems import ConnectionProblem, Refused

CHUNK = 65536
ACTING = {b"3": "an order", b"4": "a cancel", b"58": "a cancel of all orders", b"21": "an exercise of options"}
"""Kinds of messages that change what the broker holds."""
LARGEST = 1 << 24
"""No message of the broker comes near this many bytes; a length above it means that the bytes are none of its."""


_LENGTH = struct.Struct(">I").unpack_from


class FrameBuffer:
    """Cuts length-prefixed messages out of chunks, however they were cut up on the way."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._needed = 4
        """Bytes without which no message is complete."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that are now complete, in one pass. Raises `ConnectionProblem` for an impossible length."""
        self._rest.append(chunk)
        self._size += len(chunk)
        if self._size < self._needed:
            return []
        data = b"".join(self._rest) if len(self._rest) > 1 else chunk
        messages, start, size = [], 0, len(data)
        while True:
            if size - start < 4:
                self._needed = 4
                break
            (length,) = _LENGTH(data, start)
            if length > LARGEST:
                raise ConnectionProblem(
                    f"The other side sent a message of {length} bytes: it doesn't speak the broker's protocol.",
                    "Check the host and port.",
                )
            end = start + 4 + length
            if end > size:
                self._needed = 4 + length
                break
            messages.append(data[start + 4 : end])
            start = end
        self._rest = [data[start:]] if start < size else []
        self._size = size - start
        return messages


class Transport:
    """Stands in for the client's own connection object, which may send half a message and lose the other.

    Parameters
    ----------
    stream
        A connected socket that blocks.
    patience
        Seconds that the other side may take no byte of a message, before the connection is closed.
    """

    def __init__(self, stream: socket.socket, patience: float = 30.0) -> None:
        self.socket: socket.socket | None = stream
        self._patience = patience
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _interval(patience))
        self._sending = threading.Lock()
        self._witness = threading.local()

    def isConnected(self) -> bool:  # noqa: N802  # the client's name
        """Whether messages can go out."""
        return self.socket is not None

    def sendMsg(self, frame: bytes) -> int:  # noqa: N802  # the client's name
        """Send a whole message; whoever watches this thread sees it right before, since the answer may come at once.

        What acts (`ACTING`) goes out in a block of `permitted` alone, and if that still says so at the very last:
        whatever was waited for before, also for another's message to go out. Raises `Refused` otherwise.
        """
        try:
            self._send(frame)
        except Exception as error:
            self._witness.error = error
            raise
        return len(frame)

    @property
    def error(self) -> Exception | None:
        """What sending a message raised in this thread, in the block of `watched` that it is in."""
        return getattr(self._witness, "error", None)

    def _send(self, frame: bytes) -> None:
        acts = ACTING.get(frame[4:].partition(b"\0")[0])
        with self._sending:
            if acts is not None:
                self._check(acts)
            if self.socket is None:
                raise OSError("the connection is closed")
            watch = getattr(self._witness, "watch", None)
            if watch is not None:
                watch(frame)
            try:
                self.socket.sendall(frame)
            except BlockingIOError:
                reason = f"nothing of what is sent has been read for {self._patience:g} s"
            else:
                return
        self.disconnect()  # half of it may have gone: what followed could not be read
        raise OSError(reason)

    @contextlib.contextmanager
    def permitted(self, check: Callable[[], None]) -> Iterator[None]:
        """Let this thread send what acts, in the block, where `check` raises nothing when its turn has come."""
        self._witness.check = check
        try:
            yield
        finally:
            self._witness.check = None

    def _check(self, acts: str) -> None:
        check = getattr(self._witness, "check", None)
        if check is None:
            raise Refused(
                f"Nothing was sent: this connection is read-only, and {acts} was asked of it.",
                "Orders go out by `Broker.place` and its like alone, which hold them against the desk's policy.",
            )
        check()

    @contextlib.contextmanager
    def watched(self, watch: Callable[[bytes], None]) -> Iterator[None]:
        """Show `watch` each message that this thread sends in the block, before it goes out.

        What sending one raises is raised by the block, also where the client keeps it to itself (10.x does).
        """
        self._witness.watch, self._witness.error = watch, None
        try:
            yield
            if self.error is not None:
                raise self.error
        finally:
            self._witness.watch = self._witness.error = None

    def disconnect(self) -> None:
        """Close the socket; a thread that reads from it wakes up, and one that waits for room to write."""
        stream = self.socket
        if stream is not None:
            with contextlib.suppress(OSError):  # the other side may have closed it already
                stream.shutdown(socket.SHUT_RDWR)  # before the lock, which a writer may hold for ever
        with self._sending:
            self.socket = None
        if stream is not None:
            stream.close()


def _interval(seconds: float) -> bytes:
    """As the system takes it for a socket's option."""
    if sys.platform == "win32":
        return struct.pack("I", round(seconds * 1000))
    return struct.pack("ll", int(seconds), round(seconds % 1 * 1e6))
