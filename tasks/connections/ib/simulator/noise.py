"""Random numbers that depend on nothing but their names: the same question always has the same answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALL = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, con_id: int, day: Any, draw: Any) -> NDArray[np.float64]:
    """Numbers evenly spread over (0, 1], one for each (day, draw); arrays are broadcast.

    SplitMix64 (Steele, Lea and Flood 2014) hashes the names.
    """
    with np.errstate(over="ignore"):
        return np.asarray(_uniform(_mix(_state(seed, con_id, day, draw) + _GOLDEN)))


def normals(seed: int, con_id: int, day: Any, draw: Any) -> NDArray[np.float64]:
    """Standard normal numbers, one for each (day, draw): two uniform ones through the Box–Muller transform."""
    state = _state(seed, con_id, day, draw)
    with np.errstate(over="ignore"):
        first = _uniform(_mix(state + _GOLDEN))
        second = _uniform(_mix(state + _GOLDEN + _GOLDEN))
    return np.asarray(np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second))


def whole(seed: int, con_id: int, day: int, draw: int, below: int) -> int:
    """One whole number from 0 up to `below`, by its names; for a single one quicker than the arrays."""
    state = 0
    for name in (seed, con_id, day, draw):
        state = _mix_one(state ^ _mix_one((name + 0x9E3779B97F4A7C15) & _ALL))
    return state % below


def _mix_one(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _ALL
    return z ^ (z >> 31)


def _state(seed: int, con_id: int, day: Any, draw: Any) -> NDArray[np.uint64]:
    """The hash of the names, one after the other; plain numbers are mixed by themselves, which is quicker."""
    state: Any = 0
    with np.errstate(over="ignore"):
        for name in (seed, con_id, day, draw):
            if isinstance(name, int) and isinstance(state, int):
                state = _mix_one(state ^ _mix_one((name + int(_GOLDEN)) & _ALL))
            else:
                names = np.asarray(name, np.uint64) + _GOLDEN
                state = _mix(np.asarray(state, np.uint64) ^ _mix(names))
    return np.asarray(state, np.uint64)


def _mix(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(z: Any) -> Any:
    """In (0, 1]: the top 53 bits, never zero because a logarithm follows."""
    return ((z >> np.uint64(11)).astype(np.float64) + 1.0) / 2.0**53
