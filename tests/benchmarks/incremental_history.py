"""What a pull of one new session asks and gets, against a pull of all, 500 contracts over a real socket.

Run from the project's root: ``.venv/bin/python tests/benchmarks/incremental_history.py``. The gateway is in a
process of its own; between them stands a relay that counts requests, bars and bytes on the wire. First the
store is empty: all is pulled, up to one session before the last. Then the last session has closed.
"""

from __future__ import annotations

import argparse
import logging
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

FIRST = 910_000_000
BEFORE, AFTER = "2022-12-27T21:05Z", "2022-12-28T21:05Z"
REQUEST, BARS = b"20", b"17"
WANTED = 100.0


@dataclass
class Count:
    """What went over the wire."""

    requests: int = 0
    bars: int = 0
    sent: int = 0
    """Bytes of requests for history."""
    received: int = 0
    """Bytes of their answers."""
    seconds: float = 0.0


class Relay:
    """Passes a client's bytes on to the gateway and back, and counts messages of history."""

    def __init__(self, port: int) -> None:
        self.count = Count()
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            gateway = socket.create_connection(("127.0.0.1", self._to))
            for ends in ((client, gateway, True), (gateway, client, False)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_request: bool) -> None:
        buffer = b""
        while data := source.recv(1 << 16):
            sink.sendall(data)
            buffer += data
            if buffer.startswith(b"API\0"):
                buffer = buffer[4:]
            while len(buffer) >= 4 and len(buffer) >= 4 + (size := struct.unpack(">I", buffer[:4])[0]):
                self._counted(buffer[4 : 4 + size], is_request)
                buffer = buffer[4 + size :]
        sink.close()

    def _counted(self, message: bytes, is_request: bool) -> None:
        kind, _, rest = message.partition(b"\0")
        if is_request and kind == REQUEST:
            self.count.requests += 1
            self.count.sent += len(message) + 4
        elif not is_request and kind == BARS:
            self.count.bars += int(rest.split(b"\0")[3])
            self.count.received += len(message) + 4


def serve(contracts: int, moment: str) -> None:
    """The gateway, until its input ends."""
    from tasks.connections.ib.simulator.gateway import SimulatedGateway
    from tasks.connections.ib.simulator.instruments import Instrument

    listed = [Instrument(FIRST + at, f"S{at}", series="KO") for at in range(contracts)]
    with SimulatedGateway(book=[], instruments=listed, now=moment) as gateway:
        sys.stdout.write(f"{gateway.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


def pull(folder: Path, contracts: int, returns: int, moment: str) -> Count:
    """One pull, and what it took."""
    import pandas as pd

    from tasks.connections.arctic import FrameStore
    from tasks.connections.clock import ManualClock
    from tasks.connections.ib.broker import Broker, Settings
    from tasks.history import pull_history
    from tasks.run import Run

    universe = pd.DataFrame(
        {
            "con_id": range(FIRST, FIRST + contracts),
            "symbol": pd.Categorical([f"S{at}" for at in range(contracts)]),
            "security_type": pd.Categorical(["STK"] * contracts),
            "currency": pd.Categorical(["USD"] * contracts),
            "exchange": pd.Categorical([""] * contracts),
            "multiplier": [1.0] * contracts,
        }
    )
    command = [sys.executable, __file__, "--serve", moment, "--contracts", str(contracts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        relay = Relay(int(server.stdout.readline()))
        run = Run(moment, "benchmark", date.fromisoformat(moment[:10]), clock=ManualClock(moment))
        with (
            Broker("gateway", Settings(port=relay.port), folder) as broker,
            FrameStore("frames", FrameStore.Settings(), folder) as store,
        ):
            started = time.perf_counter()
            frame = pull_history(universe, broker, run, returns=returns, store=store)
            relay.count.seconds = time.perf_counter() - started
        server.stdin.close()
    assert len(frame) == contracts * (returns + 1)
    assert frame["session"].max() == pd.Timestamp(moment[:10])
    return relay.count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--returns", type=int, default=252)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.contracts, asked.serve)
        return 0
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        everything = pull(Path(folder), asked.contracts, asked.returns, BEFORE)
        one = pull(Path(folder), asked.contracts, asked.returns, AFTER)
        none = pull(Path(folder), asked.contracts, asked.returns, AFTER)
    print(f"{asked.contracts} contracts, {asked.returns} returns")
    print(f"{'':20}{'requests':>12}{'bars':>12}{'bytes sent':>12}{'received':>12}{'seconds':>12}")
    for name, count in (("all", everything), ("one new session", one), ("nothing new", none)):
        print(f"{name:20}{count.requests:12,}{count.bars:12,}{count.sent:12,}{count.received:12,}{count.seconds:12.1f}")
    bars, received = everything.bars / one.bars, everything.received / one.received
    print(f"{'ratio':20}{'':12}{bars:12.1f}{'':12}{received:12.1f}   bars wanted: {WANTED:g} or more")
    return 0 if one.requests == asked.contracts and none.requests == 0 and bars >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
