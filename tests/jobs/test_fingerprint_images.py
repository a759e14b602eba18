"""fingerprint-images: modes never mix, a decoder's crash costs one row, only files with something new are read."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError, UsageError
from synlake.jobs import fingerprint_images as job
from synlake.tables import open_warehouse


def picture(grey):
    stream = io.BytesIO()
    Image.new("L", (40, 30), grey).save(stream, "PNG")
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


def test_only_files_with_something_new_are_read_and_each_image_is_hashed_once(house):
    job.main(house, job.Config())
    store(house, c=picture(3))
    known = tables.read(house, "fingerprints").select("image_id")
    fresh = tables.read_files_with_new(house, "image_bytes", known)
    assert [row["image_id"] for row in as_dicts(fresh)] == ["c"]
    job.main(house, job.Config())
    house.spark.sql(f"OPTIMIZE delta.`{tables.path(house, 'image_bytes')}`")  # one file of old and new images
    store(house, d=picture(4))
    house.spark.sql(f"OPTIMIZE delta.`{tables.path(house, 'image_bytes')}`")
    outcome = job.main(house, job.Config())
    assert (outcome.rows_in, outcome.rows_kept) == (4, 4)
    assert sorted(found(house)) == ["a", "b", "c", "d"]
    empty = tables.read_files_with_new(
        house, "image_bytes", tables.read(house, "fingerprints").select("image_id")
    )
    assert empty.count() == 0


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
