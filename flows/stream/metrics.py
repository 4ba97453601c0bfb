"""What a stream does, as numbers that Prometheus scrapes: rows, rates, latency, staleness, errors and losses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from flows.stream.firing import Fired, Graph
from flows.stream.meters import BOUNDS, Latency, Meter
from tasks.connections.problems import Problem

COUNTERS: tuple[tuple[str, str, Callable[[Meter], float]], ...] = (
    ("rows_total", "Rows that a source gave or a step yielded.", lambda meter: meter.rows),
    ("firings_total", "Firings that it took part in.", lambda meter: meter.firings),
    ("busy_seconds_total", "Seconds that it has worked.", lambda meter: meter.seconds),
    ("errors_total", "How often it raised.", lambda meter: meter.errors),
    ("quarantined_total", "Rows set aside because they break their schema.", lambda meter: meter.quarantined),
    ("dropped_total", "Rows lost because they came faster than they were taken.", lambda meter: meter.lost),
)
"""(name, help, value) of what only goes up."""


class Metrics:
    """Keeps hold of a stream's meters, and serves them in Prometheus' text format on this machine alone.

    Parameters
    ----------
    pipeline
        Its name: a label of every number.
    """

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._graph: Graph | None = None
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """Where it listens. Raises `RuntimeError` before `start`."""
        if self._server is None:
            raise RuntimeError("the metrics aren't served yet")
        return int(self._server.server_address[1])

    def start(self, port: int) -> Self:
        """Serve `/metrics`; port 0 takes a free one. Raises `Problem` where the port can't be had."""
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_known = self.path.partition("?")[0] in ("/metrics", "/")
                body = metrics.text().encode() if is_known else b""
                self.send_response(200 if is_known else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name of it
                """A scrape every few seconds is nothing to tell."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise Problem(
                f"The metrics can't be served on port {port}: {error.strerror or error}.", "Choose another port."
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        return self

    def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def fired(self, graph: Graph, fired: Fired) -> None:
        """From now on these are the meters."""
        self._graph = graph

    def told(self, name: str, text: str) -> None:
        """Sentences are for people."""

    def text(self) -> str:
        """All numbers as they are now, in Prometheus' text format (version 0.0.4)."""
        graph = self._graph
        return "" if graph is None else "\n".join(self._lines(graph)) + "\n"

    def _lines(self, graph: Graph) -> Iterator[str]:
        meters = list(graph.meters.items())
        for name, told, value in COUNTERS:
            yield from _head(name, told, "counter")
            for step, meter in meters:
                yield f"hedgerow_{name}{self._labels(step)} {value(meter):g}"
        yield from _head("rows_per_second", "Rows a second, over the last ten seconds.", "gauge")
        for step, meter in meters:
            yield f"hedgerow_rows_per_second{self._labels(step)} {meter.rate:g}"
        now = graph.clock.now()
        yield from _head("age_seconds", "How old what it yields is, by the clock of the last firing.", "gauge")
        for step, _ in meters:
            if (at := graph.held[step].at) is not None:
                yield f"hedgerow_age_seconds{self._labels(step)} {(now - at).total_seconds():g}"
        yield from _head("stale", "1 where what it yields isn't up to date, or it has failed.", "gauge")
        for step, _ in meters:
            held = graph.held[step]
            yield f"hedgerow_stale{self._labels(step)} {int(bool(held.stale or held.failed))}"
        yield from _head(
            "latency_seconds",
            "From when the oldest row of a firing was received to when the step was done.",
            "histogram",
        )
        for step, meter in meters:
            if step not in graph.layout.sources:
                yield from self._histogram(step, meter.latency)

    def _histogram(self, step: str, latency: Latency) -> Iterator[str]:
        counts = list(latency.counts)
        below = 0
        for bound, count in zip((*BOUNDS, "+Inf"), counts, strict=True):
            below += count
            yield f"hedgerow_latency_seconds_bucket{self._labels(step, le=str(bound))} {below}"
        yield f"hedgerow_latency_seconds_sum{self._labels(step)} {latency.total:g}"
        yield f"hedgerow_latency_seconds_count{self._labels(step)} {below}"

    def _labels(self, step: str, **more: str) -> str:
        pairs = {"pipeline": self._pipeline, "step": step, **more}
        return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items()) + "}"


def _head(name: str, told: str, kind: str) -> tuple[str, str]:
    return f"# HELP hedgerow_{name} {told}", f"# TYPE hedgerow_{name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
