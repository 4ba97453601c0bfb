"""What the desk file may say of a connection of kind `ib`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.connections.base import Settings as BaseSettings
from tasks.connections.durations import Duration


def _parse_moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a moment such as 2022-12-28T20:45Z, got {value!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"say the zone of {value!r}, as in 2022-12-28T20:45Z")
    return moment


class Settings(BaseSettings):
    """Keys of a connection of kind `ib` in the desk file."""

    simulated: bool = Field(default=False, description="Start a simulated gateway for the run, and stop it with it")
    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535, description="TWS 7496, paper 7497; Gateway 4001, paper 4002")
    client_id: int = Field(default=17, ge=0, description="Other programs need others; runs at once take the next ones")
    timeout: Duration = Field(default=timedelta(seconds=10), description="For connecting")
    market_data: Literal["live", "delayed"] = Field(
        default="live",
        description="live: a contract without live data has no quote; delayed: takes delayed data there, marked so",
    )
    clock: Literal["wall", "gateway"] | None = Field(
        default=None, description="Whose time a run keeps; the gateway's where it is simulated, else the wall's"
    )
    seed: int = Field(default=7, ge=0, description="Of the simulated prices between closes")
    speed: float = Field(default=0.0, ge=0, description="Simulated seconds a second; 0 stands still")
    at: Annotated[datetime | None, BeforeValidator(_parse_moment)] = Field(
        default=None, description="Simulated time at the start; 15 minutes before the last session's close when absent"
    )
    faults: str | None = Field(
        default=None, description="A script of what the simulated gateway does wrong; see docs/simulator-faults.md"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if not self.simulated and self.port is None:
            raise ValueError("give the gateway's `port`, or `simulated: true`")
        if self.simulated and self.clock == "wall":
            raise ValueError("a simulated market keeps its own time: leave out `clock: wall`")
        if self.simulated and self.port is not None:
            raise ValueError("a simulated gateway takes a free port: leave out `port`, or `simulated`")
        if self.faults is not None and not self.simulated:
            raise ValueError("`faults` are a simulated gateway's: leave them out, or say `simulated: true`")
        return self
