"""Finds tasks and schemas by name: those in the project's folders, then those of installed packages."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

import schemas
import tasks
from schemas.frame import Frame
from tasks.connections.problems import Problem
from tasks.declare import DeclarationError, Task, TaskSpec

ENTRY_POINTS = "hedgerow.tasks"


@dataclass(frozen=True)
class Catalog:
    """Every task and schema by name."""

    tasks: Mapping[str, TaskSpec]
    schemas: Mapping[str, type[Frame]]


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Import every module of tasks/ and schemas/ and every entry point, and list what they declare.

    A task is listed under its function's name. Raises `Problem` where two modules declare the
    same name, where a module can't be imported, and where a declaration can't work.
    """
    found: dict[str, TaskSpec] = {}
    origin: dict[str, str] = {}
    for module in _task_modules():
        for declared in vars(module).values():
            if isinstance(declared, Task) and declared.function.__module__ == module.__name__:
                try:
                    spec = declared.spec
                except DeclarationError as error:
                    raise Problem(f"{module.__name__}: {error}.") from error
                if spec.name in found:
                    raise Problem(
                        f"Task `{spec.name}` is declared in {origin[spec.name]} and again in {module.__name__}.",
                        "Rename one of them.",
                    )
                found[spec.name] = spec
                origin[spec.name] = module.__name__
    return Catalog(found, _schemas())


def _task_modules() -> list[ModuleType]:
    names = [f"tasks.{info.name}" for info in pkgutil.iter_modules(tasks.__path__) if not info.ispkg]
    names += [entry.value.partition(":")[0] for entry in entry_points(group=ENTRY_POINTS)]
    return [_imported(name) for name in dict.fromkeys(sorted(names))]


def _schemas() -> dict[str, type[Frame]]:
    found: dict[str, type[Frame]] = {}
    for info in pkgutil.iter_modules(schemas.__path__):
        module = _imported(f"schemas.{info.name}")
        for name, declared in vars(module).items():
            is_schema = inspect.isclass(declared) and issubclass(declared, Frame) and declared is not Frame
            if is_schema and declared.__module__ == module.__name__:
                found[name] = declared
    return dict(sorted(found.items()))


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:
        raise Problem(f"{name} can't be imported: {type(error).__name__}: {error}.", "Mend that file first.") from error
