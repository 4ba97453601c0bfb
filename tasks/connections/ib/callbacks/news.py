"""News."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.rows.news import Article, Bulletin, Headline, Provider
from tasks.connections.ib.rows.ticks import NEWS

PROVIDERS = "news providers"
BULLETINS = "bulletins"
"""Their messages name no request."""


class NewsCallbacks(Callbacks):
    """Providers, headlines, articles and bulletins."""

    def newsProviders(self, newsProviders: Any) -> None:  # noqa: N802, N803
        for provider in newsProviders:
            self._sink.row(PROVIDERS, Provider(provider.code, provider.name))
        self._sink.end(PROVIDERS)

    def historicalNews(self, requestId: int, time: str, providerCode: str, articleId: str, headline: str) -> None:  # noqa: N802, N803
        self._sink.row(requestId, Headline(str(time), providerCode, articleId, headline, ""))

    def historicalNewsEnd(self, requestId: int, hasMore: bool) -> None:  # noqa: N802, N803
        self._sink.end(requestId)

    def newsArticle(self, requestId: int, articleType: int, articleText: str) -> None:  # noqa: N802, N803
        self._sink.row(requestId, Article(int(articleType), articleText))
        self._sink.end(requestId)

    def tickNews(  # noqa: N802
        self,
        tickerId: int,  # noqa: N803
        timeStamp: int,  # noqa: N803
        providerCode: str,  # noqa: N803
        articleId: str,  # noqa: N803
        headline: str,
        extraData: str,  # noqa: N803
    ) -> None:
        self._sink.row(tickerId, (NEWS, Headline(str(timeStamp), providerCode, articleId, headline, extraData)))

    def updateNewsBulletin(self, msgId: int, msgType: int, newsMessage: str, originExch: str) -> None:  # noqa: N802, N803
        self._sink.row(BULLETINS, Bulletin(int(msgId), int(msgType), newsMessage, originExch))
