"""The broker's own client, on a socket and a reader of ours.

Imports `ibapi`: import this module only when a connection is opened. Its encoders and decoder
are used as they are. Its connection, reader and message loop are not: they block for ever on a
mute port, drop a message whose length is a multiple of 4096 until the next one comes, die of an
exception in a callback, and keep the process alive. Written for 9.81 and, where signatures are
known to differ, for 10.x with the text encoding.
"""

from __future__ import annotations

import inspect
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import ibapi.common
from ibapi.client import EClient
from ibapi.contract import Contract as WireContract
from ibapi.decoder import Decoder
from ibapi.server_versions import MAX_CLIENT_VER, MIN_CLIENT_VER

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.framing import CHUNK, FrameBuffer, Transport
from tasks.connections.problems import ConnectionProblem, Problem

UNSET_DOUBLE = sys.float_info.max
"""What stands for a number that isn't set, in every version."""

FAREWELL = 1.0
"""Seconds to wait for the reader when a connection is closed."""

logging.getLogger("ibapi").setLevel(logging.WARNING)  # it tells of every message, twice

NEWEST = 178
"""Newest server version to speak; from 201 on the encoding is another one."""


class StrictDecoder(Decoder):  # type: ignore[misc]  # ibapi ships no types
    """The client's decoder; a message with too many fields or too few is an error, and not passed over."""

    def interpretWithSignature(self, fields: Any, handleInfo: Any) -> None:  # noqa: N802, N803  # the decoder's name
        beside = 1 if _takes_id(self) else 2  # the message's version, and its kind where it is among them
        expected = len(handleInfo.wrapperParams) - 1 + beside
        if len(fields) != expected:
            raise ValueError(f"it has {len(fields)} fields and not {expected}")
        super().interpretWithSignature(fields, handleInfo)


class Client(EClient):  # type: ignore[misc]  # ibapi ships no types
    """One connection; a new one for every attempt, since the original can't be used twice.

    Parameters
    ----------
    receiver
        The `EWrapper` whose methods the decoder calls.
    on_messages
        Called in the reader's thread with the messages that have come at once; is to call `dispatch`.
    on_closed
        Called once, in the reader's thread, when the connection has ended; with the reason where it is known.
    """

    def __init__(
        self, receiver: Any, on_messages: Callable[[list[bytes]], None], on_closed: Callable[[Problem | None], None]
    ) -> None:
        super().__init__(receiver)
        self._on_messages = on_messages
        self._on_closed = on_closed
        self._reader: threading.Thread | None = None

    def start(self, host: str, port: int, client_id: int, timeout: float) -> None:
        """Connect, shake hands and ask to start. Raises `ConnectionProblem` within `timeout` seconds."""
        until = time.monotonic() + timeout
        stream = _connect(host, port, timeout)
        try:
            buffer = FrameBuffer()
            version, server_time, early = _shake_hands(stream, buffer, host, port, until, timeout)
        except BaseException:
            stream.close()
            raise
        self.host, self.port, self.clientId = host, port, client_id
        self.conn = Transport(stream)
        self.serverVersion_, self.connTime = version, server_time
        self.use_decoder(version)
        self.setConnState(EClient.CONNECTED)
        self._reader = threading.Thread(target=self._read, args=(stream, buffer, early), name="ib reader", daemon=True)
        self._reader.start()
        self.startApi()

    def use_decoder(self, version: int) -> None:
        """Read messages as this version of the server writes them."""
        self.decoder = StrictDecoder(self.wrapper, version)
        self._takes_id = _takes_id(self.decoder)

    @property
    def has_whole_sizes(self) -> bool:
        """Whether its decoder reads sizes as integers, as 9.81 does, and not as decimals."""
        return not hasattr(ibapi.common, "UNSET_DECIMAL")

    def dispatch(self, fields: list[bytes]) -> None:
        """Have the receiver's method for this message called. Raises for a message that can't be read."""
        kind = int(fields[0]) if fields else 0
        if kind not in self.decoder.msgId2handleInfo:
            raise ValueError(f"no message has the number {kind}")
        if self._takes_id:
            self.decoder.interpret(tuple(fields[1:]), kind)
        else:
            self.decoder.interpret(tuple(fields))

    def stop(self) -> None:
        """Close the connection, and wait until its reader has told `on_closed`."""
        if self.conn is None:
            return
        self.setConnState(EClient.DISCONNECTED)
        self.conn.disconnect()
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(FAREWELL)

    def _read(self, stream: socket.socket, buffer: FrameBuffer, early: list[bytes]) -> None:
        reason: Problem | None = None
        try:
            self._on_messages(early)
            while chunk := stream.recv(CHUNK):
                self._on_messages(buffer.feed(chunk))
        except ConnectionProblem as problem:
            reason = problem
        except OSError as error:
            reason = ConnectionProblem(f"The connection to {self.host}:{self.port} broke ({error}).")
        finally:
            self.stop()
            self._on_closed(reason)


def wire_contract(contract: Contract) -> Any:
    """The contract as the client's encoders want it."""
    made = WireContract()
    made.conId = contract.con_id
    made.symbol = contract.symbol
    made.secType = contract.security_type
    made.currency = contract.currency
    made.exchange = contract.exchange
    made.multiplier = contract.multiplier
    made.lastTradeDateOrContractMonth = contract.expiry
    made.strike = UNSET_DOUBLE if contract.strike == 0 and made.strike == UNSET_DOUBLE else contract.strike
    made.right = contract.right
    made.localSymbol = contract.local_symbol
    made.tradingClass = contract.trading_class
    return made


def plain_contract(contract: Any) -> Contract:
    """The contract of a callback as a plain value."""
    strike = float(contract.strike or 0)
    return Contract(
        con_id=int(contract.conId),
        symbol=contract.symbol,
        security_type=contract.secType,
        currency=contract.currency,
        exchange=contract.exchange,
        multiplier=str(contract.multiplier or ""),
        expiry=contract.lastTradeDateOrContractMonth,
        strike=0.0 if strike >= UNSET_DOUBLE else strike,
        right=contract.right,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
    )


def _takes_id(decoder: Any) -> bool:
    """Whether a decoder is given the kind of a message beside its fields, as from 10.x on."""
    return len(inspect.signature(decoder.interpret).parameters) > 1


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    try:
        stream = socket.create_connection((host, port), timeout)
    except OSError as error:
        raise ConnectionProblem(
            f"There is no gateway at {host}:{port} ({error.strerror or error}).",
            "Start TWS or IB Gateway, enable its API socket (Configure > API > Settings), and compare the port.",
        ) from error
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _shake_hands(
    stream: socket.socket, buffer: FrameBuffer, host: str, port: int, until: float, timeout: float
) -> tuple[int, str, list[bytes]]:
    """(server version, its time, messages that came in the same chunk)."""
    offer = f"v{MIN_CLIENT_VER}..{min(MAX_CLIENT_VER, NEWEST)}".encode()
    try:
        stream.sendall(b"API\0" + len(offer).to_bytes(4, "big") + offer)
        while True:
            stream.settimeout(max(0.001, until - time.monotonic()))
            chunk = stream.recv(CHUNK)
            if not chunk:
                raise ConnectionResetError("it closed the connection")
            messages = buffer.feed(chunk)
            for place, payload in enumerate(messages):
                fields = payload.split(b"\0")[:-1]
                if len(fields) == 2 and fields[0].isdigit():
                    stream.settimeout(None)
                    return int(fields[0]), fields[1].decode("ascii", "replace"), messages[place + 1 :]
    except TimeoutError as error:
        raise ConnectionProblem(
            f"{host}:{port} takes connections but doesn't answer: no handshake within {timeout:g} s.",
            "Check that TWS or IB Gateway is logged in, and that this is its API port.",
        ) from error
    except OSError as error:
        raise ConnectionProblem(
            f"{host}:{port} broke off the handshake ({error}).",
            "Check that this is the API port of TWS or IB Gateway, and that it trusts this machine's address.",
        ) from error
