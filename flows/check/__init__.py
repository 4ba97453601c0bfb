"""Is a pipeline file right? A module a rule, or a small family of them; a section of docs/checks.md a code."""

from flows.check.pipeline import Checked, check_file, render

__all__ = ["Checked", "check_file", "render"]
