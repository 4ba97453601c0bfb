"""Whether a Prefect API is configured, found out without importing Prefect, and whether it answers."""

from __future__ import annotations

import base64
import os
import tomllib
import urllib.request
from pathlib import Path

from tasks.connections.problems import ConnectionProblem


def configured() -> str | None:
    """The URL of the Prefect API that this user has configured, by environment or active profile; None if none."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    try:
        settings = tomllib.loads(profiles.read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return None
    active = os.environ.get("PREFECT_PROFILE", settings.get("active"))
    url = settings.get("profiles", {}).get(active, {}).get("PREFECT_API_URL")
    return str(url) if url else None


def authorization() -> dict[str, str]:
    """The header by which this user is let in, where the environment says so."""
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if words := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}
    return {}


def require_reachable(url: str, seconds: float = 5.0) -> None:
    """Raise `ConnectionProblem` unless the API at `url` answers.

    Prefect itself would wait or start a server of its own; a desk must know that its runs are tracked.
    """
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=seconds):  # noqa: S310 - the user's own URL
            return
    except (OSError, ValueError) as error:
        raise ConnectionProblem(
            f"The Prefect API at {url} is configured but doesn't answer ({error}).",
            "Start it (`prefect server start`), or run with --untracked.",
        ) from error
