"""A plan as a Prefect flow: named as the file, with its parameters as a typed signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from flows.plan import Parameter, Plan

if TYPE_CHECKING:
    from prefect import Flow

RUN_FIELDS = (
    Parameter(
        "session",
        date | None,
        description="The trading session, if not that of its slot or of now. A past one never acts.",
    ),
    Parameter("again", Annotated[int, Ge(0)], 0, description="Repeat effects that were done, once more for each."),
)
"""What a run may be given beside its pipeline's parameters; the checker keeps their names free."""


def as_flow(
    plan: Plan,
    body: Callable[[dict[str, Any]], Any],
    run_name: str | None = None,
    fields: Sequence[Parameter] = (),
) -> Flow[..., Any]:
    """A Prefect flow for a plan.

    Parameters
    ----------
    plan
        A checked plan. Its parameters become keyword-only ones with types, bounds, choices and
        defaults; their descriptions become the fields' in Prefect's form.
    body
        Called with the parameters when the flow runs.
    run_name
        The flow run's name; Prefect invents one if there is none.
    fields
        Further parameters, after the plan's.
    """
    from prefect import flow

    run = as_function(plan, body, fields)
    return flow(name=plan.name, flow_run_name=run_name, persist_result=False)(run)


def as_function(
    plan: Plan, body: Callable[[dict[str, Any]], Any], fields: Sequence[Parameter] = ()
) -> Callable[..., Any]:
    """The function that a plan's flow is made of: its signature and its words, without Prefect's."""

    def run(**parameters: Any) -> Any:
        return body(parameters)

    parameters = [*plan.parameters.values(), *fields]
    signature = [_parameter(parameter) for parameter in parameters]
    run.__name__ = run.__qualname__ = plan.name
    run.__module__ = "flows.catalog"
    run.__doc__ = _docstring(plan, parameters)
    run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]  # read by inspect.signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in signature}
    return run


def _parameter(parameter: Parameter) -> inspect.Parameter:
    default = inspect.Parameter.empty if parameter.required else parameter.default
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=parameter.annotation
    )


def _docstring(plan: Plan, parameters: Sequence[Parameter]) -> str:
    """Google style: Prefect reads the fields' descriptions from `Args:`."""
    lines = [plan.file.description or plan.name]
    if parameters:
        lines += ["", "Args:"]
        lines += [f"    {each.name}: {' '.join((each.description or each.name).split())}" for each in parameters]
    return "\n".join(lines)
