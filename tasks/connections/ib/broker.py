"""The connection of kind `ib`: Interactive Brokers' TWS or Gateway, or a simulated one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, model_validator

from tasks.connections.base import Connection
from tasks.connections.base import Settings as BaseSettings
from tasks.connections.clock import Clock
from tasks.connections.durations import Duration
from tasks.connections.ib.contracts import Contract, ContractDetails, DailyBar, Position, Quote
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge
    from tasks.connections.ib.pool import Shared
    from tasks.connections.ib.simulator.gateway import SimulatedGateway

MARKET_DATA_TYPE = {"live": 1, "delayed": 3}

PROBES = range(900_000, 1_000_000)
"""Client ids of those who only ask how the gateway is."""

ROUTES = {"CASH": "IDEALPRO", "CRYPTO": "PAXOS"}
NOT_ROUTED = {"FUT", "FOP", "IND", "CMDTY", "FUND"}
"""Types for which the broker wants the exchange by its name; others go to SMART."""


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

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if not self.simulated and self.port is None:
            raise ValueError("give the gateway's `port`, or `simulated: true`")
        if self.simulated and self.clock == "wall":
            raise ValueError("a simulated market keeps its own time: leave out `clock: wall`")
        if self.simulated and self.port is not None:
            raise ValueError("a simulated gateway takes a free port: leave out `port`, or `simulated`")
        return self


class GatewayClock:
    """The time that a gateway tells, to the second: for a simulated one in another process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def now(self) -> pd.Timestamp:
        """The moment. Raises `ConnectionProblem` where the gateway doesn't tell it."""
        return pd.Timestamp(self._broker.current_time(), unit="s", tz="UTC").as_unit("ns")


class Broker(Connection):
    """Reads accounts, positions, contracts, daily bars and quotes; it sends no order.

    Every method connects when need be, also after a dropped connection, and waits no longer than
    the running step has time. Each raises `ConnectionProblem` where another try may succeed,
    `Refused` where the gateway says no for good, and `DataProblem` for what it doesn't know.
    """

    kind: ClassVar[str] = "ib"
    Settings: ClassVar[type[BaseSettings]] = Settings

    def __init__(self, name: str, settings: Any, folder: Path) -> None:
        super().__init__(name, settings, folder)
        self._simulated: SimulatedGateway | None = None
        self._shared: Shared | None = None

    def clock(self) -> Clock | None:
        """The clock that a run on this connection keeps, before connecting; None: the wall's."""
        if self.settings.simulated:
            with self._opening:
                return self._gateway().clock
        return GatewayClock(self) if self.settings.clock == "gateway" else None

    def check_health(self) -> str:
        """Connect, with a client id of its own so that a run under way isn't in the way, and ask for the time."""
        if not self.settings.simulated:
            own = self.settings.model_copy(update={"client_id": random.choice(PROBES)})  # noqa: S311 - guards nothing
            with Broker(self.name, own, self.folder) as probe:
                return f"{own.host}:{own.port}, {probe._told()}"
        self.open()
        return f"simulated, {self._told()}"

    def _told(self) -> str:
        now = pd.Timestamp(self.current_time(), unit="s")
        return f"{', '.join(self.accounts()) or 'no accounts'}, {now:%Y-%m-%d %H:%M:%S} UTC there"

    def accounts(self) -> list[str]:
        """The accounts that this login manages."""
        return list(self._bridge().accounts)

    def current_time(self) -> int:
        """The gateway's time, in seconds since 1970."""
        return self._bridge().current_time(self._timeout)

    def positions(self, timeout: float = 30.0) -> list[Position]:
        """Every account's positions, closed ones (quantity 0) too: the broker tells of both."""
        rows: list[Position] = self._bridge().positions(self.name, timeout)
        return list({(row.account, row.contract.con_id): row for row in rows}.values())

    def contract_details(self, contract: Contract, timeout: float = 30.0) -> list[ContractDetails]:
        """Every contract that fits the description. Raises `DataProblem` where none does."""
        from tasks.connections.ib.client import wire_contract

        bridge = self._bridge()
        wire = wire_contract(contract)
        request = bridge.ask(
            "contract details",
            f"Details of {contract}",
            lambda client, number: client.reqContractDetails(number, wire),
            connection=self.name,
            con_id=contract.con_id or None,
            timeout=timeout,
        )
        try:
            return request.wait(current())
        finally:
            bridge.forget(request)

    def daily_history(
        self, contracts: Sequence[Contract], sessions: int, adjusted: bool = True, timeout: float = 60.0
    ) -> dict[int, list[DailyBar] | DataProblem]:
        """The latest daily bars by contract id, oldest first, or why there are none.

        In a session the last bar is the session's so far. `adjusted` closes are those of the
        broker's ADJUSTED_LAST, for splits and dividends, which always end now.

        Parameters
        ----------
        contracts
            With their ids; one that is named twice is asked once.
        sessions
            How many bars; there may be more where they are over 365.
        timeout
            Seconds for each answer.
        """
        from tasks.connections.ib.fanout import ask_all

        bridge, shared = self._bridge(), self._borrowed()
        routed = self._routed(contracts)
        answers = ask_all(
            [contract for contract in routed.values() if isinstance(contract, Contract)],
            lambda contract: shared.histories.ask(bridge, contract, sessions, adjusted, self.name, timeout),
            lambda request: shared.histories.cancel(bridge, request),
            shared.histories.slots,
            "daily history",
        )
        bars: dict[int, list[DailyBar] | DataProblem] = {}
        for con_id, contract in routed.items():
            answer = answers[con_id] if isinstance(contract, Contract) else contract
            if isinstance(answer, Problem) and not isinstance(answer, DataProblem):
                raise answer
            bars[con_id] = answer
        return bars

    def quotes(self, contracts: Sequence[Contract], timeout: float = 20.0) -> dict[int, Quote]:
        """A snapshot of the market in each contract, by its id.

        A contract whose request fails, or has no answer within `timeout` seconds, gets a quote
        without prices that says why; only where that is so for all of them does it raise.
        """
        from tasks.connections.ib.client import wire_contract
        from tasks.connections.ib.fanout import ask_all
        from tasks.connections.ib.snapshots import read_quote

        bridge, shared = self._bridge(), self._borrowed()
        routed = self._routed(contracts)
        answers: dict[int, list[Any] | Problem] = dict(
            ask_all(
                [contract for contract in routed.values() if isinstance(contract, Contract)],
                lambda contract: bridge.ask(
                    "quote",
                    f"Quote of {contract}",
                    lambda client, number: client.reqMktData(number, wire_contract(contract), "", True, False, []),
                    connection=self.name,
                    con_id=contract.con_id,
                    timeout=timeout,
                ),
                lambda request: bridge.cancel(request, lambda client: client.cancelMktData(request.number)),
                shared.lines,
                "quotes",
            )
        )
        answers |= {con_id: problem for con_id, problem in routed.items() if isinstance(problem, Problem)}
        lost = [answer for answer in answers.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and (len(lost) == len(answers) or not bridge.alive):
            raise lost[0]
        return {
            con_id: Quote(con_id, reason=str(answer))
            if isinstance(answer, Problem)
            else read_quote(con_id, answer, bridge.is_simulated)
            for con_id, answer in answers.items()
        }

    @property
    def _timeout(self) -> float:
        seconds: float = self.settings.timeout.total_seconds()
        return seconds

    def _gateway(self) -> SimulatedGateway:
        from tasks.connections.ib.simulator.gateway import SimulatedGateway

        if self._simulated is None:
            settings = self.settings
            self._simulated = SimulatedGateway(now=settings.at, speed=settings.speed, seed=settings.seed)
        return self._simulated

    def _open(self) -> None:
        from tasks.connections.ib.package import check_package

        check_package()
        from tasks.connections.ib.pool import Address, borrow

        settings = self.settings
        host, port = settings.host, settings.port
        if settings.simulated:
            gateway = self._gateway().start()
            host, port = gateway.host, gateway.port
        address = Address(host, port, settings.client_id, MARKET_DATA_TYPE[settings.market_data])
        self._shared = borrow(address, None if settings.simulated else self.folder)
        try:
            self._shared.bridge(self._timeout)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        from tasks.connections.ib.pool import give_back

        if self._shared is not None:
            shared, self._shared = self._shared, None
            give_back(shared)
        if self._simulated is not None:
            self._simulated.stop()

    def _borrowed(self) -> Shared:
        shared = self._shared
        if shared is None:
            raise ConnectionProblem(f"The connection `{self.name}` was closed while it was used.")
        return shared

    def _bridge(self) -> Bridge:
        current().deadline.check(f"A request to `{self.name}`")
        self.open()
        return self._borrowed().bridge(self._timeout)

    def _routed(self, contracts: Sequence[Contract]) -> dict[int, Contract | DataProblem]:
        """Each contract once, with an exchange; its own where the broker doesn't route the type."""
        routed: dict[int, Contract | DataProblem] = {}
        for contract in contracts:
            if contract.con_id in routed:
                continue
            exchange = ROUTES.get(contract.security_type, "SMART")
            try:
                if contract.security_type in NOT_ROUTED:
                    exchange = contract.exchange or self._exchange_of(contract)
                routed[contract.con_id] = _at(contract, exchange)
            except DataProblem as problem:
                routed[contract.con_id] = problem
        return routed

    def _exchange_of(self, contract: Contract) -> str:
        (details, *_) = self.contract_details(Contract(con_id=contract.con_id))
        return details.contract.exchange


def _at(contract: Contract, exchange: str) -> Contract:
    """Its id and where: what the broker needs; with the symbol, type and currency, for those who read the wire."""
    return Contract(
        contract.con_id, contract.symbol, contract.security_type, contract.currency, exchange, contract.multiplier
    )
