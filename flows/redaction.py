"""Settings that hold a secret and don't tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from tasks.connections.base import Settings


def guarded(kind: type[Settings], hidden: Mapping[str, Any]) -> type[Settings]:
    """The same settings, showing what stands in `hidden` for those keys wherever they are printed or dumped.

    The attributes themselves hold the real values: connections need them.
    """

    class Guarded(kind):  # type: ignore[valid-type,misc] # the class is known only as it runs
        def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
            for name, value in super().__repr_args__():
                yield name, hidden.get(name, value)

        @model_serializer(mode="wrap")
        def _without_secrets(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            return {name: hidden.get(name, value) for name, value in handler(self).items()}

    Guarded.__name__ = Guarded.__qualname__ = kind.__qualname__
    return Guarded
