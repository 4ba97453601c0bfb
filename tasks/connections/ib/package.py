"""Whether the broker's own client is installed, and once only."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tasks.connections.problems import Refused

INSTALL = "Install it with `pip install ibapi`."


def check_package() -> None:
    """Raise `Refused` unless exactly one distribution provides `ibapi`, and it can be imported.

    Its redistributions (`nautilus-ibapi`, `ibapi-latest`, …) install into the same folder and
    overwrite each other: a mixture of two fails at its first import, or later and worse.
    """
    spec = find_spec("ibapi")
    if spec is None or spec.origin is None:
        raise Refused("The broker's client `ibapi` is not installed.", INSTALL)
    found = providers(Path(spec.origin).parent.parent)
    if len(found) > 1:
        raise Refused(
            f"More than one distribution provides `ibapi`: {', '.join(found)}. They overwrite each other's files.",
            f"Uninstall all of them (`pip uninstall {' '.join(found)}`), then install one.",
        )
    try:
        import_module("ibapi.client")
    except Exception as error:
        raise Refused(
            f"The broker's client `ibapi` is broken: {type(error).__name__}: {error}.",
            "Its folder may hold files of several versions: uninstall it, delete what is left, and install it again.",
        ) from error


def providers(folder: Path) -> list[str]:
    """Names of the distributions in a folder of packages that install a package `ibapi`."""
    names = []
    for info in sorted(folder.glob("*.dist-info")):
        top_level, record = info / "top_level.txt", info / "RECORD"
        if top_level.is_file():
            provides = "ibapi" in top_level.read_text().split()
        else:
            provides = record.is_file() and b"\nibapi/__init__.py," in b"\n" + record.read_bytes()
        if provides:
            names.append(info.name.removesuffix(".dist-info").rpartition("-")[0])
    return names
