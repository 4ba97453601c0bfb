"""Where tasks, schemas and connections are written: the file and the line of their definition."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any


def written_at(what: type | Callable[..., Any]) -> tuple[Path, int, int] | None:
    """(file, line from 0, column) of a function's or a class's name; None where there is no source."""
    try:
        file = inspect.getsourcefile(what)
        tree = ast.parse(Path(file).read_text()) if file else None
    except (OSError, TypeError, SyntaxError, UnicodeDecodeError):
        return None
    if file is None or tree is None:
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == what.__name__:
            word = "class " if isinstance(node, ast.ClassDef) else "def "
            return Path(file), node.lineno - 1, node.col_offset + len(word)
    return None


def parameter_at(function: Callable[..., Any], name: str) -> tuple[Path, int, int] | None:
    """(file, line from 0, column) of a function's parameter."""
    found = written_at(function)
    if found is None:
        return None
    for node in ast.parse(found[0].read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            for argument in (*node.args.args, *node.args.kwonlyargs):
                if argument.arg == name:
                    return found[0], argument.lineno - 1, argument.col_offset
    return found
