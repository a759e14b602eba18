from __future__ import annotations

import datetime as dt
import errno
import socket
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import Server, jpeg

from synlake.schemas.reasons import DOWNLOAD
from synlake.udfs.addresses import is_public
from synlake.udfs.download import Limits, download, is_opted_out, retry_after, sniff
from synlake.udfs.spool import Spool

LIMITS = Limits(
    max_bytes=200_000,
    connect_seconds=1,
    stall_seconds=1,
    total_seconds=4,
    max_attempts=2,
    backoff_seconds=0.02,
    max_wait_seconds=2,
    per_host=50,
    per_host_rate=0,
    allow_private=True,
    user_agent="synlake/test (me@example.org)",
)


@pytest.fixture
def server():
    one = Server()
    yield one
    one.stop()


def fetched(urls, folder, limits=LIMITS):
    """{url: (result, body or None)}."""
    with Spool(folder) as spool:
        download(urls, limits, spool)
    with Spool(folder) as left:
        results = {url: left.result(url) for url in urls}
        return {
            url: (one, left.content(url) if one["status"] == "ok" else None) for url, one in results.items()
        }


WANTED = {
    "/image/3": "ok",
    "/mislabelled": "ok",
    "/moved/4": "ok",
    "/busy/1/a": "ok",
    "/busy/9/b": "rate_limited",
    "/failing": "http_error",
    "/nowhere": "http_error",
    "/html": "not_an_image",
    "/empty": "not_an_image",
    "/bomb": "not_an_image",
    "/stalled": "timeout",
    "/dripping": "timeout",
    "/truncated": "truncated",
    "/endless": "too_many_bytes",
    "/huge": "too_many_bytes",
    "/loop/0": "too_many_redirects",
    "/elsewhere": "bad_url",
    "/optedout": "opted_out",
    "/nonsense": "connect_error",
}


def test_nothing_hangs_and_every_url_ends_in_exactly_one_status(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    wanted = {server.url(path): status for path, status in WANTED.items()} | {
        closed: "connect_error",
        "http://no-such-host.invalid/x.jpg": "dns_error",
        "ftp://127.0.0.1/x.jpg": "bad_url",
        "http://": "bad_url",
        "": "bad_url",
        "http://me:secret@127.0.0.1/x.jpg": "bad_url",
        "not a url": "bad_url",
    }
    start = time.monotonic()
    got = fetched(list(wanted), tmp_path / "spool")
    assert time.monotonic() - start < 20
    found = {url: result["status"] for url, (result, _) in got.items()}
    assert found == wanted
    assert set(found.values()) <= set(DOWNLOAD)
    assert all((content is not None) == (result["status"] == "ok") for result, content in got.values())
    assert got[server.url("/image/3")][1] == jpeg(3)
    assert got[server.url("/moved/4")][0]["final_url"] == server.url("/image/4")
    assert server.asked["/busy/9/b"] == server.asked["/failing"] == LIMITS.max_attempts
    assert server.asked["/nowhere"] == 1
    assert server.asked["/loop/5"] == 1
    assert server.asked["/loop/6"] == 0
    assert server.agents == {LIMITS.user_agent}
    assert {path.suffix for path in (tmp_path / "spool").iterdir()} == {".jsonl", ".bodies"}


def test_what_has_ended_is_not_asked_for_again(server, tmp_path):
    urls = [server.url(f"/image/{i}") for i in range(6)]
    fetched(urls[:4], tmp_path)
    fetched(urls, tmp_path)
    assert server.asked == {f"/image/{i}": 1 for i in range(6)}


def test_retry_after_is_honoured(server, tmp_path):
    start = time.monotonic()
    got = fetched([server.url("/busy/1/c")], tmp_path)
    assert time.monotonic() - start >= 1.0
    assert got[server.url("/busy/1/c")][0]["n_attempts"] == 2


def test_private_addresses_are_refused_also_after_redirects_and_dns(server, tmp_path):
    public = replace(LIMITS, allow_private=False)
    port = server.server_address[1]
    urls = [
        server.url("/image/1"),
        f"http://localhost:{port}/image/1",
        f"http://[::1]:{port}/",
        "http://0x7f.1/x",
    ]
    got = fetched(urls, tmp_path / "a", public)
    assert {url: result["status"] for url, (result, _) in got.items()} == dict.fromkeys(
        urls, "address_refused"
    )
    assert not server.asked


def test_a_redirect_to_a_private_address_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr("synlake.udfs.download.is_public", lambda address: address == "127.0.0.1")
    url = server.url("/private")
    got = fetched([url], tmp_path, replace(LIMITS, allow_private=False))
    assert got[url][0]["status"] == "address_refused"
    assert "169.254.169.254" in got[url][0]["detail"]


def test_a_host_is_asked_no_more_at_once_and_no_faster_than_allowed(server, tmp_path):
    urls = [server.url(f"/paused/{i}") for i in range(9)]
    fetched(urls, tmp_path / "a", replace(LIMITS, per_host=3))
    assert server.most_active == 3
    start = time.monotonic()
    fetched([server.url(f"/image/{i}") for i in range(6)], tmp_path / "b", replace(LIMITS, per_host_rate=10))
    assert time.monotonic() - start >= 0.5


def test_opting_out_can_be_overruled_and_names_agents(server, tmp_path):
    url = server.url("/optedout")
    assert fetched([url], tmp_path, replace(LIMITS, honour_opt_out=False))[url][0]["status"] == "ok"
    assert is_opted_out(["synlake: noimageai"])
    assert not is_opted_out(["otherbot: noai", "noarchive"])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
     "2002:7f00:1::", "not an address"],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_inside_ipv6(ip):
    assert is_public(f"::ffff:{ip}") == is_public(str(ip))


def test_retry_after_takes_seconds_and_dates():
    now = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    assert retry_after("Thu, 01 Jan 2026 00:00:30 GMT", now) == 30
    assert retry_after("Thu, 01 Jan 2025 00:00:30 GMT", now) == 0
    assert [retry_after(text, now) for text in ("12", "", "-1", None)] == [12, None, None, None]


@given(st.binary(max_size=40))
def test_sniffing_takes_any_bytes(content):
    assert sniff(content) in (None, "JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")


@pytest.mark.parametrize("torn", ["*.jsonl", "*.bodies"], ids=["line", "body"])
def test_what_a_killed_run_or_a_crash_left_torn_is_fetched_again(server, tmp_path, torn):
    urls = [server.url(f"/image/{i}") for i in range(3)]
    fetched(urls, tmp_path)
    (written,) = (path for path in tmp_path.glob(torn) if path.stat().st_size)
    written.write_bytes(written.read_bytes()[:-1])
    got = fetched(urls, tmp_path)
    assert [got[url][1] for url in urls] == [jpeg(i) for i in range(3)]
    assert sorted(server.asked.values()) == [1, 1, 2]


def test_a_full_disk_is_not_blamed_on_the_url(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "keep", full)
    with Spool(tmp_path) as spool, pytest.raises(OSError, match="No space"):
        download([server.url("/image/1")], LIMITS, spool)
