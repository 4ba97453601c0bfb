"""A pipeline's graph as a page: the picture, and what the file says beside it. One file, no outside assets."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any

from flows.picture.svg import picture
from flows.plan import Parameter, Plan
from flows.references import as_text
from flows.values import describe

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{name}</title>
<style>
body {{ margin: 24px; font: 15px/1.5 system-ui, sans-serif; background: #fff; color: #1c2430; }}
h1 {{ font-size: 22px; margin: 0; }} p {{ margin: 4px 0 16px; max-width: 70ch; }} .graph {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 0 0 16px; }} td, th {{ text-align: left; padding: 3px 18px 3px 0; }}
th {{ font-weight: 600; }} .key {{ color: #5d6878; font-size: 13px; }} [data-step] {{ cursor: pointer; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181f; color: #e6eaf0; }} .key {{ color: #98a3b5; }} }}
</style></head><body>
<h1>{name}</h1>
<p>{description}</p>
{parameters}<div class="graph">
{picture}</div>
<p class="key">▲ and a red rim: changes the world. A thick rim: the output. A thick line: a log, each row once.
Dots: the frame of the time before. Dashes: order without a frame. An open end: may be missing. Click a step to
follow what it takes and feeds.</p>
<script>
let chosen = null;
document.querySelectorAll("[data-step]").forEach(step => step.addEventListener("click", () => {{
  chosen = chosen === step ? null : step;
  const name = chosen && chosen.dataset.step, near = new Set([name]);
  document.querySelectorAll(".way").forEach(way => {{
    const lit = name !== null && (way.dataset.from === name || way.dataset.to === name);
    if (lit) {{ near.add(way.dataset.from); near.add(way.dataset.to); }}
    way.classList.toggle("lit", lit); way.classList.toggle("dim", name !== null && !lit);
  }});
  document.querySelectorAll("[data-step]").forEach(other =>
    other.classList.toggle("dim", name !== null && !near.has(other.dataset.step)));
}}));
</script>
</body></html>
"""


def page(plan: Plan) -> str:
    """The graph as an HTML document."""
    return PAGE.format(
        name=escape(plan.name),
        description=escape(plan.file.description),
        parameters=_parameters(list(plan.parameters.values())),
        picture=picture(plan),
    )


def _parameters(parameters: list[Parameter]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(one.name)}</code></td><td>{escape(describe(one.annotation))}</td>"
        f"<td>{'must be given' if one.required else escape(_default(one.default))}</td>"
        f"<td>{escape(one.description)}</td></tr>"
        for one in parameters
    )
    return f"<table><tr><th>parameter</th><th>type</th><th>default</th><th></th></tr>{rows}</table>\n"


def _default(value: Any) -> str:
    """As a file would have it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "null" if value is None else as_text(value)
