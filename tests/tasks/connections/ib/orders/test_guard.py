"""Before a byte of an order is sent, the desk's policy is asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract, Quote
from tasks.connections.ib.orders.limits import Quoted, leg_faults, notional_of, price_faults
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Leg, Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import ConnectionProblem, DeadlinePassed, Refused
from tasks.connections.scope import Deadline

Make = Callable[..., Order]
Authorise = Callable[..., Broker]


def test_a_connection_that_nobody_authorised_is_read_only(
    broker: Broker, order: Make, session: date, wire: Any
) -> None:
    for act in (
        lambda: broker.place([order()], session),
        lambda: broker.modify("r1", quantity=1.0),
        lambda: broker.cancel(["r1"]),
        broker.cancel_all,
        lambda: broker.preview(order()),
    ):
        with pytest.raises(Refused, match="Nothing was sent: this connection is read-only"):
            act()
    assert wire == []


def test_no_code_gets_an_order_past_it(trader: Broker, order: Make, wire: list[bytes]) -> None:
    """Also one that goes to the client itself, on a connection that may trade."""
    from tasks.connections.ib.orders.wire import send_cancel, send_cancel_all, send_order

    bridge = trader._bridge()
    for send in (
        lambda client, number=0: send_order(client, 1, order()),
        lambda client, number=0: send_cancel(client, 1),
        lambda client, number=0: send_cancel_all(client),
    ):
        with pytest.raises(Refused, match=r"this connection is read-only, and a.* was asked of it"):
            bridge.ask("anything", "Anything", send, connection="gateway")
        with pytest.raises(Refused, match="read-only"):
            bridge.send("Anything", send)
    assert wire == []


def test_a_desk_that_plans_sends_nothing(authorised: Authorise, order: Make, session: date, wire: list[bytes]) -> None:
    with pytest.raises(Refused, match="the desk only plans orders"):
        authorised(mode="plan").place([order()], session)
    assert wire == []


def test_a_desk_that_asks_first_sends_nothing_that_nobody_was_asked_about(
    authorised: Authorise, order: Make, session: date, wire: list[bytes]
) -> None:
    (placed,) = authorised(mode="approve").place([order()], session)
    assert (placed.status, placed.reason) == ("refused", "nobody was asked to approve it")
    assert wire == []


@pytest.mark.parametrize(
    ("policy", "terms", "reason"),
    [
        ({"accounts": ["DU7"]}, {}, "account DU1234567 may not trade, only DU7"),
        ({"symbols": ["ES"]}, {}, "SPY may not be traded, only ES"),
        ({"quantity": 99}, {}, "100 contracts, 99 in one order allowed"),
        ({"notional": 39_999}, {"reference_price": 400.0}, "40,000 of notional, 39,999 in one order allowed"),
        ({"notional_per_day": 39_999}, {"reference_price": 400.0}, "40,000 of notional in DU1234567 on 2022-12-28"),
        ({"price_collar": 0.02}, {"order_type": "LMT", "limit_price": 400.0}, "400 is 5.7"),
    ],
)
def test_every_limit_is_held_against_each_order_by_the_connection_itself(
    authorised: Authorise,
    order: Make,
    session: date,
    wire: list[bytes],
    policy: dict[str, Any],
    terms: dict[str, Any],
    reason: str,
) -> None:
    trader = authorised(**policy)
    (placed,) = trader.place([order(**terms)], session)
    assert placed.status == "refused"
    assert placed.reason.startswith(reason), placed.reason
    assert wire == []
    assert trader.ledger.find("r1") is None


def test_a_price_that_a_task_makes_up_does_not_get_it_past_the_notional_limit(
    authorised: Authorise, order: Make, session: date
) -> None:
    """The market's own price counts, where it is higher: 100 SPY cost about 37,800."""
    (placed,) = authorised(notional=10_000).place([order(reference_price=0.01)], session)
    assert placed.status == "refused"
    assert "of notional, 10,000 in one order allowed" in placed.reason


def test_orders_of_a_minute_are_counted_over_all_runs(authorised: Authorise, order: Make, session: date) -> None:
    with authorised(orders_per_minute=3) as one:
        assert [placed.status for placed in one.place([order("a"), order("b")], session)] == ["filled", "filled"]
    two = authorised(orders_per_minute=3)
    (third,) = two.place([order("c")], session)
    (fourth,) = two.place([order("d")], session)
    assert (third.status, fourth.status) == ("filled", "refused")
    assert fourth.reason == "3 orders were sent in the last minute, 3 a minute allowed"


def test_a_kill_switch_stops_orders_and_lets_cancels_through(
    trader: Broker, order: Make, session: date, wire: list[bytes]
) -> None:
    trader.place([order(order_type="LMT", limit_price=300.0)], session)
    trader.halt.set("margin call")
    before = len(wire)
    for act in (lambda: trader.place([order("r2")], session), lambda: trader.modify("r1", quantity=50.0)):
        with pytest.raises(Refused, match=r"Trading is halted: margin call\. `hedgerow resume`"):
            act()
    assert len(wire) == before
    assert trader.cancel(["r1"])[0].status == "cancelled"
    assert trader.halt.clear()
    assert trader.place([order("r2")], session)[0].status == "filled"


def test_a_kill_switch_pulled_while_an_order_is_on_its_way_still_stops_it(
    trader: Broker, order: Make, session: date, wire: list[bytes]
) -> None:
    trader.open()
    begin = trader.ledger.begin

    def pulled(*args: Any, **named: Any) -> Any:
        intents = begin(*args, **named)
        trader.halt.set("now")
        return intents

    trader.ledger.begin = pulled  # type: ignore[method-assign]  # at the worst moment
    with pytest.raises(Refused, match="Trading is halted: now"):
        trader.place([order()], session)
    assert wire == []
    assert trader.ledger.used("DU1234567", session) == 0


def test_a_gateway_that_lacks_the_broker_gets_no_orders(
    gateway: SimulatedGateway, trader: Broker, order: Make, session: date, wire: list[bytes]
) -> None:
    bridge = trader._bridge()
    bridge.condition.hear(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
    with pytest.raises(ConnectionProblem, match=r"was not sent: the gateway at .* lacks the broker"):
        trader.place([order()], session)
    assert wire == []
    bridge.condition.hear(1102, "restored")
    assert trader.place([order()], session)[0].status == "filled"


def test_only_an_effect_of_the_present_acts(
    trader: Broker, order: Make, session: date, wire: list[bytes], in_a_run: Callable[..., Any]
) -> None:
    in_a_run(may_act=False)
    with pytest.raises(Refused, match="only an effect of the present session acts"):
        trader.place([order()], session)
    assert wire == []


def test_a_step_past_its_deadline_sends_nothing(
    trader: Broker, order: Make, session: date, wire: list[bytes], in_a_run: Callable[..., Any]
) -> None:
    trader.open()
    deadline = Deadline()
    deadline.abandon()
    in_a_run(deadline=deadline)
    with pytest.raises(DeadlinePassed):
        trader.place([order()], session)
    assert wire == []


QUOTE = Quote(756733, bid=99.0, ask=101.0, last=100.0, market_data="live")
COLLAR = OrderPolicy(price_collar=0.02)
NOTHING = Quoted({}, 0.0)


@pytest.mark.parametrize(
    ("terms", "faults"),
    [
        ({"action": "BUY", "order_type": "LMT", "limit_price": 103.02}, []),  # 101 × 1.02
        ({"action": "BUY", "order_type": "LMT", "limit_price": 103.03}, ["103.03 is 2.01% from the ask of 101"]),
        ({"action": "BUY", "order_type": "LMT", "limit_price": 50.0}, []),  # far away, and harmless
        ({"action": "SELL", "order_type": "LMT", "limit_price": 97.02}, []),  # 99 × 0.98
        ({"action": "SELL", "order_type": "LMT", "limit_price": 97.01}, ["97.01 is 2.01% from the bid of 99"]),
        ({"action": "SELL", "order_type": "LMT", "limit_price": 150.0}, []),
        ({"action": "BUY", "reference_price": 100.0}, []),
        ({"action": "BUY", "reference_price": 98.0}, ["98 is 2.97% from the ask of 101"]),  # the market ran away
        ({"action": "BUY", "reference_price": 104.0}, ["104 is 2.97% from the ask of 101"]),
        ({"action": "BUY"}, []),  # nothing was said of its price
        ({"action": "SELL", "order_type": "STP", "stop_price": 80.0}, []),
        ({"action": "SELL", "order_type": "STP LMT", "stop_price": 80.0, "limit_price": 78.41}, []),
        (
            {"action": "SELL", "order_type": "STP LMT", "stop_price": 80.0, "limit_price": 78.0},
            ["78 is 2.50% from the bid of 80"],
        ),
    ],
)
def test_a_price_may_cost_the_collars_fraction_beyond_the_quote(
    order: Make, terms: dict[str, Any], faults: list[str]
) -> None:
    found = list(price_faults(order(**terms), Quoted({756733: QUOTE}, time.monotonic()), COLLAR))
    assert [fault.partition(",")[0] for fault in found] == faults


@pytest.mark.parametrize(
    ("quote", "age", "fault"),
    [
        (None, 0.0, "there is no quote to hold its price against"),
        (Quote(1, reason="354"), 0.0, "there is no quote to hold its price against (354)"),
        (Quote(1, bid=99.0, market_data="live"), 0.0, "there is no quote to hold its price against"),
        (Quote(1, bid=99.0, ask=101.0, market_data="frozen"), 0.0, "its quote is frozen: no price to hold an order"),
        (Quote(1, bid=99.0, ask=101.0, market_data="delayed_frozen"), 0.0, "its quote is delayed frozen: no price"),
        (Quote(1, bid=99.0, ask=101.0, market_data="live", is_halted=True), 0.0, "trading in it is halted"),
        (Quote(1, bid=99.0, ask=101.0, market_data="live"), 10.1, "its quote is 10.1 s old, 10 s allowed"),
    ],
)
def test_without_a_good_quote_a_collar_refuses(order: Make, quote: Quote | None, age: float, fault: str) -> None:
    terms = {"order_type": "LMT", "limit_price": 100.0}
    quoted = Quoted({} if quote is None else {756733: quote}, time.monotonic() - age)
    assert next(price_faults(order(**terms), quoted, COLLAR)).startswith(fault)
    assert list(price_faults(order(**terms), quoted, OrderPolicy())) == []


def test_an_orders_notional_is_at_the_highest_price_that_is_known_of_it(order: Make) -> None:
    future = Contract(7, "MES", "FUT", "USD", multiplier="5")
    limit = order(contract=future, quantity=3.0, order_type="LMT", limit_price=4_000.0)
    assert notional_of(limit, NOTHING) == 60_000.0  # 3 × 4,000 × 5
    assert notional_of(limit, Quoted({7: Quote(7, bid=4_090.0, ask=4_100.0)}, 0.0)) == 61_500.0
    assert math.isnan(notional_of(order(), NOTHING))


SPREAD = Contract(symbol="AAPL", security_type="BAG", currency="USD", exchange="SMART")
CALLS = {
    number: Contract(number, "AAPL", "OPT", "USD", multiplier="100", strike=strike)
    for number, strike in ((1, 130.0), (2, 135.0))
}
CALL_QUOTES = {
    1: Quote(1, bid=3.0, ask=3.1, market_data="live"),
    2: Quote(2, bid=1.4, ask=1.5, market_data="live"),
}


def test_a_combination_is_held_against_its_legs(order: Make) -> None:
    """A call spread that costs 3.10 − 1.40 = 1.70 moves contracts of 4.60, a hundred times over."""
    spread = order(contract=SPREAD, quantity=2.0, legs=(Leg(1, 1, "BUY"), Leg(2, 1, "SELL")))
    quoted = Quoted(CALL_QUOTES, time.monotonic(), CALLS)
    assert notional_of(spread, quoted) == pytest.approx(2 * (3.1 + 1.5) * 100)
    fair, dear = (replace(spread, order_type="LMT", limit_price=price) for price in (1.78, 1.82))
    assert list(price_faults(fair, quoted, COLLAR)) == []  # 0.08 of 4.50 is 1.8 %
    assert [fault.partition(",")[0] for fault in price_faults(dear, quoted, COLLAR)] == [
        "1.82 is 2.67% from the ask of 1.7"
    ]
    assert list(leg_faults(spread, quoted, OrderPolicy(symbols=["AAPL"]))) == []
    assert list(leg_faults(spread, quoted, OrderPolicy(symbols=["SPY"]))) == ["its leg AAPL may not be traded"] * 2
    assert list(leg_faults(spread, NOTHING, OrderPolicy())) == [f"nobody knows what its leg {leg} is" for leg in (1, 2)]


def test_a_combinations_legs_are_asked_for_and_limited(authorised: Authorise, order: Make, session: date) -> None:
    pair = order(
        contract=Contract(symbol="SPY", security_type="BAG", currency="USD", exchange="SMART"),
        legs=(Leg(756733, 1, "BUY"), Leg(265598, 2, "SELL")),
    )
    (placed,) = authorised(symbols=["SPY"], notional=10_000).place([pair], session)
    assert placed.status == "refused"
    assert "of notional, 10,000 in one order allowed; its leg AAPL may not be traded" in placed.reason


def test_a_desk_that_names_no_account_sends_nothing(
    authorised: Authorise, order: Make, session: date, wire: Any
) -> None:
    (placed,) = authorised(accounts=[]).place([order()], session)
    assert (placed.status, placed.reason) == ("refused", "the desk's file names no account that may trade")
    assert wire == []


def test_the_most_cautious_mode_counts() -> None:
    modes = ["plan", "approve", "send"]
    for desk, most in zip(modes, range(3), strict=True):
        policy = OrderPolicy(mode=desk)  # type: ignore[arg-type]  # one of them
        assert [policy.most_cautious(mode) for mode in modes] == [modes[min(most, other)] for other in range(3)]  # type: ignore[arg-type]
        assert policy.most_cautious(None) == desk
    assert OrderPolicy().quote_age == timedelta(seconds=10)
