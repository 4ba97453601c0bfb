"""Warnings are said in a line and kept whole in the desk's log."""

from __future__ import annotations

import logging

from flows.logs import logged


def test_a_warning_is_said_by_its_first_line_and_kept_whole(tmp_path):
    said = []
    log = logging.getLogger("hedgerow.alerts")
    with logged(tmp_path / "data", said.append):
        log.warning("desk: breach\nCVaR -5,200\nlimit -5,000")
        log.info("only kept")
        log.warning("short")
    log.warning("outside")
    kept = (tmp_path / "data" / "hedgerow.log").read_text()
    assert said == ["desk: breach (and 2 more lines in data/hedgerow.log)", "short"]
    assert "WARNING hedgerow.alerts: desk: breach\nCVaR -5,200\nlimit -5,000\n" in kept
    assert "only kept" in kept
    assert "outside" not in kept


def test_where_the_folder_cannot_be_written_warnings_are_still_said(tmp_path):
    (tmp_path / "data").write_text("in the way")
    said = []
    with logged(tmp_path / "data", said.append):
        logging.getLogger("hedgerow").warning("heard")
    assert said == ["heard"]
