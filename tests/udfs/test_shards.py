"""Shards without Spark: tarfile, Parquet and tfrecord read what is written; both ways to a tar give the same bytes."""

from __future__ import annotations

import hashlib
import json
import random
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shard_rows import COLUMNS, Rows, streamed

from synlake.udfs import place_tar


@pytest.fixture(scope="module")
def images():
    """200 contents by image_id, and sorted rows: some labels withheld, one image under two labels."""
    draw = random.Random(7)
    contents = [b"\xff\xd8" + draw.randbytes(draw.randint(1, 3000)) for _ in range(200)]
    by_id = {hashlib.sha256(content).hexdigest(): content for content in contents}
    rows = []
    for n, (image_id, content) in enumerate(by_id.items()):
        split, number = draw.choice(["train", "val"]), None if n % 50 == 0 else n % 5
        shard = f"{split}-{int(image_id[:2], 16) % 3:06d}.tar"
        values = (
            shard,
            split,
            "withheld" if number is None else f"n{number}",
            number,
            image_id,
            len(content),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    rows.append({**rows[1], "label": "n9", "class_index": 9})
    return by_id, sorted(rows, key=lambda row: (row["shard"], row["image_id"], row["label"]))


def placed(folder: Path, by_id, rows):
    records = folder / ".export"
    records.mkdir()
    ids = sorted(by_id, key=lambda key: key[::-1])  # a table's own order is another one
    table = pa.table({"image_id": ids, "bytes": [by_id[key] for key in ids]})
    pq.write_table(table, folder / "a b.parquet", row_group_size=60)
    places = place_tar.with_places(Rows(rows))
    at = {key: n for n, key in enumerate(ids)}
    path = (folder / "a b.parquet").as_uri()
    located = [{**row, "path": path, "row_index": at[row["image_id"]]} for row in places]
    located.sort(key=lambda row: row["row_index"])
    (counted,) = place_tar.place_images(Rows(located), records_dir=str(records))
    assert counted == {"n": len(rows)}
    ends = {row["shard"]: row["end"] for row in places}
    shards = [
        {"shard": s, "end": end, "n": sum(row["shard"] == s for row in rows)} for s, end in ends.items()
    ]
    place_tar.finish_shards(Rows(shards), root=str(folder), records_dir=str(records))
    return sorted(folder.glob("*.tar"))


def test_both_ways_give_the_same_tars_and_tarfile_reads_them(images, tmp_path):
    by_id, rows = images
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = streamed(tmp_path / "a", *images), placed(tmp_path / "b", *images)
    assert [path.name for path in one] == [path.name for path in other] == sorted({r["shard"] for r in rows})
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    found = []
    for path in one:
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name in [name for name in members if name.endswith(".jpg")]:
            about = json.loads(members[name.replace(".jpg", ".json")])
            assert members[name] == by_id[about["image_id"]]
            number = members.get(name.replace(".jpg", ".cls"))
            found.append((about["image_id"], about["label"], None if number is None else int(number)))
    assert sorted(found, key=str) == sorted(
        ((r["image_id"], r["label"], r["class_index"]) for r in rows), key=str
    )


def test_parquet_holds_each_image_once_with_its_class(images, tmp_path):
    by_id, rows = images
    found = [
        row for path in streamed(tmp_path, *images, "parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert all(row["image"]["bytes"] == by_id[row["image_id"]] for row in found)
    wanted = [(r["image_id"], -1 if r["class_index"] is None else r["class_index"]) for r in rows]
    assert sorted((row["image_id"], row["label"]) for row in found) == sorted(wanted)
