from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.connections.ib.package import check_package, providers
from tasks.connections.problems import Refused


def install(folder: Path, name: str, **files: str) -> None:
    info = folder / f"{name}.dist-info"
    info.mkdir()
    for file, text in files.items():
        (info / file.replace("top_level", "top_level.txt")).write_text(text)


def test_the_installed_client_is_the_only_one() -> None:
    check_package()


def test_redistributions_that_overwrite_each_other_are_found(tmp_path: Path) -> None:
    install(tmp_path, "ibapi-9.81.1.post1", top_level="ibapi\n", RECORD="")
    install(tmp_path, "nautilus_ibapi-10.30.1", RECORD="ibapi/__init__.py,sha256=x,1\nibapi/client.py,sha256=y,2\n")
    install(tmp_path, "ib_async-2.1.0", RECORD="ib_async/__init__.py,sha256=x,1\n")
    install(tmp_path, "numpy-2.4.0", top_level="numpy\n")
    assert providers(tmp_path) == ["ibapi", "nautilus_ibapi"]


def test_a_client_that_is_not_there_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ibapi", None)
    with pytest.raises(Refused, match=r"`ibapi` is not installed. Install it with `pip install ibapi`"):
        check_package()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["ibapi-9.81.1.post1", "ibapi_latest-10.19"],
            "More than one distribution provides `ibapi`: ibapi, ibapi_latest.",
        ),
        (["ibapi-9.81.1.post1"], "is broken: ModuleNotFoundError: No module named 'ibapi.client'"),
    ],
)
def test_a_mixed_or_broken_installation_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    (tmp_path / "ibapi").mkdir()
    (tmp_path / "ibapi" / "__init__.py").touch()
    for name in names:
        install(tmp_path, name, top_level="ibapi\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "from tasks.connections.ib.package import check_package; check_package()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said in done.stderr
