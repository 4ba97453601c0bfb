"""`hedgerow lsp` starts, says what it lacks, and keeps other output apart from what it says to the editor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PRINTING = """\
import os
import flows.lsp.server as server
begin = server.Server.__init__
def printing(self, version):
    print("a task says hello")
    os.write(1, b"so does a library")
    begin(self, version)
server.Server.__init__ = printing
from flows.__main__ import main
main(["lsp"])
"""


def test_without_its_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['pygls'] = None; from flows.__main__ import main; main(['lsp'])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: The language server needs pygls, which isn't installed. Run `pip install 'hedgerow[editor]'`.\n"
    )


def test_what_a_task_s_module_prints_is_not_taken_for_a_message() -> None:
    parameters = {"capabilities": {}, "rootUri": None, "processId": None}
    begin = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters})
    end = json.dumps({"jsonrpc": "2.0", "method": "exit"})
    said = "".join(f"Content-Length: {len(one)}\r\n\r\n{one}" for one in (begin, end))
    done = subprocess.run(
        [sys.executable, "-c", PRINTING], input=said, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert done.stdout.startswith("Content-Length: ")
    assert "says hello" not in done.stdout
    assert "library" not in done.stdout
    assert "says hello" in done.stderr
    assert "library" in done.stderr
