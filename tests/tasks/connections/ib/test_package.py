from __future__ import annotations

from pathlib import Path

from tasks.connections.ib.package import check_package, providers


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
