"""`@task`: a function's signature is its contract.

Frames are parameters annotated `DataFrame[Schema]` (`DataFrame[S]` with a type variable passes any
kind through), values are parameters of plain types, connections are parameters of a connection
class, and `Run` or `OrderPolicy` parameters are injected. The decorated function stays plain: called
in a test it just runs. Inside a Prefect flow it is a Prefect task.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, update_wrapper, wraps
from typing import Any, Generic, Literal, ParamSpec, TypeVar, Union, overload

import pandas as pd
from pandera.typing import DataFrame

from schemas.frame import Frame
from tasks.connections.base import Connection
from tasks.run import OrderPolicy, Run
from tasks.validate import FrameBroken, projected, validated

P = ParamSpec("P")
R = TypeVar("R")

Kind = Literal["pure", "as_of", "now", "effect", "source"]
"""What a task does to the world.

pure: nothing; its output follows from its inputs.  as_of: reads it, and can be asked for a past
session.  now: reads it as it is now, and can't.  effect: changes it.  source: a stream of rows.
"""

INJECTED = (Run, OrderPolicy)


@dataclass(frozen=True)
class FrameInput:
    """A frame that a task takes."""

    name: str
    schema: type[Frame] | None
    """None: any kind of frame."""
    variable: str | None
    """The name of the type variable that it shares with the output, where there is one."""
    optional: bool
    has_default: bool = False
    """Whether the task declares that it can be left out: a lone step then binds another."""


@dataclass(frozen=True)
class Argument:
    """A value that a task takes."""

    name: str
    annotation: Any
    default: Any
    required: bool


@dataclass(frozen=True)
class Output:
    """A frame that a task yields."""

    field: str | None
    """Its name among several; None where it is the only one."""
    schema: type[Frame] | None
    """None: untyped, or as generic as `variable` says."""
    variable: str | None = None


class DeclarationError(TypeError):
    """A task is declared in a way that can't work; says which parameter and what to write."""


@dataclass(frozen=True)
class TaskSpec:
    """Everything that can be known of a task without calling it."""

    name: str
    kind: Kind
    function: Callable[..., Any]
    frames: Mapping[str, FrameInput]
    arguments: Mapping[str, Argument]
    connections: Mapping[str, type[Connection]]
    injected: Mapping[str, type]
    outputs: Mapping[str | None, Output]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def source(self) -> str:
        """Its source text, which the journal hashes."""
        return inspect.getsource(self.function)


class Task(Generic[P, R]):
    """A function with a contract.

    Calling it runs the function; inside a Prefect flow, it runs as a Prefect task.
    `submit`, `map` and `with_options` are those of that Prefect task, which is made
    at first use: declaring tasks doesn't import Prefect.
    """

    def __init__(self, function: Callable[P, R], kind: Kind) -> None:
        self.function = function
        self.kind = kind
        update_wrapper(self, function)

    @cached_property
    def spec(self) -> TaskSpec:
        """The contract. Raises `DeclarationError` where the signature can't be one."""
        return _read_signature(self.function, self.kind)

    @cached_property
    def prefect(self) -> Any:
        """The function as a Prefect task, for flows written by hand.

        It validates what it is given and what it returns, as a pipeline does, and neither caches
        nor persists: hashing a large frame costs more than most tasks.
        """
        import prefect
        from prefect.cache_policies import NO_CACHE

        return prefect.task(cache_policy=NO_CACHE, persist_result=False)(validating(self.function, self.spec))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if _in_prefect_flow():
            result: R = self.prefect(*args, **kwargs)
            return result
        return self.function(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit to the flow's task runner; returns a Prefect future."""
        return self.prefect.submit(*args, **kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Submit once for each item; returns Prefect futures."""
        return self.prefect.map(*args, **kwargs)

    def with_options(self, **options: Any) -> Any:
        """The Prefect task with other options."""
        return self.prefect.with_options(**options)

    def __repr__(self) -> str:
        return f"<{self.kind} task {self.function.__name__}>"


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *, reads: Literal["as_of", "now"] | None = None, effect: bool = False
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    function: Callable[P, R] | None = None,
    /,
    *,
    reads: Literal["as_of", "now"] | None = None,
    effect: bool = False,
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a task.

    Plain `@task` is pure. `@task(reads="as_of")` reads the world and can be asked for a past
    session, `@task(reads="now")` can't. `@task(effect=True)` changes the world: orders, alerts,
    writes that others see.
    """
    if reads and effect:
        raise DeclarationError("a task either reads the world or changes it: give `reads` or `effect`, not both")
    kind: Kind = "effect" if effect else reads or "pure"
    if function is not None:
        return Task(function, kind)
    return lambda undecorated: Task(undecorated, kind)


def source(function: Callable[P, R]) -> Task[P, R]:
    """Declare a source: a stream of rows, for `stream:` only."""
    return Task(function, "source")


def validating(function: Callable[P, R], spec: TaskSpec) -> Callable[P, R]:
    """The function with its frames held against their schemas: inputs projected, outputs strict.

    Raises `FrameBroken` naming the task, the schema, the check and the failing rows.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, frame in spec.frames.items():
            given = bound.arguments.get(name)
            if given is None and frame.optional:
                continue
            where = f"task `{spec.name}`: input `{name}`"
            if not isinstance(given, pd.DataFrame):
                raise FrameBroken(f"{where} is {type(given).__name__}, not a frame.")
            bound.arguments[name] = validated(projected(given, frame.schema), frame.schema, where)
        result = function(*bound.args, **bound.kwargs)
        for field_name, output in spec.outputs.items():
            made = result if field_name is None else getattr(result, field_name)
            validated(made, output.schema, f"task `{spec.name}`")
        return result

    return call


def _in_prefect_flow() -> bool:
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return FlowRunContext.get() is not None and TaskRunContext.get() is None


def _read_signature(function: Callable[..., Any], kind: Kind) -> TaskSpec:
    name = function.__name__
    hints = typing.get_type_hints(function, include_extras=True)
    frames: dict[str, FrameInput] = {}
    arguments: dict[str, Argument] = {}
    connections: dict[str, type[Connection]] = {}
    injected: dict[str, type] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise DeclarationError(f"task `{name}`: parameter `{parameter.name}` must be an ordinary named one")
        if parameter.name not in hints:
            raise DeclarationError(f"task `{name}`: parameter `{parameter.name}` needs a type")
        hint = hints[parameter.name]
        plain, optional = _without_none(hint)
        has_default = parameter.default is not inspect.Parameter.empty
        if frame := _frame_type(plain):
            if has_default and not (optional and parameter.default is None):
                raise DeclarationError(f"task `{name}`: frame `{parameter.name}` may only default to None")
            frames[parameter.name] = FrameInput(parameter.name, *frame, optional, has_default)
        elif isinstance(plain, type) and issubclass(plain, Connection):
            connections[parameter.name] = plain
        elif plain in INJECTED:
            injected[parameter.name] = plain
        else:
            default = parameter.default if has_default else None
            arguments[parameter.name] = Argument(parameter.name, hint, default, required=not has_default)
    outputs = _read_outputs(name, hints.get("return"), kind)
    return TaskSpec(name, kind, function, frames, arguments, connections, injected, outputs)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1 and len(rest) < len(typing.get_args(hint)):
            return rest[0], True
    return hint, False


def _frame_type(hint: Any) -> tuple[type[Frame] | None, str | None] | None:
    """(schema, type variable) of a frame's annotation; None where it is no frame."""
    if hint is pd.DataFrame:
        return None, None
    if typing.get_origin(hint) is not DataFrame:
        return None
    (content,) = typing.get_args(hint)
    if isinstance(content, TypeVar):
        bound = content.__bound__
        return (bound if bound is not None and bound is not Frame else None), content.__name__
    return content, None


def _read_outputs(name: str, hint: Any, kind: Kind) -> dict[str | None, Output]:
    if hint is None or hint is type(None):
        if kind != "effect":
            raise DeclarationError(f"task `{name}` must say what it returns: `-> DataFrame[Schema]`")
        return {}
    if kind == "source" and typing.get_args(hint) and not _frame_type(hint):
        hint = typing.get_args(hint)[0]
    if frame := _frame_type(hint):
        return {None: Output(None, *frame)}
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        fields = typing.get_type_hints(hint, include_extras=True)
        outputs: dict[str | None, Output] = {}
        for field_name, field_hint in fields.items():
            frame = _frame_type(field_hint)
            if frame is None:
                raise DeclarationError(f"task `{name}` returns `{field_name}`, which is not a `DataFrame[Schema]`")
            outputs[field_name] = Output(field_name, *frame)
        return outputs
    raise DeclarationError(f"task `{name}` must return `DataFrame[Schema]` or a NamedTuple of them, not {hint}")
