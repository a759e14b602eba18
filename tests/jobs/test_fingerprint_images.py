"""fingerprint-images: modes never mix, a decoder's crash costs one row, only files with something new are read."""

from __future__ import annotations

import io

import imagehash
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rows import as_dicts, rows

from synlake import table_files, tables
from synlake.errors import InputError, UsageError
from synlake.jobs import fingerprint_images as job
from synlake.udfs.decode import Limits, Wanted
from synlake.udfs.fingerprint import fingerprint_files
from synlake.warehouse import Warehouse, open_warehouse


def picture(grey):
    stream = io.BytesIO()
    Image.radial_gradient("L").rotate(grey * 20).resize((40, 30)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def house(spark, tmp_path):
    """A warehouse, in a folder that wants quoting, with two images in one file."""
    made = open_warehouse(spark, str(tmp_path / "ware house %41"))
    store(made, a=picture(1), b=picture(2))
    return made


def store(warehouse, **images):
    given = ({"image_id": image_id, "bytes": content} for image_id, content in images.items())
    tables.append_unstaged(warehouse, "image_bytes", rows(warehouse.spark, "image_bytes", *given).coalesce(1))


def found(warehouse):
    return {row["image_id"]: row for row in as_dicts(tables.read(warehouse, "fingerprints"))}


def fresh_files(warehouse):
    known = tables.read(warehouse, "fingerprints").select("image_id")
    return table_files.files_with_new(warehouse, "image_bytes", known)


def test_only_files_with_something_new_are_read_and_each_image_is_hashed_once(house):
    job.main(house, job.Config())
    store(house, c=picture(3))
    fresh = table_files.read_files(house, "image_bytes", fresh_files(house))
    assert [row["image_id"] for row in as_dicts(fresh)] == ["c"]
    job.main(house, job.Config())
    house.spark.sql(f"OPTIMIZE delta.`{tables.path(house, 'image_bytes')}`")  # one file of old and new images
    store(house, d=picture(4))
    house.spark.sql(f"OPTIMIZE delta.`{tables.path(house, 'image_bytes')}`")
    outcome = job.main(house, job.Config())
    assert (outcome.rows_in, outcome.rows_kept) == (4, 4)
    assert sorted(found(house)) == ["a", "b", "c", "d"]
    assert fresh_files(house) == []
    outcome = job.main(house, job.Config())
    assert (outcome.rows_in, outcome.rows_kept) == (4, 4)


def test_files_that_only_spark_can_read_hash_alike(spark, house, tmp_path, monkeypatch):
    other = open_warehouse(spark, str(tmp_path / "other"))
    store(other, a=picture(1), b=picture(2), empty=b"")
    store(house, empty=b"")
    job.main(house, job.Config())
    monkeypatch.setattr(Warehouse, "is_remote", True)
    assert job.main(other, job.Config()).rejected == {"empty_file": 1}
    assert found(other) == found(house)


@pytest.mark.parametrize("rows_a_group", [1, 2, 100])
def test_every_row_group_is_read_once(spark, tmp_path, rows_a_group):
    images = pa.table(
        {"image_id": list("abcde"), "bytes": [picture(grey) for grey in range(5)], "x": range(5)}
    )
    files = [tmp_path / "a b%41.parquet", tmp_path / "2.parquet", tmp_path / "none.parquet"]
    pq.write_table(images[:3], files[0], row_group_size=rows_a_group)
    pq.write_table(images[3:], files[1], row_group_size=rows_a_group)
    pq.write_table(images[:0], files[2])
    wanted = Wanted(pixel_sha256=False)
    hashed = fingerprint_files(spark, [file.as_uri() for file in files], Limits(), wanted)
    by_id = {row["image_id"]: row["phash"] for row in hashed.collect()}
    assert hashed.count() == 5
    assert by_id == {image_id: decoded_hash(picture(grey)) for grey, image_id in enumerate("abcde")}


def decoded_hash(content):
    return int.from_bytes(
        bytes.fromhex(str(imagehash.phash(Image.open(io.BytesIO(content))))), "big", signed=True
    )


def test_modes_never_mix(house):
    job.main(house, job.Config(mode="fast"))
    assert {(row["hash_mode"], row["pixel_sha256"]) for row in found(house).values()} == {("fast", None)}
    store(house, c=picture(3))
    with pytest.raises(InputError, match="hashes of mode fast"):
        job.main(house, job.Config())
    with pytest.raises(UsageError, match="need all pixels"):
        job.Config(mode="fast", extra_hashes=("dhash",))


def test_extra_hashes_fill_their_columns(house):
    job.main(house, job.Config(extra_hashes=("dhash", "phash256"), pixel_sha256=False))
    row = found(house)["a"]
    assert row["dhash"] is not None
    assert len(row["phash256"]) == 64
    assert (row["ahash"], row["whash"], row["pixel_sha256"]) == (None, None, None)


def test_an_image_that_decodes_for_too_long_costs_its_row_only(house):
    stream = io.BytesIO()
    Image.new("RGB", (9000, 9000)).save(stream, "PNG", compress_level=1)
    store(house, slow=stream.getvalue(), c=picture(3))
    outcome = job.main(house, job.Config(decode_seconds=0.5))
    assert outcome.rejected == {"decode_timeout": 1}
    assert found(house)["slow"]["reject_detail"] == "SIGALRM"
