"""Where `$secret.name` is looked up: the environment, a file, the system's keyring, Prefect's Secret blocks."""

from __future__ import annotations

import json
import os
import stat
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from flows import prefect_api
from tasks.connections.problems import ConnectionProblem, Problem
from tasks.connections.scrubbing import PREFIX

PATIENCE = 10.0
"""Seconds that Prefect has to answer."""


class Source(Protocol):
    """A place that holds secrets by name."""

    kind: str
    """What the desk file calls it."""

    def place(self, name: str) -> str:
        """Where in it a secret would be, in words."""

    def read(self, name: str) -> str | None:
        """What it holds under a name; None where it holds nothing. Raises `Problem` where it can't be asked."""


class Environment:
    """Environment variables, `HEDGEROW_SECRET_` before the name."""

    kind = "environment"

    def place(self, name: str) -> str:
        return f"environment variable {PREFIX}{name.upper()}"

    def read(self, name: str) -> str | None:
        return os.environ.get(PREFIX + name.upper())


class SecretFile:
    """A YAML mapping of names to texts, that nobody else can read and that no repository takes along.

    Parameters
    ----------
    path
        As the desk file writes it: from the root or from `~`.
    root
        The project's folder, which it must not be in.
    """

    kind = "file"

    def __init__(self, path: str, root: Path) -> None:
        self._written, self._root = path, root
        self._held: dict[str, str] | None = None

    def place(self, name: str) -> str:
        return f"`{name}` in {self._written}"

    def read(self, name: str) -> str | None:
        if self._held is None:
            self._held = self._read()
        return self._held.get(name)

    def _read(self) -> dict[str, str]:
        path = Path(self._written).expanduser()
        if not path.is_absolute():
            raise Problem(
                f"The file of secrets is {self._written}, a path from who knows where.",
                "Write it from the root, or from `~`.",
            )
        try:
            self._check(path.resolve(strict=True))
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
            raise Problem(f"The file of secrets {self._written} can't be read: {reason}.") from None
        return _mapping(text, self._written)

    def _check(self, path: Path) -> None:
        """Raises `Problem` where others could read it, or a repository take it along."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Problem(f"{self._written} is no file: secrets can't be read from it.")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise Problem(
                f"The file of secrets {self._written} can be used by others than its owner "
                f"(mode {stat.S_IMODE(status.st_mode):04o}).",
                f"`chmod 600 {self._written}`, and change what is in it, if others may have read it.",
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise Problem(f"The file of secrets {self._written} belongs to somebody else.", "Make it your own.")
        repository = next((folder for folder in path.parents if (folder / ".git").exists()), None)
        if repository is not None or path.is_relative_to(self._root.resolve()):
            where = "this project" if repository is None else f"the repository {repository}"
            raise Problem(
                f"The file of secrets {self._written} is inside {where}, and could be committed.",
                "Move it out, for example to ~/.config/hedgerow/secrets.yaml, and change what is in it.",
            )


class Keyring:
    """The system's keyring, by the package `keyring`: a service, and each secret a user of it."""

    kind = "keyring"

    def __init__(self, service: str) -> None:
        self._service = service

    def place(self, name: str) -> str:
        return f"`{name}` of `{self._service}` in the keyring"

    def read(self, name: str) -> str | None:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            raise Problem(
                "The desk looks for secrets in the system's keyring, and the package `keyring` isn't installed.",
                "`pip install 'hedgerow[keyring]'`, or leave `keyring` out of the desk file's `secrets:`.",
            ) from None
        try:
            return keyring.get_password(self._service, name)
        except KeyringError as error:
            raise Problem(
                f"The system's keyring can't be asked for {self.place(name)}: {type(error).__name__}.",
                "Unlock it, or leave `keyring` out of the desk file's `secrets:` on this machine.",
            ) from None


class PrefectBlocks:
    """Secret blocks of the configured Prefect API; their names have `-` for `_`."""

    kind = "prefect"

    def place(self, name: str) -> str:
        return f"Prefect Secret block `{_block(name)}`"

    def read(self, name: str) -> str | None:
        api = prefect_api.configured()
        if api is None:
            raise Problem(
                f"The desk looks for {self.place(name)}, and no Prefect API is configured here.",
                "Set PREFECT_API_URL, or leave `prefect` out of the desk file's `secrets:`.",
            )
        path = f"block_types/slug/secret/block_documents/name/{quote(_block(name), safe='')}?include_secrets=true"
        request = urllib.request.Request(f"{api.rstrip('/')}/{path}", headers=prefect_api.authorization())  # noqa: S310 - the user's own URL
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - the user's own URL
                held = json.load(answer)["data"]["value"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise ConnectionProblem(
                f"The Prefect API at {api} answers {error.code} when asked for {self.place(name)}.",
                "Where it wants a key, set PREFECT_API_KEY or PREFECT_API_AUTH_STRING.",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConnectionProblem(
                f"The Prefect API at {api} can't be asked for {self.place(name)} ({type(error).__name__})."
            ) from None
        return held if isinstance(held, str) else json.dumps(held)


def _block(name: str) -> str:
    return name.lower().replace("_", "-")


def _mapping(text: str, path: str) -> dict[str, str]:
    """Names and texts of a file. Nothing of what stands in it is ever quoted."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Problem(f"The file of secrets {path} is no YAML{line}.") from None
    except yaml.YAMLError:
        raise Problem(f"The file of secrets {path} is no YAML.") from None
    if node is None:
        return {}
    held: dict[str, str] = {}
    pairs: list[tuple[Any, Any]] = node.value if isinstance(node, yaml.MappingNode) else [(node, node)]
    for key, value in pairs:
        is_text = isinstance(value, yaml.ScalarNode) and (value.value or value.style)
        if key is value or not isinstance(key, yaml.ScalarNode) or not is_text:
            raise Problem(
                f"The file of secrets {path}, line {value.start_mark.line + 1}: expected a name and one text.",
                'Write one secret a line: `database: "postgresql://…"`.',
            )
        if key.value in held:
            raise Problem(
                f"The file of secrets {path} has two of one name, the second in line {key.start_mark.line + 1}."
            )
        held[key.value] = value.value  # as text, whatever YAML would make of it: `no` and 007 are passwords too
    return held
