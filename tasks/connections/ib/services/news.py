"""News."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.news import Article, Headline, Provider
from tasks.connections.ib.services.reference import Reference
from tasks.connections.problems import DataProblem, Problem

if TYPE_CHECKING:
    from tasks.connections.ib.subscriptions import Subscription

HEADLINES_AT_ONCE = 300


class News(Reference):
    """Providers, headlines, articles and bulletins."""

    def news_providers(self, timeout: float = 30.0) -> list[Provider]:
        """Whose news the login may read."""
        return self._bridge().ask_route(
            "news providers",
            "news providers",
            "News providers",
            lambda client: client.reqNewsProviders(),
            connection=self.name,
            timeout=timeout,
        )

    def headlines(
        self,
        contracts: Sequence[Contract],
        providers: Sequence[str],
        start: str,
        end: str,
        limit: int = HEADLINES_AT_ONCE,
        timeout: float = 30.0,
    ) -> dict[int, list[Headline] | Problem]:
        """Headlines about each contract by its id, the latest first, or why there are none.

        Parameters
        ----------
        start, end
            `yyyy-mm-dd hh:mm:ss` in UTC.
        limit
            Most headlines about one contract; the broker gives no more than 300.
        """
        codes = "+".join(providers)
        return self._ask_each(
            "headlines",
            {contract.con_id: contract for contract in contracts},
            lambda client, number, contract: client.reqHistoricalNews(
                *(number, contract.con_id, codes, start, end, min(limit, HEADLINES_AT_ONCE), [])
            ),
            slots=self._slots(),
            timeout=timeout,
        )

    def article(self, provider: str, article: str, timeout: float = 30.0) -> Article:
        """An article, whole."""
        (found,) = self._ask(
            "article",
            f"Article {article} of {provider}",
            lambda client, number: client.reqNewsArticle(number, provider, article, []),
            timeout=timeout,
        )
        return Article(*found)

    def follow_headlines(
        self, contracts: Sequence[Contract], providers: Sequence[str]
    ) -> dict[int, Subscription | DataProblem]:
        """Headlines about each contract as they come: rows are ticks, `(NEWS, Headline)` among them."""
        from tasks.connections.ib.client import wire_contract

        wanted = "mdoff,292:" + "+".join(providers) if providers else "mdoff,292"
        return self._follow_each(
            "headlines",
            self._routed(contracts),
            lambda client, number, contract: client.reqMktData(
                *(number, wire_contract(contract), wanted, False, False, [])
            ),
            lambda client, number: client.cancelMktData(number),
        )

    def follow_bulletins(self) -> Subscription:
        """What the broker tells all its clients, today's first: rows are `Bulletin`."""
        return self._follow(
            "bulletins",
            "Bulletins",
            lambda client, _: client.reqNewsBulletins(True),
            lambda client, _: client.cancelNewsBulletins(),
            route="bulletins",
        )
