"""A pipeline to begin with."""

from __future__ import annotations

STARTER = """\
# yaml-language-server: $schema=pipeline.schema.json
# The file's name is the pipeline's. `hedgerow check {name}` checks it, `hedgerow show {name}` draws it,
# `hedgerow run {name}` runs it; `hedgerow tasks` lists what steps can call.
description: What this pipeline is for, in a sentence.

# When it runs under `hedgerow up`; without it, by hand only. Other forms:
#   {{calendar: XNYS, from: open + 5m, until: close - 15m, every: 30m}}
#   {{cron: 30 16 * * 1-5, timezone: America/New_York}}
#   {{after: another_pipeline}}
schedule: {{calendar: XNYS, at: close + 30m}}

# What a run may be given: `hedgerow run {name} -p returns=120`. Its type follows from where it is used.
params:
  returns: {{default: 60, min: 2, description: Daily returns of each contract}}

# For every step that doesn't say otherwise; effects are never tried again by themselves.
defaults: {{retry: 2, timeout: 2m}}

# A step is named for the frame it yields, an effect for what it does. `in` are frames, `with` are values.
steps:
  positions: {{task: read_positions}}
  prices: {{task: pull_history, in: {{universe: positions}}, with: {{returns: $returns}}}}
  returns: {{task: compute_returns, in: prices}}
  save_returns: {{task: write_frame, in: returns, with: {{library: research, symbol: {name}}}}}

# The frame that a run shows, and that a step of another file gets by `pipeline: {name}`.
output: returns

# A task that takes no frame, for when a run has failed:
# on_failure: {{task: send_alert, with: {{to: oncall, title: $run.pipeline failed}}}}
"""


def starter(name: str) -> str:
    """The text of a new pipeline file."""
    return STARTER.format(name=name)
