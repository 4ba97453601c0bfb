"""The project that a command works on: its folder, pipelines and desk."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.connections.problems import Problem

FOLDER = "pipelines"


def find_root(start: Path | None = None) -> Path:
    """The project's folder: `$HEDGEROW_PROJECT`, else the nearest one upward that holds `pipelines/`."""
    if named := os.environ.get("HEDGEROW_PROJECT"):
        root = Path(named).resolve()
        if not (root / FOLDER).is_dir():
            raise Problem(f"HEDGEROW_PROJECT names {root}, which has no {FOLDER}/ folder.")
        return root
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return folder
    raise Problem(f"Neither {here} nor a folder above it holds {FOLDER}/.", "Change to the project's folder.")


def pipeline_paths(root: Path) -> list[Path]:
    """The pipeline files, by name; files that begin with `_` are none. `.yml` is listed too: checking refuses it."""
    found = [*(root / FOLDER).glob("*.yaml"), *(root / FOLDER).glob("*.yml")]
    return sorted(path for path in found if not path.name.startswith("_"))


def find_pipeline(root: Path, name: str) -> Path:
    """The file of a pipeline given by name or by path. Raises `Problem` with the closest names."""
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        if not path.is_file():
            raise Problem(f"There is no file {name}.")
        return path
    paths = {path.stem: path for path in pipeline_paths(root)}
    if name in paths:
        return paths[name]
    from difflib import get_close_matches

    close = get_close_matches(name, paths, 1)
    hint = f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(paths) or 'none'}."
    raise Problem(f"There is no pipeline `{name}` in {FOLDER}/.", hint)
