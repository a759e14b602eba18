"""The objects of a JSON list, one at a time: of a file of any size, and of one that was cut in the middle."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

_BLOCK = 1 << 20
#: Objects in one Arrow batch.
_BATCH = 1000
#: A string, closed or cut off, or a bracket: what is in a string is no bracket.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?P<close>")?|[\[\]{}]', re.DOTALL)


def elements(blocks: Iterable[str]) -> Iterator[str]:
    r"""The text of each object of a JSON list, or of JSON lines; the last may have been cut off.

    What is between objects is left out; what an object has in it is not looked at.

    >>> list(elements(['[{"a": "}"}, {"b', '": [{}]}, {"c": "cu']))
    ['{"a": "}"}', '{"b": [{}]}', '{"c": "cu']
    """
    buffer, place, depth, start = "", 0, 0, None
    for block in blocks:
        buffer += block
        while True:
            token = _TOKEN.search(buffer, place)
            if token is None or (token[0][0] == '"' and token["close"] is None):
                break  # the rest of it is in the next block
            place = token.end()
            if token[0] == "{":
                start = token.start() if depth == 0 else start
                depth += 1
            elif token[0] == "}" and depth:
                depth -= 1
                if depth == 0 and start is not None:
                    yield buffer[start:place]
                    start = None
        keep = place if start is None else start
        buffer, place, start = buffer[keep:], place - keep, None if start is None else 0
    if start is not None:
        yield buffer


def read_elements(spark: SparkSession, path: str) -> DataFrame:
    """``text, source_file, line_order`` of each object of a JSON file; one task reads it from start to end."""
    name = os.path.basename(path)

    def read(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            texts: list[str] = []
            n = 0
            for text in elements(iter(lambda: stream.read(_BLOCK), "")):
                texts.append(text)
                if len(texts) == _BATCH:
                    yield _batch(texts, name, n)
                    texts, n = [], n + _BATCH
            yield _batch(texts, name, n)

    return spark.range(0, 1, 1, 1).mapInArrow(read, "text string, source_file string, line_order bigint")


def _batch(texts: list[str], name: str, n: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "text": pa.array(texts, pa.string()),
            "source_file": pa.array([name] * len(texts), pa.string()),
            "line_order": pa.array(range(n, n + len(texts)), pa.int64()),
        }
    )
