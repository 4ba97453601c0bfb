"""One Prefect flow a pipeline: named as the file, with its parameters as a typed signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flows.plan import Parameter, Plan

if TYPE_CHECKING:
    from prefect import Flow


def as_flow(plan: Plan, body: Callable[[dict[str, Any]], Any], run_name: str | None = None) -> Flow[..., Any]:
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
    """
    from prefect import flow

    def run(**parameters: Any) -> Any:
        return body(parameters)

    run.__name__ = run.__qualname__ = plan.name
    run.__doc__ = _docstring(plan)
    parameters = [_parameter(parameter) for parameter in plan.parameters.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flow(name=plan.name, flow_run_name=run_name, persist_result=False)(run)


def _parameter(parameter: Parameter) -> inspect.Parameter:
    default = inspect.Parameter.empty if parameter.required else parameter.default
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=parameter.annotation
    )


def _docstring(plan: Plan) -> str:
    """Google style: Prefect reads the fields' descriptions from `Args:`."""
    lines = [plan.file.description or plan.name]
    if plan.parameters:
        lines += ["", "Args:"]
        lines += [f"    {name}: {parameter.description or name}" for name, parameter in plan.parameters.items()]
    return "\n".join(lines)
