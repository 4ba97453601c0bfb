"""`hedgerow up`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

import flows
from flows import prefect_api
from flows.desk import load_desk
from flows.project import FOLDER, find_root
from flows.serve import accepted
from flows.serve.alive import Alive
from flows.serve.flow_run import ACCEPTED, PROFILE
from flows.serve.prefect_server import HOST, LOOPBACK, PrefectServer, answers, left_server
from tasks.connections.clock import WallClock
from tasks.connections.problems import ConnectionProblem

PORT = 4200


def serve_pipelines(port: int | None, limit: int, profile: str | None) -> int:
    """Serve every pipeline that checks, until Ctrl-C; return the exit status."""
    root = find_root()
    desk = load_desk(root / FOLDER, profile)
    url = _address(port)
    folder = accepted.folder_of(desk)
    with _interruptible(), ExitStack() as stack:
        alive = stack.enter_context(Alive(folder))
        server = _server(url, desk.data / "prefect" / "server.log")
        if server is not None:
            stack.enter_context(server)
        _tell_children(url, root, folder, profile)
        return _serve(root, profile, url, server, alive, limit)


def _server(url: str, log: Path) -> PrefectServer | None:
    """A server of our own, started or taken over; None where another's answers."""
    left = left_server(log.parent)
    if left is not None and (left.url != url or not answers(url, 5)):
        click.echo(f"stopping the Prefect server at {_page(left.url)}, which an earlier `hedgerow up` left running")
        left.stop()
        left = None
    if left is None and answers(url):
        return None
    server = PrefectServer(url, log)
    if left is None:
        click.echo(f"starting a Prefect server at {_page(url)}")
    else:
        click.echo(f"taking over the Prefect server at {_page(url)}, which an earlier `hedgerow up` left running")
        server.take_over(left)
    return server


def stop_serving(profile: str | None) -> int:
    """Stop the process that serves the desk, and a server that outlived one; return the exit status."""
    desk = load_desk(find_root() / FOLDER, profile)
    if (process := Alive(accepted.folder_of(desk)).stop()) is not None:
        click.echo(f"stopped `hedgerow up`, process {process}")
    left = left_server(desk.data / "prefect")
    if left is not None:
        left.stop()
        click.echo(f"stopped the Prefect server at {_page(left.url)}, which an earlier `hedgerow up` left running")
    if process is None and left is None:
        click.echo("nobody serves this desk")
    return 0


def _serve(root: Path, profile: str | None, url: str, server: Any, alive: Alive, limit: int) -> int:
    # Prefect is imported late: it takes seconds, and reads its settings as it is.
    from flows.pruning import prune_daily
    from flows.serve.client import server_client
    from flows.serve.crashes import Crashes
    from flows.serve.deployments import Deployments
    from flows.serve.flow_run import plan_of
    from flows.serve.serving import serve

    with server_client() as client:
        now = WallClock().now()
        deployments = Deployments(root, profile, client, click.echo, alive.last())
        deployments.refresh(now)
        width = max((len(name) for name in deployments.served), default=0)
        for name, registered in sorted(deployments.served.items()):
            click.echo(f"  {name:<{width}}  {_when(registered)}")
        count = len(deployments.served)
        click.echo(
            f"{count} pipeline{'' if count == 1 else 's'} served"
            f"{f', {len(deployments.left_out)} left out' if deployments.left_out else ''}: {_page(url)}/deployments"
        )
        click.echo(f"runs of other terminals are tracked there with PREFECT_API_URL={url}; Ctrl-C stops")
        desk = load_desk(root / FOLDER, profile)
        crashes = Crashes(desk, plan_of, client, click.echo)

        async def serve_and_prune() -> None:
            pruning = asyncio.create_task(prune_daily(desk))
            await serve(deployments, crashes, server, alive, limit, click.echo)
            pruning.cancel()

        asyncio.run(serve_and_prune())
    click.echo("stopped")
    return 0


def _address(port: int | None) -> str:
    """The URL of the API to serve by: the one named, the one configured, or one on this machine."""
    configured = prefect_api.configured()
    if port is None and configured is not None:
        if not answers(configured) and urlsplit(configured).hostname not in LOOPBACK:
            raise ConnectionProblem(
                f"The Prefect API at {configured} is configured but doesn't answer.",
                "Start it where it is, or give --port to serve by one on this machine.",
            )
        return configured.rstrip("/")
    return f"http://{HOST}:{port or PORT}/api"


def _page(url: str) -> str:
    return url.removesuffix("/api")


def _when(registered: Any) -> str:
    if registered.is_paused:
        return "its schedule is paused"
    if not registered.upcoming:
        return "when it is asked for"
    first = registered.upcoming[0]
    return f"next {first.instant:%Y-%m-%d %H:%M:%SZ}, session {first.session}"


def _tell_children(url: str, root: Path, folder: Path, profile: str | None) -> None:
    """The flow runs' processes inherit this one's environment."""
    code = str(Path(flows.__file__).parent.parent)
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ |= {
        "PREFECT_API_URL": url,
        "HEDGEROW_PROJECT": str(root),
        ACCEPTED: str(folder),
        PROFILE: profile or "",
        "PYTHONPATH": os.pathsep.join(paths),
    }


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and the end of the terminal end it as Ctrl-C does: with everything it has started."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("stopped")
