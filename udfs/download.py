"""Downloading untrusted URLs within limits. Whatever a server does, every URL ends in exactly one status."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import hashlib
import random
import socket
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from synlake.udfs.addresses import PublicResolver, RefusedAddressError, is_address, is_public
from synlake.udfs.spool import Spool

_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK_BYTES = 64 << 10
_MAGIC_BYTES = 12
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Limits:
    """What one download may cost, and how politely a host is asked."""

    max_bytes: int = 64 << 20
    connect_seconds: float = 10.0
    stall_seconds: float = 15.0
    total_seconds: float = 60.0
    max_redirects: int = 5
    max_attempts: int = 3
    backoff_seconds: float = 1.0
    max_wait_seconds: float = 60.0
    concurrency: int = 32
    per_host: int = 8
    per_host_rate: float = 20.0
    allow_private: bool = False
    honour_opt_out: bool = True
    user_agent: str = "synlake"


@dataclass(frozen=True)
class Result:
    """How one URL ended. ``status`` is one of ``schemas.reasons.DOWNLOAD``; the body is in the spool if "ok"."""

    url: str
    status: str
    http_status: int | None = None
    n_attempts: int = 0
    detail: str | None = None
    final_url: str | None = None
    content_type: str | None = None
    image_format: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    asked_us: int = 0
    seconds: float = 0.0
    body_file: str | None = None
    body_at: int | None = None
    retry_after: float | None = None


def download(urls: Iterable[str], limits: Limits, spool: Spool) -> None:
    """Fetch URLs side by side into ``spool``; those that are there already are not asked for.

    Raises OSError where its disk is full: that is no fault of the URL's.
    """
    asyncio.run(_download(list(dict.fromkeys(urls)), limits, spool))


async def _download(urls: list[str], limits: Limits, spool: Spool) -> None:
    resolver = None if limits.allow_private else PublicResolver()
    connector = aiohttp.TCPConnector(
        limit=limits.concurrency, limit_per_host=limits.per_host, resolver=resolver, ttl_dns_cache=300
    )
    timeout = aiohttp.ClientTimeout(
        total=limits.total_seconds, sock_connect=limits.connect_seconds, sock_read=limits.stall_seconds
    )
    headers = {"User-Agent": limits.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
    hosts: dict[str, _Host] = defaultdict(lambda: _Host(limits))
    queue = iter([url for url in urls if not spool.has(url)])
    # trust_env stays off: a proxy from the environment would reach addresses that we refuse.
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        headers=headers,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def work() -> None:
            for url in queue:  # shared: each worker takes the next one
                spool.finish(await _settle(session, url, limits, hosts, spool))

        await asyncio.gather(*(work() for _ in range(limits.concurrency)))


class _Host:
    """The turn-taking of one host: so many at once, so many a second."""

    def __init__(self, limits: Limits) -> None:
        self.slots = asyncio.Semaphore(limits.per_host)
        self.interval = 1 / limits.per_host_rate if limits.per_host_rate else 0.0
        self.next_at = 0.0

    async def turn(self) -> None:
        """Wait until the rate allows another request."""
        now = time.monotonic()
        wait, self.next_at = self.next_at - now, max(now, self.next_at) + self.interval
        if wait > 0:
            await asyncio.sleep(wait)


async def _settle(
    session: aiohttp.ClientSession, url: str, limits: Limits, hosts: dict[str, _Host], spool: Spool
) -> Result:
    """Try a URL until it ends well, ends for good, or has had its attempts."""
    asked, start = time.time_ns() // 1000, time.monotonic()
    result = Result(url, "bad_url", detail="wanted http:// or https://, a host, and no password")
    target = _parsed(url)
    for attempt in range(1, limits.max_attempts + 1) if target else ():
        assert target is not None  # no attempt is made for a URL that could not be parsed
        host = hosts[str(target.host)]
        async with host.slots:
            await host.turn()
            result = replace(await _attempt(session, url, target, limits, spool), n_attempts=attempt)
        if not _is_passing(result) or attempt == limits.max_attempts:
            break
        pause = (
            limits.backoff_seconds * 2 ** (attempt - 1) * random.Random(f"{url} {attempt}").uniform(0.5, 1.5)
        )
        await asyncio.sleep(min(max(pause, result.retry_after or 0.0), limits.max_wait_seconds))
    return replace(result, asked_us=asked, seconds=round(time.monotonic() - start, 4))


def _is_passing(result: Result) -> bool:
    """Whether the same request may end better later on."""
    if result.status == "http_error":
        return result.http_status is not None and result.http_status >= 500
    return result.status in ("rate_limited", "timeout", "connect_error", "truncated")


def _parsed(url: str) -> URL | None:
    try:
        target = URL(url)
        is_fine = target.scheme in ("http", "https") and bool(target.host) and target.user is None
        return target if is_fine and target.port is not None else None
    except ValueError:
        return None


async def _attempt(
    session: aiohttp.ClientSession, url: str, target: URL, limits: Limits, spool: Spool
) -> Result:
    """One request with its redirects, each checked like the first; any fault becomes a status."""
    try:
        # One deadline over all hops, since a timeout of the session begins anew with each.
        return await asyncio.wait_for(_follow(session, url, target, limits, spool), limits.total_seconds)
    except RefusedAddressError as error:
        return Result(url, "address_refused", detail=_told(error))
    except (asyncio.TimeoutError, TimeoutError) as error:
        return Result(url, "timeout", detail=_told(error))
    except aiohttp.ClientPayloadError as error:
        return Result(url, "truncated", detail=_told(error))
    except aiohttp.ClientConnectorError as error:
        cause = error.os_error
        if isinstance(cause, RefusedAddressError):
            return Result(url, "address_refused", detail=_told(cause))
        is_dns = isinstance(cause, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError)
        return Result(url, "dns_error" if is_dns else "connect_error", detail=_told(error))
    except (aiohttp.InvalidURL, UnicodeError) as error:
        return Result(url, "bad_url", detail=_told(error))
    except (aiohttp.ClientError, ConnectionError, OSError) as error:
        if getattr(error, "errno", None) in _DISK_FULL:
            raise
        return Result(url, "connect_error", detail=_told(error))
    except ValueError as error:  # headers and URLs that the client's parsers give up on
        return Result(url, "http_error", detail=_told(error))


async def _follow(
    session: aiohttp.ClientSession, url: str, target: URL, limits: Limits, spool: Spool
) -> Result:
    for _ in range(limits.max_redirects + 1):
        if not limits.allow_private and is_address(target.host or "") and not is_public(target.host or ""):
            raise RefusedAddressError(f"{target.host} is no public address")
        async with session.get(target, allow_redirects=False) as response:
            if response.status not in _REDIRECTS:
                return await _receive(response, url, limits, spool)
            onward = _parsed(str(target.join(URL(response.headers.get("Location", "")))))
        if onward is None:
            return Result(url, "bad_url", response.status, detail="redirected to what is no http(s) URL")
        target = onward
    return Result(url, "too_many_redirects", response.status, final_url=str(target))


async def _receive(response: aiohttp.ClientResponse, url: str, limits: Limits, spool: Spool) -> Result:
    headers = response.headers
    seen = Result(
        url,
        "ok",
        response.status,
        final_url=str(response.url),
        content_type=headers.get("Content-Type"),
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        retry_after=retry_after(headers.get("Retry-After"), dt.datetime.now(dt.timezone.utc)),
    )
    if response.status == 429:
        return replace(seen, status="rate_limited")
    if response.status != 200:
        return replace(seen, status="http_error", detail=f"HTTP {response.status} {response.reason}"[:200])
    if limits.honour_opt_out and is_opted_out(headers.getall("X-Robots-Tag", [])):
        return replace(seen, status="opted_out", detail=headers.get("X-Robots-Tag"))
    if headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        # We asked for none; unpacking what comes all the same is how a small answer fills a disk.
        return replace(seen, status="not_an_image", detail=f"encoded as {headers['Content-Encoding']}"[:200])
    if (response.content_length or 0) > limits.max_bytes:
        return replace(seen, status="too_many_bytes", detail=f"Content-Length {response.content_length}")
    return await _save(response, seen, limits, spool)


async def _save(response: aiohttp.ClientResponse, seen: Result, limits: Limits, spool: Spool) -> Result:
    """Stream the body to the spool, of which memory holds little."""
    hasher, size, head = hashlib.sha256(), 0, b""
    with spool.body() as stream:
        async for block in response.content.iter_chunked(_BLOCK_BYTES):
            if len(head) < _MAGIC_BYTES:
                head += block[:_MAGIC_BYTES]
                if len(head) >= _MAGIC_BYTES and sniff(head) is None:
                    return replace(seen, status="not_an_image", detail=f"begins with {head[:16]!r}")
            size += len(block)
            if size > limits.max_bytes:
                return replace(seen, status="too_many_bytes", detail=f"more than {limits.max_bytes}")
            hasher.update(block)
            stream.write(block)
        if sniff(head) is None:
            return replace(seen, status="not_an_image", detail=f"begins with {head[:16]!r}")
        name, at = spool.keep(stream)
    return replace(
        seen,
        sha256=hasher.hexdigest(),
        size_bytes=size,
        image_format=sniff(head),
        body_file=name,
        body_at=at,
    )


_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)


def sniff(content: bytes) -> str | None:
    """The image format that bytes begin as, whatever a header or a name says; None for anything else.

    >>> sniff(b"RIFF....WEBPVP8 "), sniff(b"<!DOCTYPE html>")
    ('WEBP', None)
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _MAGIC if content.startswith(magic)), None)


def is_opted_out(robots_tags: Iterable[str]) -> bool:
    """Whether an X-Robots-Tag says noai or noimageai, to everybody or to synlake by name.

    >>> is_opted_out(["noindex, noai"]), is_opted_out(["otherbot: noai"]), is_opted_out(["all"])
    (True, False, False)
    """
    for tag in robots_tags:
        agent, colon, rest = tag.partition(":")
        if colon and agent.strip().lower() != "synlake":
            continue
        words = {word.strip().lower() for word in (rest if colon else tag).split(",")}
        if words & {"noai", "noimageai"}:
            return True
    return False


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number of them, or a date (RFC 9110, 10.2.3).

    >>> retry_after("7", dt.datetime(2026, 1, 1)), retry_after("soon", dt.datetime(2026, 1, 1))
    (7.0, None)
    """
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
