"""Prefect's client, for a server whose SQLite is locked for moments at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

_UNAVAILABLE = 503
_SOON = (0.02, 0.05, 0.2, 1.0, 4.0)
"""Seconds before each further try; as many as Prefect makes."""
_TRIED = "hedgerow.tried"


def server_client() -> SyncPrefectClient:
    """A client of the configured server, that asks again soon.

    Two writers at once, and SQLite lets one of them wait: the server answers 503 then, and Prefect's client
    would try again after two seconds. One request of fifty was seen to meet that while a server was told of 300
    pipelines, so that half of all the time went by with waiting.
    """
    # Prefect is imported late: it takes seconds.
    from prefect.client.orchestration import get_client

    return get_client(httpx_settings={"event_hooks": {"response": [_ask_again_soon]}}, sync_client=True)


def _ask_again_soon(response: httpx.Response) -> None:
    if response.status_code != _UNAVAILABLE or "Retry-After" in response.headers:
        return
    tried = response.request.extensions.setdefault(_TRIED, 0)
    if tried < len(_SOON):
        response.request.extensions[_TRIED] = tried + 1
        response.headers["Retry-After"] = str(_SOON[tried])
