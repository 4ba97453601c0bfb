"""What a plain scalar stands for, by YAML 1.2's core schema.

`on`, `no`, `16:10`, `1_000` and dates are text; `0o17` and `0x1F` are numbers.
"""

from __future__ import annotations

import re
from typing import Any

LONGEST_NUMBER = 100
"""Digits of a whole number."""

_NULL = re.compile(r"(?:null|Null|NULL|~|)")
_TRUE = re.compile(r"(?:true|True|TRUE)")
_FALSE = re.compile(r"(?:false|False|FALSE)")
_INT = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")


def scalar(text: str) -> Any:
    """The value of a plain scalar's text. Raises `ValueError` for a whole number without end."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text) or _PREFIXED.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            raise ValueError(f"a whole number of {len(text)} digits is more than {LONGEST_NUMBER}")
        return int(text, 10 if _INT.fullmatch(text) else 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return float(f"{found[1]}inf")
    if _NAN.fullmatch(text):
        return float("nan")
    return text
