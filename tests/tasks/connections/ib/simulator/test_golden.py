"""Golden frames: the broker's own client and an independent one read the same from the gateway's messages."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.connections.ib.simulator.instruments import AAPL_CALL
from tasks.connections.ib.simulator.trading.forms import COMPLETED_ORDER, OPEN_ORDER, PLACE_ORDER
from tasks.connections.ib.simulator.trading.grammar import Values, read, write
from tasks.connections.ib.simulator.wire import Fields, encode

MAX = "1.7976931348623157E308"

ORDER: Values = {
    "orderId": 3,
    "conId": 265598,
    "symbol": "AAPL",
    "secType": "STK",
    "exchange": "SMART",
    "currency": "USD",
    "localSymbol": "AAPL",
    "tradingClass": "NMS",
    "action": "BUY",
    "totalQuantity": 100.0,
    "orderType": "LMT",
    "lmtPrice": 126.5,
    "tif": "GTC",
    "ocaGroup": "g",
    "ocaType": 1,
    "account": "DU1",
    "openClose": "O",
    "orderRef": "key",
    "clientId": 7,
    "permId": 1000000001,
    "parentId": 2,
    "exemptCode": -1,
    "algoStrategy": "Adaptive",
    "algoParams": [{"tag": "adaptivePriority", "value": "Normal"}],
    "conditions": [
        {
            "condType": 1,
            "conjunction": "a",
            "isMore": True,
            "price": 130.5,
            "conId": 756733,
            "exch": "SMART",
            "triggerMethod": 2,
        },
        {"condType": 3, "conjunction": "o", "isMore": False, "time": "20221229 15:00:00 US/Eastern"},
    ],
    "conditionsIgnoreRth": True,
    "status": "Submitted",
}

COMPLETED: Values = ORDER | {
    "status": "Filled",
    "filledQuantity": 100.0,
    "completedTime": "20221228 15:45:00 US/Eastern",
    "completedStatus": "Filled Size: 100",
}

COMBINATION: Values = {
    "orderId": 4,
    "conId": 28812380,
    "symbol": "AAPL,MSFT",
    "secType": "BAG",
    "exchange": "SMART",
    "currency": "USD",
    "action": "SELL",
    "totalQuantity": 10.0,
    "orderType": "LMT",
    "lmtPrice": -1.25,
    "account": "DU1",
    "exemptCode": -1,
    "comboLegs": [
        {"conId": 265598, "ratio": 2, "action": "BUY", "exchange": "SMART", "exemptCode": -1},
        {"conId": 272093, "ratio": 1, "action": "SELL", "exchange": "SMART", "exemptCode": -1},
    ],
    "orderComboLegs": [{"price": 1.5}, {"price": None}],
    "smartComboRoutingParams": [{"tag": "NonGuaranteed", "value": "1"}],
    "whatIf": True,
    "initMarginChange": 12.5,
    "commission": 2.0,
    "commissionCurrency": "USD",
    "status": "PreSubmitted",
}

NOT_SAID = {
    "open": {"mdSizeMultiplier"},  # obsolete: ib_async passes over it
    "completed": {"eTradeOnly", "firmQuoteOnly"},  # not in the message, and each client has its own default
    "versions": {"minSize", "sizeIncrement", "suggestedSizeIncrement"},  # from 164 on
}

HEAD = "265598|AAPL|STK||0|||SMART|USD|AAPL|NMS|BUY|100|LMT|126.5||GTC|g|DU1|O|0|key"
ALGORITHM = "Adaptive|1|adaptivePriority|Normal"
CONDITIONS = "2|1|a|1|130.5|756733|SMART|2|3|o|0|20221229 15:00:00 US/Eastern|1|0"

SIX, NINE = "|".join([MAX] * 6), "|".join([MAX] * 9)

FRAMES = {
    ("open", 157): (
        f"5|3|{HEAD}|7|1000000001|0|0|0||||||||||||0||-1|0||||||0|0|0|0||1|0|0||2|0||0|||0|0||||||0|0|0|||||0|||0|0|"
        f"{ALGORITHM}|0|0|Submitted|{NINE}||||||0|0|{CONDITIONS}||{SIX}|0||||{MAX}|0|0|0|0|"
    ),
    ("open", 178): (
        f"5|3|{HEAD}|7|1000000001|0|0|0|||||||||||0||-1|0||||||0|0|0|0||1|0|0||2|0||0|||0|0||||||0|0|0|||||0|||0|0|"
        f"{ALGORITHM}|0|0|Submitted|{NINE}||||||0|0|{CONDITIONS}||{SIX}|0||||{MAX}|0|0|0|0|"
        "||0||||||"
    ),
    ("completed", 157): (
        f"101|{HEAD}|1000000001|0|0|0|||||||||||0||-1||||||0|0|0||1|0||0|||0|0||||0|0|0|||||||0|0|{ALGORITHM}|0|Filled|0|0|"
        f"{CONDITIONS}|{MAX}|{MAX}|{MAX}|0|0||100|0|0||0|0|0|20221228 15:45:00 US/Eastern|Filled Size: 100|"
    ),
    ("completed", 178): (
        f"101|{HEAD}|1000000001|0|0|0||||||||||0||-1||||||0|0|0||1|0||0|||0|0||||0|0|0|||||||0|0|{ALGORITHM}|0|Filled|0|0|"
        f"{CONDITIONS}|{MAX}|{MAX}|{MAX}|0|0||100|0|0||0|0|0|20221228 15:45:00 US/Eastern|Filled Size: 100||||||"
    ),
}


def frame(kind: str, version: int, values: Values | None = None) -> bytes:
    if kind == "open":
        return encode(5, *write(OPEN_ORDER, values or ORDER, version))[4:]
    return encode(101, *write(COMPLETED_ORDER, values or COMPLETED, version))[4:]


def by_the_broker(payload: bytes, version: int = 157) -> list[Any]:
    """What the broker's own decoder makes of a message: the arguments of its callback."""
    from ibapi.decoder import Decoder
    from ibapi.wrapper import EWrapper

    told: list[Any] = []

    class Wrapper(EWrapper):  # type: ignore[misc]  # the broker's package ships no types
        def openOrder(self, *args: Any) -> None:  # noqa: N802  # its name
            told.extend(args)

        def completedOrder(self, *args: Any) -> None:  # noqa: N802
            told.extend(args)

        def contractDetails(self, *args: Any) -> None:  # noqa: N802
            told.extend(args)

    Decoder(Wrapper(), version).interpret(tuple(payload.split(b"\0")[:-1]))
    return told


def by_another(payload: bytes, version: int) -> list[Any]:
    """What ib_async's decoder makes of it."""
    from ib_async.decoder import Decoder

    told: list[Any] = []
    keep = SimpleNamespace(
        openOrder=lambda *args: told.extend(args),
        completedOrder=lambda *args: told.extend(args),
        contractDetails=lambda *args: told.extend(args),
    )
    Decoder(keep, version).interpret(payload.decode().split("\0")[:-1])  # type: ignore[arg-type]  # a wrapper of three
    return told


def alike(one: Any, other: Any, path: str = "", kind: str = "open") -> list[str]:
    """Where two decoded objects differ in the attributes that both know."""
    if hasattr(one, "tag") and hasattr(other, "tag"):
        return alike([one.tag, one.value], [other.tag, other.value], path, kind)
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        pairs = zip(one or [], other or [], strict=True)
        return [found for i, (a, b) in enumerate(pairs) for found in alike(a, b, f"{path}[{i}]", kind)]
    if hasattr(one, "__dict__") and hasattr(other, "__dict__"):
        names = sorted((set(vars(one)) & set(vars(other))) - NOT_SAID[kind])
        assert names
        return [
            found for name in names for found in alike(getattr(one, name), getattr(other, name), f"{path}.{name}", kind)
        ]
    nothing = (None, "", 0, -1, False)
    is_same = one == other or (one in nothing and other in nothing and one != -1 != other)
    if isinstance(one, int | float | str) and isinstance(other, int | float | str) and not is_same:
        try:
            is_same = math.isclose(float(one), float(other))
        except ValueError:
            is_same = False
    return [] if is_same else [f"{path}: {one!r} != {other!r}"]


@pytest.mark.parametrize(("kind", "version"), FRAMES)
def test_the_bytes_are_as_they_were(kind: str, version: int) -> None:
    assert frame(kind, version).decode().replace("\0", "|") == FRAMES[kind, version]


@pytest.mark.parametrize("values", [ORDER, COMBINATION])
def test_both_clients_read_the_same_open_order(values: Values) -> None:
    broker, another = by_the_broker(frame("open", 157, values)), by_another(frame("open", 157, values), 157)
    assert alike(broker, another) == []
    number, contract, order, state = another
    assert (number, contract.conId, order.permId) == (values["orderId"], values["conId"], values.get("permId", 0))
    assert (order.lmtPrice, order.totalQuantity, state.status) == (
        values["lmtPrice"],
        values["totalQuantity"],
        values["status"],
    )


def test_every_later_version_says_the_same() -> None:
    first = by_another(frame("open", 157), 157)
    for version in (159, 160, 162, 163, 164, 166, 169, 170, 173, 176, 177, 178):
        assert alike(first, by_another(frame("open", version), version)) == [], version
        assert alike(by_another(frame("completed", 157), 157), by_another(frame("completed", version), version)) == []


def test_both_clients_read_the_same_completed_order() -> None:
    broker, another = by_the_broker(frame("completed", 157)), by_another(frame("completed", 157), 157)
    assert alike(broker, another, kind="completed") == []
    _, order, state = another
    assert (order.filledQuantity, state.completedStatus) == (100, "Filled Size: 100")
    assert order.algoParams[0].value == "Normal"
    assert [condition.condType for condition in order.conditions] == [1, 3]


@pytest.mark.parametrize("con_id", [265598, AAPL_CALL.con_id, 416904])
def test_both_clients_read_the_same_contract(gateway: Any, hire: Any, con_id: int) -> None:
    def payload(version: int) -> bytes:
        trader = hire(gateway, version, version)
        issuer = [""] if version >= 176 else []
        trader.send(9, 8, 5, con_id, "", "", "", 0, "", "", "", "", "", "", "", 0, "", "", *issuer)
        (answer,) = [message for message in trader.settle() if message[0] == "10"]
        return encode(*answer)[4:]

    old = payload(157)
    assert alike(by_the_broker(old), by_another(old, 157)) == []
    assert alike(by_another(old, 157), by_another(payload(178), 178), kind="versions") == []
    assert by_another(old, 157)[1].contract.conId == con_id


class Line:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def isConnected(self) -> bool:  # noqa: N802  # the broker's name
        return True

    def sendMsg(self, message: bytes) -> int:  # noqa: N802
        self.sent.append(message[4:])
        return len(message)


def placed_by_the_broker(contract: Any, order: Any) -> Values:
    """What the gateway reads of an order that the broker's own client has written at version 157."""
    from ibapi.client import EClient
    from ibapi.wrapper import EWrapper

    client = EClient(EWrapper())
    client.conn, client.serverVersion_, client.connState = Line(), 157, EClient.CONNECTED
    client.placeOrder(8, contract, order)
    fields = Fields(client.conn.sent[0])
    assert fields.whole("message id") == 3
    return read(PLACE_ORDER, fields, 157)


def placed_by_another(contract: Any, order: Any, version: int) -> Values:
    """The same of ib_async."""
    from ib_async.client import Client

    client = Client(SimpleNamespace())
    client._serverVersion, client.connState = version, Client.CONNECTED
    sent: list[str] = []
    client.sendMsg = sent.append  # type: ignore[method-assign]  # nothing goes out
    client.placeOrder(8, contract, order)
    fields = Fields(sent[0].encode())
    assert fields.whole("message id") == 3
    return read(PLACE_ORDER, fields, version)


def plain() -> tuple[Any, Any, Any, Any]:
    from ib_async import ComboLeg as TheirLeg
    from ib_async import Contract as TheirContract
    from ib_async import Order as TheirOrder
    from ib_async import TagValue as TheirTag
    from ib_async.order import OrderComboLeg as TheirPrice
    from ibapi.contract import ComboLeg, Contract
    from ibapi.order import Order, OrderComboLeg
    from ibapi.tag_value import TagValue

    contract, order = Contract(), Order()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "AAPL,MSFT", "BAG", "SMART", "USD"
    leg = ComboLeg()
    leg.conId, leg.ratio, leg.action, leg.exchange = 265598, 1, "BUY", "SMART"
    contract.comboLegs = [leg]
    order.action, order.totalQuantity, order.orderType, order.lmtPrice = "BUY", 5, "LMT", 1.25
    order.eTradeOnly, order.firmQuoteOnly = False, False
    order.orderComboLegs = [OrderComboLeg()]
    order.algoStrategy, order.algoParams = "Adaptive", [TagValue("adaptivePriority", "Urgent")]
    order.hedgeType, order.hedgeParam = "B", "x"
    order.scalePriceIncrement, order.scaleInitLevelSize = 0.5, 10
    order.deltaNeutralOrderType, order.deltaNeutralConId = "MKT", 44
    theirs = TheirContract(symbol="AAPL,MSFT", secType="BAG", exchange="SMART", currency="USD")
    theirs.comboLegs = [TheirLeg(conId=265598, ratio=1, action="BUY", exchange="SMART")]
    their_order = TheirOrder(
        action="BUY",
        totalQuantity=5,
        orderType="LMT",
        lmtPrice=1.25,
        orderComboLegs=[TheirPrice()],
        algoStrategy="Adaptive",
        algoParams=[TheirTag("adaptivePriority", "Urgent")],
        hedgeType="B",
        hedgeParam="x",
        scalePriceIncrement=0.5,
        scaleInitLevelSize=10,
        deltaNeutralOrderType="MKT",
        deltaNeutralConId=44,
    )
    return contract, order, theirs, their_order


def test_an_order_reads_the_same_whoever_has_written_it() -> None:
    contract, order, theirs, their_order = plain()
    ours = placed_by_the_broker(contract, order)
    assert (ours["lmtPrice"], ours["hedgeParam"], ours["scaleInitLevelSize"], ours["deltaNeutralConId"]) == (
        *(1.25, "x", 10, 44),
    )
    for version in (157, 158, 160, 162, 166, 169, 170, 176, 177, 178):
        read_back = placed_by_another(theirs, their_order, version)
        shared = set(ours) & set(read_back) - {"openClose", "usePriceMgmtAlgo", "cashQty"}
        assert {name: ours[name] for name in shared} == {name: read_back[name] for name in shared}, version
        assert len(shared) > 90


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PEG BENCH", {"referenceContractId": 7, "peggedChangeAmount": 0.1, "referenceChangeAmount": 0.2}),
        ("PEG BEST", {"minCompeteSize": 5, "competeAgainstBestOffset": math.inf, "midOffsetAtWhole": 0.1}),
        ("PEG MID", {"midOffsetAtWhole": 0.25, "midOffsetAtHalf": 0.5}),
    ],
)
def test_every_group_of_fields_is_read_where_it_belongs(kind: str, options: dict[str, Any]) -> None:
    from ib_async import Order, Stock

    order = Order(action="BUY", totalQuantity=5, orderType=kind, extOperator="me", duration=9, **options)
    values = placed_by_another(Stock("AAPL", "IBKRATS", "USD"), order, 178)
    assert values["duration"] == 9
    assert values["extOperator"] == "me"
    assert {name: values[name] for name in options} == options
