"""What Prometheus scrapes of a stream, read by Prometheus' own parser."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.stream.meters import BOUNDS, Latency
from flows.stream.metrics import Metrics
from tasks.connections.problems import Problem

TEXT = """
stream:
  ticks: {task: watch_ticks, keep: latest}
steps:
  total: {task: sum_ticks, in: ticks}
"""


def scraped(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
        text = answer.read().decode()
    return {
        (sample.name.removeprefix("hedgerow_"), sample.labels["step"], sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_tells_rows_errors_losses_staleness_and_latency_of_each_step(project, world, make):
    metrics = Metrics("p").start(0)
    running = project.start("p", TEXT)
    running.stream.watch(metrics)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10), (2, -1)))
    running.until(lambda: running.outputs("total") == [10])
    hand.put(make.ticks((1, 13)))
    running.until(lambda: any(fired.failed for fired in running.firings))
    found = scraped(metrics)
    assert found["rows_total", "ticks", ""] == 2
    assert found["rows_total", "total", ""] == 1
    assert found["quarantined_total", "ticks", ""] == 1
    assert found["errors_total", "total", ""] == 1
    assert found["stale", "total", ""] == 1
    assert found["stale", "ticks", ""] == 0
    assert found["dropped_total", "ticks", ""] == 0
    assert found["latency_seconds_count", "total", ""] == 1, "a firing that failed has no output"
    assert found["latency_seconds_bucket", "total", "+Inf"] == 1
    assert 0 < found["latency_seconds_sum", "total", ""] < 5
    assert ("latency_seconds_count", "ticks", "") not in found
    running.stop()
    metrics.stop()


def test_each_latency_is_counted_under_the_least_bound_that_it_is_within():
    latency = Latency()
    for seconds in (0.0005, 0.001, 0.002, 99.0):
        latency.add(seconds)
    assert latency.counts[:2] == [2, 1]
    assert latency.counts[-1] == 1
    assert len(latency.counts) == len(BOUNDS) + 1
    assert latency.at(0.5) == 0.002
    assert latency.at(0.99) == 99.0


def test_a_port_that_is_taken_is_told_and_other_pages_arent_there():
    metrics = Metrics("p").start(0)
    with pytest.raises(Problem, match=f"can't be served on port {metrics.port}"):
        Metrics("q").start(metrics.port)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/secrets")
    metrics.stop()
