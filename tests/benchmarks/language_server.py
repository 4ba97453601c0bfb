"""How long an editor waits: from a keystroke to the diagnostics, and for a completion, over the protocol.

Run: python tests/benchmarks/language_server.py [--files 200]
The pause after which the server takes typing for done is part of the first figure, and named beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from flows.lsp.server import QUIET

PIPELINES = Path(__file__).parents[2] / "pipelines"
KEYSTROKES = 60


async def measure(root: Path, edited: Path, files: int) -> None:
    client = LanguageClient("benchmark", "1")
    told: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
    client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda parameters: told.put_nowait(parameters))  # noqa: PLW0108 - pygls sets attributes on it
    begun = time.perf_counter()
    await client.start_io(sys.executable, "-m", "flows", "lsp", cwd=root)
    folders = [lsp.WorkspaceFolder(root.as_uri(), "project")]
    await client.initialize_async(
        lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), workspace_folders=folders)
    )
    client.initialized(lsp.InitializedParams())
    for _ in range(files + 1):
        await told.get()
    print(f"{f'started, and {files} files checked':<64}{time.perf_counter() - begun:>8.2f} s")
    text, uri = edited.read_text(), edited.as_uri()
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "yaml", 0, text)))
    await told.get()
    line = text.split("\n").index("output: hedge")
    document = lsp.TextDocumentIdentifier(uri)
    waits, completions = [], []
    for number in range(KEYSTROKES):
        begun = time.perf_counter()
        at = lsp.Position(line, len("output: hedge") + number)
        change = lsp.TextDocumentContentChangePartial(lsp.Range(at, at), "e")
        versioned = lsp.VersionedTextDocumentIdentifier(number + 1, uri)
        client.text_document_did_change(lsp.DidChangeTextDocumentParams(versioned, [change]))
        while (await told.get()).version != number + 1:
            pass
        waits.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        await client.text_document_completion_async(lsp.CompletionParams(document, lsp.Position(line, 9)))
        completions.append(time.perf_counter() - begun)
    pause = f"of which {1000 * QUIET:.0f} ms are the pause"
    print(f"{f'keystroke to diagnostics, {pause}, median':<64}{1000 * statistics.median(waits):>8.1f} ms")
    without = [wait - QUIET for wait in waits]
    print(f"{'the check itself and the way there and back, median':<64}{1000 * statistics.median(without):>8.1f} ms")
    print(f"{'the same, slowest':<64}{1000 * max(without):>8.1f} ms")
    print(f"{'completion of a step, median':<64}{1000 * statistics.median(completions):>8.1f} ms")
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    count: int = parser.parse_args().files
    shipped = sorted(PIPELINES.glob("[!_]*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "pipelines").mkdir()
        (root / "pipelines" / "_desk.yaml").write_text((PIPELINES / "_desk.yaml").read_text())
        for number in range(count):
            source = shipped[number % len(shipped)]
            (root / "pipelines" / f"{source.stem}_{number}.yaml").write_text(source.read_text())
        asyncio.run(measure(root, root / "pipelines" / "beta_hedge_0.yaml", count))


if __name__ == "__main__":
    main()
