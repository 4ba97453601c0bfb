"""How long a check takes: of many files in one call, and of one that was edited.

Run: python tests/benchmarks/check.py [--files 200]
Prints a table: imports apart, since a process pays them once.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

BEGUN = time.perf_counter()

from flows.check import check_file  # noqa: E402 - imports are measured
from flows.check.rendering import FORMATS, Findings  # noqa: E402
from flows.desk import load_desk  # noqa: E402
from tasks.registry import catalog  # noqa: E402

TASKS = catalog()
IMPORTED = time.perf_counter() - BEGUN

PIPELINES = Path(__file__).parents[2] / "pipelines"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    count: int = parser.parse_args().files
    shipped = sorted(PIPELINES.glob("[!_]*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "_desk.yaml").write_text((PIPELINES / "_desk.yaml").read_text())
        paths = [root / f"{shipped[n % len(shipped)].stem}_{n}.yaml" for n in range(count)]
        for number, path in enumerate(paths):
            path.write_text(shipped[number % len(shipped)].read_text())
        begun = time.perf_counter()
        desk = load_desk(root)
        beside = [path.stem for path in paths]
        checked = [check_file(path, TASKS, desk, root, beside) for path in paths]
        FORMATS["text"]([Findings(one.document.path, one.document.text, one.diagnostics) for one in checked])
        whole = time.perf_counter() - begun
        if broken := [one.document.path for one in checked if one.plan is None]:
            raise SystemExit(f"these should be right: {broken}")
        again = []
        for path in paths[: len(shipped)] * 5:
            path.write_text(path.read_text() + "\n")
            begun = time.perf_counter()
            check_file(path, TASKS, desk, root, beside)
            again.append(time.perf_counter() - begun)
    print(f"{'imports':<32}{IMPORTED:>8.2f} s")
    print(f"{f'{count} files in one call':<32}{whole:>8.2f} s")
    print(f"{'one file again, median':<32}{1000 * statistics.median(again):>8.1f} ms")
    print(f"{'one file again, slowest':<32}{1000 * max(again):>8.1f} ms")


if __name__ == "__main__":
    main()
