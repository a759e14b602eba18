"""Asking image searches, on an executor, one request after the other at a rate. Every query ends in one status."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType
from yarl import URL

from synlake.udfs.addresses import PublicResolver, RefusedAddressError, is_address, is_public
from synlake.udfs.download import Limits, retry_after
from synlake.udfs.engines import ENGINES, FIELDS, BadAnswerError, Record, address_of

#: Longest answer that is read, bytes.
_ANSWER_BYTES = 16 << 20
_RECORD = StructType([StructField(name, StringType(), True) for name in FIELDS])
_ASKED = StructType(
    [
        StructField("query", StringType(), False),
        StructField("language", StringType(), False),
        StructField("asked_us", LongType(), False),
        StructField("status", StringType(), False),
        StructField("http_status", LongType(), True),
        StructField("n_pages", LongType(), False),
        StructField("detail", StringType(), True),
        StructField("records", ArrayType(_RECORD, False), False),
    ]
)


@dataclass(frozen=True)
class Search:
    """Which engine is asked, where, how often and for how much. ``token_variable`` names what may hold a token."""

    engine: str
    address: str | None
    results: int
    per_second: float
    limits: Limits
    token_variable: str = "SYNLAKE_SEARCH_TOKEN"


class Answer(NamedTuple):
    """How one query ended: a status of ``schemas.reasons.SEARCH``, and what it brought until then."""

    status: str
    records: list[Record]
    n_pages: int = 0
    http_status: int | None = None
    detail: str | None = None


def search(queries: DataFrame, how: Search) -> DataFrame:
    """``query, language`` in; one row a query out that was asked: status, and its records as an array.

    All in one task, since the rate is one for all. When the server says that it has had enough, the queries
    after that are not asked, and have no row: the next run asks them.
    """

    def search_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            asked = batch.to_pylist()
            for row in asyncio.run(_all_of(asked, how)):
                yield pa.RecordBatch.from_pylist([row], schema=to_arrow_schema(_ASKED))

    return queries.select("query", "language").coalesce(1).mapInArrow(search_batches, _ASKED)


async def _all_of(queries: list[dict[str, str]], how: Search) -> list[dict[str, Any]]:
    rows = []
    async for row in _answers(queries, how):
        rows.append(row)
        if row["status"] == "rate_limited":
            break
    return rows


async def _answers(queries: list[dict[str, str]], how: Search) -> AsyncIterator[dict[str, Any]]:
    headers = {"User-Agent": how.limits.user_agent, "Accept": "application/json"}
    token = os.environ.get(how.token_variable)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connector = aiohttp.TCPConnector(resolver=None if how.limits.allow_private else PublicResolver())
    timeout = aiohttp.ClientTimeout(total=how.limits.total_seconds, sock_read=how.limits.stall_seconds)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        rate = _Rate(how.per_second)
        for one in queries:
            asked_us = time.time_ns() // 1000
            answer = await _answer(session, rate, one["query"], one["language"], how)
            yield {**one, "asked_us": asked_us, **answer._asdict()}


class _Rate:
    """So many requests a second, whatever becomes of each."""

    def __init__(self, per_second: float) -> None:
        self.interval, self.next_at = (1 / per_second if per_second else 0.0), 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        wait, self.next_at = self.next_at - now, max(now, self.next_at) + self.interval
        await asyncio.sleep(max(0.0, wait))


async def _answer(
    session: aiohttp.ClientSession, rate: _Rate, query: str, language: str, how: Search
) -> Answer:
    """Page after page, until there are enough results or no more. What came before a fault is kept."""
    start: int | None = 0
    found: dict[str, Record] = {}
    n_pages = 0
    while start is not None and len(found) < how.results:
        url = address_of(how.engine, how.address, query, language, start)
        status, http_status, content = await _get(session, rate, url, how.limits)
        if status != "ok":
            return Answer(status, list(found.values()), n_pages, http_status, content)
        try:
            page = ENGINES[how.engine].read(json.loads(content), start)
        except (BadAnswerError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            return Answer("bad_answer", list(found.values()), n_pages, http_status, _told(error))
        n_pages += 1
        for record in page.records:
            found.setdefault(record["url"], record)
        start = page.next_start
    return Answer("ok", list(found.values())[: how.results], n_pages, 200)


async def _get(
    session: aiohttp.ClientSession, rate: _Rate, url: str, limits: Limits
) -> tuple[str, int | None, str]:
    """(status, HTTP status, text of the answer or of the fault), after as many attempts as the limits give."""
    result: tuple[str, int | None, str] = ("connect_error", None, "")
    for attempt in range(limits.max_attempts):
        await rate.turn()
        wait: float | None = None
        try:
            host = URL(url).host or ""
            if not limits.allow_private and is_address(host) and not is_public(host):
                return "address_refused", None, f"{host} is no public address"
            async with session.get(url, allow_redirects=False) as response:
                content = await response.content.read(_ANSWER_BYTES)
                while not response.content.at_eof() and len(content) < _ANSWER_BYTES:
                    content += await response.content.read(_ANSWER_BYTES - len(content))
                text = content.decode("utf-8", "replace")
                wait = retry_after(response.headers.get("Retry-After"), dt.datetime.now(dt.timezone.utc))
                if response.status == 200 and wait is None:
                    return "ok", 200, text
                is_limit = response.status == 429 or response.status == 200  # Commons' maxlag is a 200
                result = ("rate_limited" if is_limit else "http_error", response.status, text[:200])
                if response.status not in (200, 429) and response.status < 500:
                    return result
        except (asyncio.TimeoutError, TimeoutError) as error:
            result = ("timeout", None, _told(error))
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, RefusedAddressError):
                return "address_refused", None, _told(error.os_error)
            result = ("connect_error", None, _told(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            result = ("connect_error", None, _told(error))
        if attempt + 1 < limits.max_attempts:
            pause = max(limits.backoff_seconds * 2**attempt, wait or 0.0)
            await asyncio.sleep(min(pause, limits.max_wait_seconds))
    return result


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
