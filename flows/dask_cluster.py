"""Pure steps of a run on the workers of a Dask cluster.

Only the call of the task goes there: frames are validated and journalled in the run's own process,
as always. A frame of a megabyte and more goes by reference to the journal, where the workers are on
its machine; elsewhere it is sent once for all that take it, and the workers pass it on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from flows import dask_worker
from flows.idempotency import digest
from flows.shared_frames import Elsewhere, Reference, place_of
from tasks.connections.problems import ConnectionProblem, Problem, Refused
from tasks.connections.scope import current
from tasks.declare import TaskSpec

LARGE = 1_000_000
"""Bytes from which a frame is sent apart from the call."""
PATIENCE = 10.0
"""Seconds for connecting, and for workers to turn up where there are none left."""
_POLL = 0.5
_HELD = 8
"""Large frames that the workers keep for calls to come."""
_ATTEMPTS = 4


class Cluster:
    """The workers at one scheduler's address; connected to at the first call, closed with the block.

    Parameters
    ----------
    address
        Of the scheduler, such as `tcp://10.0.0.5:8786`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Any = None
        self._connecting = threading.Lock()
        self._slots = threading.BoundedSemaphore()
        self._sent: OrderedDict[Hashable, Any] = OrderedDict()
        self._sending = threading.Lock()
        self._is_shared = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        if self._client is not None:
            self._client.close(timeout=2)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A place among the calls that are under way at once: a step's time begins when it has one.

        Raises
        ------
        Problem
            Dask isn't installed; nobody answers at the address, or no worker has joined; the workers
            can't import the project, or have other versions of what computes.
        """
        self._connect()
        with self._slots:
            yield

    def takes(self, task: TaskSpec) -> bool:
        """Whether a task can be called there: it needs nothing of this process."""
        return task.kind == "pure" and not task.connections and not task.injected

    def call(
        self,
        task: TaskSpec,
        values: Mapping[str, Any],
        keys: Mapping[str, Hashable],
        kept: Callable[[str], tuple[Path, str] | None] = lambda _: None,
    ) -> Any:
        """Call a task on a worker, in the scope of the running step, and wait.

        Parameters
        ----------
        task
            One that `takes` accepts.
        values
            Its arguments.
        keys
            What names the content of a frame within the run, by parameter: equal ones are sent once.
        kept
            Of a parameter, the folder of the shelf that has its frame, and its content id; None where none has.

        Raises
        ------
        ConnectionProblem
            The cluster or its workers were lost: another try may succeed.
        Exception
            Whatever the task raises.
        """
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        frames = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
        plain = {name: value for name, value in values.items() if name not in frames}
        scope = current()
        what = (task.function.__module__, task.name, digest(task.source), (scope.run, scope.step), plain, list(frames))
        for _ in range(_ATTEMPTS):
            future: Any = None
            try:
                given = [self._given(frame, keys.get(name), partial(kept, name)) for name, frame in frames.items()]
                future = self._client.submit(dask_worker.call, *what, *given, pure=False)
                self._wait(future)
                result, notes = future.result()
            except KilledWorker as error:
                raise ConnectionProblem(
                    f"Step `{scope.step}` ended the Dask workers that ran it, one after the other.",
                    "They may have too little memory for it: see their logs.",
                ) from error
            except Elsewhere:
                self._is_shared = False  # some worker is on another machine: send it
                continue
            except CancelledError:
                self._forget()  # the worker that held a frame is gone: send it again
                continue
            except (OSError, TimeoutError) as error:
                if future is not None and future.status == "error":
                    raise  # the task's own
                raise self._lost() from error
            for note in notes:
                scope.listener.note(note)
            return result
        raise self._lost()

    def _given(self, frame: pd.DataFrame, key: Hashable | None, kept: Callable[[], tuple[Path, str] | None]) -> Any:
        """The frame, or where it is large, what stands for it on the workers."""
        if int(frame.memory_usage(index=False, deep=True).sum()) < LARGE:
            return frame
        if self._is_shared and (found := kept()) is not None:
            folder, content = str(found[0].resolve()), found[1]
            if (place := place_of(folder)) is not None:
                return Reference(folder, place, content, tuple(frame.columns))
        if key is None:
            return self._client.scatter(frame, hash=False)
        full = (key, tuple(frame.columns))
        with self._sending:
            if full in self._sent:
                self._sent.move_to_end(full)
            else:
                self._sent[full] = self._client.scatter(frame, hash=False)
                while len(self._sent) > _HELD:
                    self._sent.popitem(last=False)
            return self._sent[full]

    def _forget(self) -> None:
        with self._sending:
            self._sent.clear()

    def _wait(self, future: Any) -> None:
        """Until it is done; cancelled where the step is past its deadline, given up where no worker is left."""
        deadline = current().deadline
        lonely = time.monotonic()
        while True:
            try:
                future.exception(timeout=_POLL)
                return
            except TimeoutError:
                pass
            try:
                deadline.check("A call to the Dask cluster")
                if self._client.nthreads():
                    lonely = time.monotonic()
                elif time.monotonic() - lonely > PATIENCE:
                    raise self._lost()
            except BaseException:
                future.cancel()
                raise

    def _connect(self) -> None:
        with self._connecting:
            if self._client is not None:
                return
            client = _client(self.address)
            try:
                width = _width(client, self.address)
            except BaseException:
                client.close(timeout=2)
                raise
            self._client, self._slots = client, threading.BoundedSemaphore(width)

    def _lost(self) -> ConnectionProblem:
        return ConnectionProblem(
            f"The Dask cluster at {self.address} was lost, or has no worker left, while it was used.",
            "See that its scheduler and workers run.",
        )


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise Problem(
            "`runner: {dask: …}` needs Dask, which is not installed.", "pip install 'hedgerow[dask]'."
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say, the step's failure says
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False, name="hedgerow")
    except (OSError, TimeoutError) as error:
        raise ConnectionProblem(
            f"No Dask scheduler answers at {address}.",
            "Start it (`dask scheduler`), name another in `runner:`, or leave `runner:` out.",
        ) from error


def _width(client: Any, address: str) -> int:
    """How many calls may be under way at once, after a look at each worker: two for each of their threads."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ConnectionProblem(
            f"The Dask cluster at {address} has no worker.",
            f"Start some in the project's folder: `dask worker {address}`.",
        ) from error
    own = dask_worker.versions()
    try:
        told: dict[str, dict[str, str]] = client.run(dask_worker.versions)
    except Exception as error:
        raise Problem(
            f"The Dask workers at {address} can't run the project's code ({type(error).__name__}: {error}).",
            "Start them in the project's folder, with what is installed here.",
        ) from error
    for worker, versions in told.items():
        for package, version in own.items():
            if versions[package] != version:
                raise Refused(
                    f"The Dask worker {worker} has {package} {versions[package]}, and this process {version}:"
                    " numbers could differ.",
                    "Install the same versions.",
                )
    threads: int = sum(client.nthreads().values())
    return 2 * threads
