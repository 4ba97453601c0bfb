from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

import pytest

from tasks.connections.ib.framing import FrameBuffer, Transport
from tasks.connections.problems import ConnectionProblem


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def test_messages_come_out_whole_however_the_bytes_were_cut() -> None:
    sent = [b"4\x002\x00-1\x00", b"", b"x" * 4092, b"9\x001\x001\x00"]
    stream = b"".join(frame(payload) for payload in sent)
    for size in (1, 3, 4, 5, 4096, len(stream)):
        buffer = FrameBuffer()
        got = [m for start in range(0, len(stream), size) for m in buffer.feed(stream[start : start + size])]
        assert got == sent


def test_a_message_of_exactly_4096_bytes_is_complete_without_waiting_for_the_next() -> None:
    assert FrameBuffer().feed(frame(b"y" * 4092)) == [b"y" * 4092]


def test_a_large_message_that_comes_in_small_pieces_takes_no_longer_for_that() -> None:
    sent = frame(b"z" * 8_000_000)
    buffer, got = FrameBuffer(), []
    started = time.monotonic()
    for start in range(0, len(sent), 4096):
        got += buffer.feed(sent[start : start + 4096])
    assert [len(message) for message in got] == [8_000_000]
    assert time.monotonic() - started < 1  # copying what is there at each piece takes seconds


def test_a_length_that_no_message_has_is_said_to_be_another_protocol() -> None:
    with pytest.raises(ConnectionProblem, match="doesn't speak the broker's protocol"):
        FrameBuffer().feed(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_message_larger_than_the_sockets_buffers_is_sent_whole() -> None:
    ours, theirs = socket.socketpair()
    received = bytearray()

    def read() -> None:
        while chunk := theirs.recv(65536):
            received.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    transport = Transport(ours)
    transport.sendMsg(frame(b"z" * 5_000_000))
    transport.disconnect()
    reader.join(5)
    theirs.close()
    assert len(received) == 5_000_004
    assert not transport.isConnected()
    with pytest.raises(OSError, match="closed"):
        transport.sendMsg(b"more")


def test_what_a_thread_sends_is_shown_to_who_watches_it_alone() -> None:
    ours, theirs = socket.socketpair()
    transport = Transport(ours)
    seen: list[bytes] = []
    with transport.watched(seen.append):
        other = threading.Thread(target=transport.sendMsg, args=(frame(b"other"),))
        other.start()
        other.join(5)
        transport.sendMsg(frame(b"mine"))
    transport.sendMsg(frame(b"later"))
    assert seen == [frame(b"mine")]
    transport.disconnect()
    theirs.close()


def test_a_gateway_that_reads_nothing_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    transport = Transport(ours, patience=0.2)
    with pytest.raises(OSError, match=r"nothing of what is sent has been read for 0.2 s"):
        transport.sendMsg(frame(b"z" * 5_000_000))
    assert not transport.isConnected()
    theirs.close()


def test_what_sending_raises_is_raised_although_the_client_keeps_it_to_itself() -> None:
    ours, theirs = socket.socketpair()
    transport = Transport(ours)
    transport.disconnect()
    theirs.close()
    keeps_it = contextlib.suppress(Exception)  # as the client of 10.x does
    with pytest.raises(OSError, match="the connection is closed"), transport.watched(lambda frame: None), keeps_it:
        transport.sendMsg(frame(b"x"))
    with transport.watched(lambda frame: None):
        assert transport.error is None
