"""Every key of a pipeline file and what it may hold, as pydantic models.

These say the shape of a file; what its names refer to is for `flows.check`. Keys that are
words of Python carry an underscore here (`in_`, `with_`, `from_`, `schema_`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from flows.notation import Bound, Cron, DaskAddress, Inputs, Items, Keep, Moment, Name, PortText, WhenText
from flows.notation import SessionTime as SessionTime
from flows.values import shown
from tasks.connections.durations import Duration
from tasks.run import OrderPolicy


class Model(BaseModel):
    """A part of a file: unknown keys are errors, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RetryKeys(Model):
    """`retry:` in full. The n-th wait is delay × backoff^n."""

    times: int = Field(ge=0, le=50)
    delay: Duration = timedelta(seconds=1)
    backoff: float = Field(default=1.0, ge=1, le=10)


def _retry(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"times": value}
    if isinstance(value, (dict, RetryKeys)):
        return value
    raise ValueError(f"expected a number of times, or `{{times, delay, backoff}}`, got {shown(value)}")


RetryPolicy = Annotated[RetryKeys, BeforeValidator(_retry)]
"""`retry: 2`, or `{times, delay, backoff}`."""


class Window(Model):
    """When a log's rows are passed on: whichever fills first."""

    every: Duration | None = None
    rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _some(self) -> Window:
        if self.every is None and self.rows is None:
            raise PydanticCustomError("shape", "give `every`, `rows` or both")
        return self


class Buffer(Model):
    """How many rows may wait, and what happens when they are more."""

    rows: int = Field(ge=1)
    full: Literal["block", "drop_oldest"] = "block"


class Schedule(Model):
    """When it runs: `{calendar, at}`, `{calendar, from, until, every}`, `{cron, timezone}` or `{after}`."""

    calendar: str | None = Field(default=None, description="An exchange calendar, such as XNYS")
    at: Moment | None = Field(default=None, description="Once a session, such as `close - 15m`")
    from_: Moment | None = Field(default=None, alias="from", description="Start of a span of the session")
    until: Moment | None = Field(default=None, description="End of that span")
    every: Duration | None = Field(default=None, description="How often within the span")
    cron: Cron | None = Field(default=None, description="Minute, hour, day, month, weekday")
    timezone: str | None = Field(default=None, description="What cron's times are in, such as America/New_York")
    after: str | None = Field(default=None, description="After every successful run of this pipeline")
    missed: Literal["skip", "run"] = Field(default="skip", description="What to do about a slot that nobody was up for")

    @model_validator(mode="after")
    def _one_form(self) -> Schedule:
        given = {
            (field.alias or name) for name, field in type(self).model_fields.items() if getattr(self, name) is not None
        } - {"missed"}
        forms = [{"calendar", "at"}, {"calendar", "from", "until"}, {"cron", "timezone"}, {"after"}]
        if given not in [*forms, {"calendar", "from", "until", "every"}]:
            raise PydanticCustomError(
                "shape",
                "expected `{calendar, at}`, `{calendar, from, until}` with `every` or without, "
                "`{cron, timezone}` or `{after}`",
            )
        return self


class ParameterKeys(Model):
    """`params:` in full."""

    default: Any = None
    description: str = ""
    min: Bound = None
    max: Bound = None
    enum: list[Any] | None = Field(default=None, min_length=1)
    type: Literal["str", "int", "float", "bool", "date", "duration", "list"] | None = None

    @property
    def required(self) -> bool:
        """Whether it must be given: it has no default."""
        return "default" not in self.model_fields_set


def _parameter(value: Any) -> Any:
    return value if isinstance(value, dict) else {"default": value}


ParameterPolicy = Annotated[ParameterKeys, BeforeValidator(_parameter)]
"""`name: default`, or `name: {default, description, min, max, enum, type}`."""


class Defaults(Model):
    """Run policy of every step that doesn't state its own; effects don't inherit `retry`."""

    retry: RetryPolicy | None = None
    timeout: Duration | None = None


class Source(Model):
    """A stream that feeds the graph."""

    task: str
    in_: Inputs | None = Field(default=None, alias="in")
    with_: dict[str, Any] = Field(default={}, alias="with")
    keep: Keep = Field(
        default="all", description="`all`: each row once, a log; `latest`: a table by key; a duration: a sliding log"
    )
    begin: PortText | None = Field(default=None, description="A step whose rows enter first")
    window: Window | None = None
    buffer: Buffer | None = None
    max_age: Duration | None = Field(default=None, description="Older than this, it marks what it feeds as stale")


class Step(Model):
    """A step: a task, or another pipeline in its place, with its frames and values."""

    task: str | None = None
    pipeline: str | None = None
    in_: Inputs | None = Field(default=None, alias="in", description="The frames it takes")
    with_: dict[str, Any] = Field(default={}, alias="with", description="The values it takes")
    last: dict[str, PortText] = Field(default={}, description="Frames of the run before this one")
    each: Items | None = Field(default=None, description="Run once for each of these; the rows are put together")
    when: WhenText | None = Field(default=None, description="Run only if that step has rows, or has none")
    after: list[Name] = Field(default=[], description="Steps that must have ended, with no frame taken from them")
    every: Duration | None = Field(default=None, description="In a stream, at most once in this long")
    max_age: Duration | None = Field(default=None, description="In a stream, how old its inputs may be")
    schema_: str | None = Field(default=None, alias="schema", description="The schema of an untyped frame")
    retry: RetryPolicy | None = None
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Step:
        if (self.task is None) == (self.pipeline is None):
            raise PydanticCustomError("shape", "give `task`, or `pipeline` in its place")
        return self


class FailureStep(Model):
    """What to do when a run fails: a task that takes no frame."""

    task: str
    with_: dict[str, Any] = Field(default={}, alias="with")
    retry: RetryPolicy | None = None
    timeout: Duration | None = None


class JournalKeys(Model):
    """`journal:` of a desk file: how long frames stay that no effect came from and that can be computed again."""

    sessions: int = Field(default=30, ge=1, description="Days on which the desk ran")
    budget: ByteSize = Field(default=ByteSize(20 * 10**9), gt=0, description="Their bytes, such as 20GB; newest first")


class SecretKeys(Model):
    """Where the desk's secrets are: `$secret.name` is looked for in these, in order."""

    from_: list[Literal["environment", "file", "keyring", "prefect"]] | None = Field(
        default=None,
        alias="from",
        min_length=1,
        description="In which order; by default the environment, then the file",
    )
    file: str | None = Field(
        default=None,
        min_length=1,
        description="A YAML file of names and texts, in no repository, of mode 0600",
    )
    service: str = Field(default="hedgerow", min_length=1, description="Of the system's keyring")

    @property
    def sources(self) -> list[str]:
        """In which order they are asked."""
        if self.from_ is not None:
            return list(self.from_)
        return ["environment"] if self.file is None else ["environment", "file"]

    @model_validator(mode="after")
    def _fits_together(self) -> SecretKeys:
        if "file" in self.sources and self.file is None:
            raise PydanticCustomError(
                "shape", "`from` names a file: say which (`file: ~/.config/hedgerow/secrets.yaml`)"
            )
        if self.file is not None and "file" not in self.sources:
            raise PydanticCustomError("shape", "`file` is given, and `from` doesn't name it: add `file` to it")
        if len(set(self.sources)) < len(self.sources):
            raise PydanticCustomError("shape", "`from` names a place twice")
        return self


class DeskKeys(Model):
    """What a desk file may say, and each of its profiles again."""

    name: str = Field(default="desk", min_length=1)
    data: str = Field(default=".hedgerow", min_length=1, description="The folder of data, from the project's root")
    connections: dict[Name, dict[str, Any]] = {}
    secrets: SecretKeys = SecretKeys()
    orders: OrderPolicy = OrderPolicy()
    journal: JournalKeys = JournalKeys()


class DeskFile(DeskKeys):
    """The desk file, `_desk.yaml`."""

    profiles: dict[Name, dict[str, Any]] = {}


class RunnerKeys(Model):
    """`runner:` in full: where pure steps are computed; None: on threads of the run's process."""

    dask: DaskAddress | None = None


def _runner(value: Any) -> Any:
    if value == "threads":
        return {}
    if isinstance(value, RunnerKeys) or (isinstance(value, dict) and value):
        return value
    raise ValueError(f"expected `threads`, or `{{dask: tcp://host:8786}}`, got {shown(value)}")


Runner = Annotated[RunnerKeys, BeforeValidator(_runner)]
"""`runner: threads`, or `{dask: tcp://host:8786}`."""


class PipelineFile(Model):
    """A pipeline file. Keys that begin with `x-` are for anchors, and are left out before this."""

    description: str = ""
    schedule: Schedule | None = None
    params: dict[Name, ParameterPolicy] = {}
    defaults: Defaults = Defaults()
    stream: dict[Name, Source] = {}
    steps: dict[Name, Step] = Field(min_length=1)
    output: PortText | None = None
    overlap: Literal["refuse", "queue"] = "refuse"
    runner: Runner = Field(default=RunnerKeys(), description="`threads`, or the address of a Dask cluster")
    on_failure: FailureStep | None = None
