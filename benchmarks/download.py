"""Downloading through ingest-images against img2dataset: the same URLs, from the same server on this machine.

    python benchmarks/download.py [--n 60000] [--runs 3] [--failing 0.2] [--concurrency 32] [--kilobytes 100]

Both keep the bytes as they come (no resizing, no re-encoding), compute sha256, ask each URL once, and have one process
that downloads, with the same number of requests at once. Ours is the whole job: list, search_results, downloads,
image_bytes and candidates, as Delta tables, in a session that is warm. The peer writes WebDataset tars. The server is a
process of its own and serves synthetic bytes that begin like a JPEG, a different image for each URL. Pairs of runs
alternate; medians are printed, and both must have as many images as the server gave.

img2dataset is installed without what it needs for resizing (``make bench-sources``): cv2, albumentations and wandb are
replaced by empty modules, none of which is called.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web
from common import machine, scratch, session
from pyspark.sql import SparkSession

from synlake import tables
from synlake.jobs import ingest_images
from synlake.warehouse import open_warehouse

SYNSET = "n01440764"
_STUB = "def __getattr__(name):\n    return 1 if name.isupper() else lambda *args, **kwargs: None\n"
_PEER = """
import json, sys
from img2dataset import download
if __name__ == "__main__":
    download(**json.loads(sys.argv[1]))
"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=60_000, help="URLs")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs")
    parser.add_argument("--failing", type=float, default=0.0, help="share of URLs that answer 404")
    parser.add_argument("--concurrency", type=int, default=32, help="requests at once")
    parser.add_argument("--kilobytes", type=int, default=100, help="size of an image")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        return serve(given.kilobytes << 10)
    print(f"{machine()}; {given.n} URLs, {given.failing:.0%} failing, {given.kilobytes} KB, ", end="")
    print(f"{given.concurrency} at once; load {os.getloadavg()[0]:.1f}", flush=True)
    n_failing = round(given.n * given.failing)
    with session(memory="2g") as spark, scratch() as folder, server(given.kilobytes) as address:
        urls = [f"{address}/{'gone' if i < n_failing else 'image'}/{i}.jpg" for i in range(given.n)]
        warm = [f"{address}/image/w{i}.jpg" for i in range(200)]
        ours(spark, warm, folder / "warm", given.concurrency, len(warm))
        pairs = []
        for run in range(given.runs):
            mine = ours(spark, urls, folder / f"ours{run}", given.concurrency, given.n - n_failing)
            peers = peer(urls, folder / f"peer{run}", given.concurrency, given.n - n_failing)
            pairs.append((mine, peers))
            print(
                f"  synlake {given.n / mine:.0f} URLs/s, img2dataset {given.n / peers:.0f} URLs/s", flush=True
            )
    rates = [
        statistics.median(given.n / seconds for seconds in column) for column in zip(*pairs, strict=True)
    ]
    ratio = statistics.median(peers / mine for mine, peers in pairs)
    print(f"synlake {rates[0]:.0f} URLs/s, img2dataset {rates[1]:.0f} URLs/s; ratio {ratio:.2f}")
    return 0


def ours(spark: SparkSession, urls: Sequence[str], folder: Path, concurrency: int, n_images: int) -> float:
    """Seconds of one ingest-images into a new warehouse."""
    folder.mkdir()
    with open(folder / "list.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("url", "synset_id"), *((url, SYNSET) for url in urls)])
    warehouse = open_warehouse(spark, str(folder / "warehouse"))
    tables.overwrite(warehouse, "synsets", one_synset(spark))
    settings = ingest_images.Config(
        source="urls",
        input=str(folder / "list.csv"),
        contact="benchmark",
        allow_private=True,
        concurrency=concurrency,
        per_host=concurrency,
        per_host_rate=0.0,
        max_attempts=1,
    )
    start = time.perf_counter()
    outcome = ingest_images.main(warehouse, settings)
    seconds = time.perf_counter() - start
    assert outcome.rows_kept == n_images, outcome
    return seconds


def one_synset(spark: SparkSession) -> object:
    schema = tables.TABLES["synsets"].schema
    row = {
        "selection_id": "default",
        "synset_id": SYNSET,
        "is_selected": True,
        "lemmas": [],
        "parent_ids": [],
    }
    plain = {"string": "", "boolean": False, "bigint": 0}
    values = [row.get(f.name, None if f.nullable else plain.get(f.dataType.simpleString())) for f in schema]
    return spark.createDataFrame([tuple(values)], schema)


def peer(urls: Sequence[str], folder: Path, concurrency: int, n_images: int) -> float:
    """Seconds of one img2dataset, the start of its process left out as our session's is."""
    (folder / "stubs").mkdir(parents=True)
    for name in ("cv2", "albumentations", "wandb"):
        (folder / "stubs" / f"{name}.py").write_text(_STUB)
    (folder / "list.txt").write_text("\n".join(urls))
    (folder / "peer.py").write_text(_PEER)
    settings = {
        "url_list": str(folder / "list.txt"),
        "output_folder": str(folder / "out"),
        "output_format": "webdataset",
        "processes_count": 1,
        "thread_count": concurrency,
        "resize_mode": "no",
        "disable_all_reencoding": True,
        "extract_exif": False,
        "retries": 0,
        "enable_wandb": False,
    }
    command = [sys.executable, str(folder / "peer.py"), json.dumps(settings)]
    environment = {**os.environ, "PYTHONPATH": str(folder / "stubs"), "NO_ALBUMENTATIONS_UPDATE": "1"}
    subprocess.run([sys.executable, "-c", "import img2dataset"], env=environment, check=True)  # warm
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import img2dataset"], env=environment, check=True)
    start_up = time.perf_counter() - began
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    counts = [json.loads(path.read_text()) for path in (folder / "out").glob("*_stats.json")]
    assert sum(one["successes"] for one in counts) == n_images, counts
    return seconds - start_up


def serve(size: int) -> int:
    """Answer /image/… with bytes that differ by path, /gone/… with 404; prints the port, ends with its stdin."""
    body = os.urandom(size)

    async def image(request: web.Request) -> web.Response:
        head = b"\xff\xd8\xff\xe0" + request.path.encode().ljust(64)
        return web.Response(body=head + body, content_type="image/jpeg")

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/image/{name}", image)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        assert site._server is not None
        print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(run())
    return 0


@contextmanager
def server(kilobytes: int) -> Iterator[str]:
    """The server in a process of its own; its address."""
    command = [sys.executable, __file__, "--serve", "--kilobytes", str(kilobytes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
