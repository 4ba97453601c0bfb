"""People who are told: by mail, text message, chat and webhook, through Apprise; or by the log alone."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field

from tasks.connections import base
from tasks.connections.clock import WallClock
from tasks.connections.durations import Duration
from tasks.connections.notify_ledger import AlertLedger
from tasks.connections.notify_message import Delivery, Message, Undelivered
from tasks.connections.notify_places import Place, send_by_apprise
from tasks.connections.problems import ConnectionProblem, Problem
from tasks.connections.scope import current, note

log = logging.getLogger("hedgerow.alerts")


def _address(address: str) -> str:
    # Addresses carry their passwords: they are never quoted. An empty one stands for a secret not looked up yet.
    if address and "://" not in address:
        raise ValueError("not the address of a service: one begins as in mailtos://, twilio://, slack:// or log://")
    return address


def _addresses(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


Addresses = Annotated[list[Annotated[str, AfterValidator(_address)]], BeforeValidator(_addresses), Field(min_length=1)]
"""One address, or several in a list."""


class Notifier(base.Connection):
    """Sends messages to the channels that the desk file names."""

    kind: ClassVar[str] = "notify"

    class Settings(base.Settings):
        channels: dict[str, Addresses] = Field(
            default={},
            description="Where each `to` goes: one or several Apprise URLs, as mailtos://, twilio://, slack://, "
            "workflows:// (Teams), jsons:// (a webhook), or log://",
        )
        timeout: Duration = Field(
            default=timedelta(seconds=10), gt=timedelta(0), description="How long a service may take to answer"
        )

    @property
    def ledger(self) -> AlertLedger:
        """What the desk has told, on disk."""
        return AlertLedger(self.folder)

    def _open(self) -> None:
        pass

    def _close(self) -> None:
        pass

    def check_health(self) -> str:
        """Say who can be told and by what. Nothing is sent. Raises `Problem` naming addresses that can't be read."""
        self.open()
        wrong = []
        told = []
        for channel, addresses in self.settings.channels.items():
            places = _named(addresses)
            for name, place in places:
                if not place.is_log:
                    try:
                        place.service()
                    except Undelivered as error:
                        wrong.append(f"`{channel}` by {name}: {error.reason}")
            told.append(f"{channel} by {', '.join(name for name, _ in places)}")
        if wrong:
            raise Problem(f"Alerts can't be sent to {'; '.join(wrong)}.", "Mend the address in the desk file.")
        waiting = self.ledger.waiting()
        since = f"; {len(waiting)} in wait for a digest since {waiting[0].time:%Y-%m-%d %H:%M} UTC" if waiting else ""
        return f"reaches {'; '.join(told)}{since}" if told else f"no channels: alerts are in the log only{since}"

    def send(self, to: str, message: Message) -> tuple[Delivery, ...]:
        """Tell a channel, at each of its places.

        A place that took the message under the same key before isn't told again. Where it isn't known whether it
        did, as after a crash between sending and the answer, it is told again: mail with the same Message-ID, which
        mail programs show once; any other with a remark that it may be a repeat.

        Returns
        -------
        tuple of Delivery
            One a place, in the order of the desk file; at least one arrived.

        Raises
        ------
        DeadlinePassed
            The step ran out of its time before anything was sent.
        ConnectionProblem
            No place took it; the reasons. Another try may do.
        """
        current().deadline.check(f"Alert “{message.title}”")
        if to not in self.settings.channels:
            note(f"`{self.name}` has no channel for `{to}`: the alert is in the log only")
            return (_logged("log", to, message),)
        deliveries = [self._deliver(to, name, place, message) for name, place in _named(self.settings.channels[to])]
        failed = [each for each in deliveries if each.status == "failed"]
        for each in deliveries:
            if each.reason:
                note(f"{to} by {each.by}: {each.reason}")
        if len(failed) == len(deliveries):
            _logged("log", to, message)
            reasons = "; ".join(f"{each.by}: {each.reason}" for each in failed)
            raise ConnectionProblem(
                f"Alert “{message.title}” reached nobody at `{to}`: {reasons}.", "It is in the log."
            )
        return tuple(deliveries)

    def _deliver(self, to: str, name: str, place: Place, message: Message) -> Delivery:
        """Send to one place, and write down that it was."""
        if place.is_log:
            return _logged(name, to, message)
        seconds = current().deadline.remaining(self.settings.timeout.total_seconds())
        if not seconds:
            return Delivery(name, "failed", "the step ran out of its time before it")
        ledger = self.ledger
        at = f"{to}/{name}"
        state = ledger.begin(message.key, at, _now()) if message.key else "new"
        if state == "sent":
            return Delivery(name, "sent", "had it already: not sent again")
        try:
            remarks = _sent(
                place, message.maybe_again() if state == "unknown" and not place.is_mail else message, seconds
            )
        except Undelivered as error:
            if message.key and not error.maybe:
                ledger.refused(message.key, at)
            log.warning("%s by %s failed: %s", to, name, error.reason)
            return Delivery(name, "failed", error.reason)
        if message.key:
            ledger.arrived(message.key, at, _now())
        log.info("%s told by %s: %s", to, name, message.title)
        if state == "unknown":
            remarks.append("sent again: it isn't known whether it arrived before")
        return Delivery(name, "sent", "; ".join(remarks))


def _sent(place: Place, message: Message, seconds: float) -> list[str]:
    if place.is_mail:
        from tasks.connections.notify_mail import send_by_mail

        return send_by_mail(place, message, seconds)
    return send_by_apprise(place, message, seconds)


def _logged(name: str, to: str, message: Message) -> Delivery:
    log.warning("%s: %s%s", to, message.title, f"\n{message.text}" if message.text else "")
    return Delivery(name, "logged")


def _named(addresses: list[str]) -> list[tuple[str, Place]]:
    """The places of a channel, each by its service's name; numbered from its second on."""
    counts: Counter[str] = Counter()
    named = []
    for address in addresses:
        place = Place(address)
        counts[place.service_name] += 1
        number = counts[place.service_name]
        named.append((place.service_name + (f" {number}" if number > 1 else ""), place))
    return named


def _now() -> pd.Timestamp:
    """When something was really sent, whatever time the run keeps."""
    return WallClock().now()
