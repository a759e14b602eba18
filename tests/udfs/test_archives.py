from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import linked, sealed, sparse, special, write_tar, write_zip
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import jpeg

from synlake.udfs import contents
from synlake.udfs.contents import Opening
from synlake.udfs.members import label_of
from synlake.udfs.parquets import list_parquet, read_parquet
from synlake.udfs.tars import list_tar, read_tar
from synlake.udfs.zips import list_zip, read_zip

PICTURES = [jpeg(i) for i in range(6)]


def images(members):
    return [member for member in members if member.is_image]


def read_back(path, members, read):
    wanted = [(m.offset, m.size_bytes or 0) for m in members if m.fault is None]
    return list(read(os.fsencode(path), iter(wanted)))


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_listed_and_read_whatever_packed_it(tmp_path, ending, form):
    mode = "w" if ending == "tar" else f"w:{ending.split('.')[1]}"
    names = ["n01440764/a.jpg", "./n01440764/b.JPEG", "n01440764/" + "long" * 60 + ".png", "notes.md"]
    path = write_tar(tmp_path / f"x.{ending}", *zip(names, PICTURES[:4], strict=True), mode=mode, format=form)
    found = list(list_tar(os.fsencode(path)))
    assert [m.name.decode() for m in found] == [name.removeprefix("./") for name in names]
    assert [m.is_image for m in found] == [True, True, True, False]
    assert read_back(path, found, read_tar) == PICTURES[:4]


def test_a_webdataset_gives_each_image_the_label_of_its_sample(tmp_path):
    members = [
        ("0001.cls", b"7"),
        ("0001.jpg", PICTURES[0]),
        ("0002.jpg", PICTURES[1]),
        ("0002.json", json.dumps({"wnid": "n01440764", "caption": "a fish"}).encode()),
        ("0003.png", PICTURES[2]),
        ("sub.dir/0003.txt", b" goldfish \n"),
        ("sub.dir/0003.jpg", PICTURES[3]),
        ("0004.jpg", PICTURES[4]),
        ("0004.json", b"{broken"),
    ]
    found = images(list_tar(os.fsencode(write_tar(tmp_path / "s.tar", *members))))
    assert [m.label for m in found] == ["7", "n01440764", None, "goldfish", None]


def test_what_a_sample_says_by_field():
    assert label_of({"json": b'{"kind": "x", "label": 3}'}) == "3"
    assert label_of({"json": b'{"kind": "x", "label": 3}'}, "kind") == "x"
    assert label_of({"json": b"[" * 100_000}) is None
    assert label_of({"cls": b"\xff"}) == "�"
    assert label_of({"json": b'{"label": true}'}) is None


def test_tars_in_a_tar_are_looked_into_once(tmp_path):
    inner = io.BytesIO()
    write_tar(inner_path := tmp_path / "deep.tar", ("z.jpg", PICTURES[3]))
    with tarfile.open(fileobj=inner, mode="w") as tar:
        for name, content in (("n01440764_1.JPEG", PICTURES[0]), ("n01440764_2.JPEG", PICTURES[1])):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        tar.add(inner_path, "deep.tar")
    path = write_tar(tmp_path / "train.tar", ("n01440764.tar", inner.getvalue()), ("after.jpg", PICTURES[2]))
    found = images(list_tar(os.fsencode(path)))
    assert [m.name for m in found] == [
        b"n01440764.tar/n01440764_1.JPEG",
        b"n01440764.tar/n01440764_2.JPEG",
        b"after.jpg",
    ]
    assert read_back(path, found, read_tar) == PICTURES[:3]


def test_a_hostile_tar_has_a_fault_for_each_of_its_tricks(tmp_path):
    path = write_tar(
        tmp_path / "hostile.tar",
        ("../../etc/cron.d/x.jpg", PICTURES[0]),
        ("/etc/n01440764/absolute.jpg", PICTURES[1]),
        (special("link.jpg", tarfile.SYMTYPE, "/etc/passwd"), None),
        (special("hard.jpg", tarfile.LNKTYPE, "../x"), None),
        (special("device.jpg", tarfile.CHRTYPE), None),
        (special("pipe.jpg", tarfile.FIFOTYPE), None),
        ("n01440764/caf\udce9.jpg", PICTURES[2]),
        ("two/../dots.jpg", PICTURES[3]),
        format=tarfile.GNU_FORMAT,
    )
    with open(path, "r+b") as stream:  # a sparse file of 10 GB before the end
        end = stream.read().rstrip(b"\0")
        stream.seek(-(-len(end) // 512) * 512)
        stream.write(sparse("sparse.jpg", 10 << 30) + bytes(1024))
    found = list(list_tar(os.fsencode(path)))
    assert {m.name: m.fault for m in found} == {
        b"../../etc/cron.d/x.jpg": "unsafe_path",
        b"etc/n01440764/absolute.jpg": None,
        b"link.jpg": "not_a_file",
        b"hard.jpg": "not_a_file",
        b"device.jpg": "not_a_file",
        b"pipe.jpg": "not_a_file",
        b"n01440764/caf\xe9.jpg": None,
        b"two/../dots.jpg": "unsafe_path",
        b"sparse.jpg": "not_a_file",
    }
    assert found[-1].size_bytes == 10 << 30
    assert read_back(path, found, read_tar) == [PICTURES[1], PICTURES[2]]


@pytest.mark.parametrize("cut", [200, 512 + 300, 1536 + 100])
def test_a_truncated_tar_gives_what_came_before_and_a_fault(tmp_path, cut):
    path = write_tar(tmp_path / "cut.tar", ("a.jpg", b"x" * 500), ("b.jpg", b"y" * 500))
    path.write_bytes(path.read_bytes()[:cut])
    found = list(list_tar(os.fsencode(path)))
    assert found[-1].fault == "broken_archive"
    whole = [
        m for m, content in zip(found[:-1], read_back(path, found[:-1], read_tar), strict=True) if content
    ]
    assert [m.name for m in whole] == ([b"a.jpg"] if cut > 1024 else [])


def test_a_header_that_is_broken_in_the_middle_is_not_taken_for_the_end(tmp_path):
    path = write_tar(tmp_path / "x.tar", ("a.jpg", b"x" * 500), ("b.jpg", b"y" * 500))
    content = bytearray(path.read_bytes())
    content[1024 + 150] ^= 0xFF  # in the checksum of the second header
    path.write_bytes(content)
    assert [m.fault for m in list_tar(os.fsencode(path))] == [None, "broken_archive"]


@pytest.mark.parametrize(
    "content", [b"", b"not a tar at all" * 100, b"\x1f\x8b broken gzip", b"BZh", b"\xfd7zXZ\x00"]
)
def test_what_is_no_tar_is_one_row(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    assert [m.fault for m in list_tar(os.fsencode(tmp_path / "x.tar"))] == ["broken_archive"]


def test_headers_that_ask_for_gigabytes_get_nothing(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 7 << 30
    header = sealed(bytearray(info.tobuf(tarfile.GNU_FORMAT)))
    with gzip.open(tmp_path / "x.tar.gz", "wb", 1) as stream:
        stream.write(header)
        for _ in range(60):
            stream.write(b"a" * (1 << 20))
    tracemalloc.start()
    try:
        found = list(list_tar(os.fsencode(tmp_path / "x.tar.gz")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [m.fault for m in found] == ["broken_archive"]
    assert peak < 8 << 20


def test_a_packed_tar_of_a_thousand_times_its_size_is_a_bomb(tmp_path):
    info = tarfile.TarInfo("big.bin")
    info.size = 300 << 20
    with gzip.open(tmp_path / "x.tar.gz", "wb", 9) as stream:
        stream.write(info.tobuf())
        for _ in range(300):
            stream.write(bytes(1 << 20))
    found = list(list_tar(os.fsencode(tmp_path / "x.tar.gz")))
    assert found[-1].fault == "broken_archive"


@given(st.binary(max_size=2000), st.integers(0, 3000))
def test_whatever_bytes_a_tar_is_made_of_listing_ends_with_rows(tmp_path_factory, noise, at):
    folder = tmp_path_factory.mktemp("noise", numbered=True)
    path = write_tar(folder / "x.tar", ("a.jpg", b"x" * 500), ("b/c.jpg", b"y" * 1500))
    content = bytearray(path.read_bytes())
    content[at : at + len(noise)] = noise
    path.write_bytes(content)
    found = list(list_tar(os.fsencode(path)))
    assert len(found) <= len(content) // 512 + 1
    wanted = sorted((m.offset, m.size_bytes) for m in found if m.fault is None and m.size_bytes < 1 << 20)
    assert len(list(read_tar(os.fsencode(path), iter(wanted)))) == len(wanted)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_zip_is_listed_and_read(tmp_path, method):
    path = write_zip(
        tmp_path / "x.zip",
        ("n01440764/a.jpg", PICTURES[0]),
        ("n01440764/ü.jpg", PICTURES[1]),
        ("0001.cls", b"7"),
        ("0001.jpg", PICTURES[2]),
        ("folder/", b""),
        ("win\\n01440764\\w.jpg", PICTURES[3]),
        ("../out.jpg", PICTURES[4]),
        (linked("link.jpg"), b"/etc/passwd"),
        method=method,
    )
    found = images(list_zip(os.fsencode(path)))
    assert {m.name.decode(): (m.label, m.fault) for m in found} == {
        "n01440764/a.jpg": (None, None),
        "n01440764/ü.jpg": (None, None),
        "0001.jpg": ("7", None),
        "win/n01440764/w.jpg": (None, None),
        "../out.jpg": (None, "unsafe_path"),
        "link.jpg": (None, "not_a_file"),
    }
    assert read_back(path, found, read_zip) == PICTURES[:4]


def test_a_zip_with_broken_encrypted_or_lying_members_loses_only_those(tmp_path):
    path = write_zip(tmp_path / "x.zip", *((f"{i}.jpg", PICTURES[i]) for i in range(3)))
    content = bytearray(path.read_bytes())
    content[content.index(PICTURES[1]) + 50] ^= 0xFF  # its checksum will not match
    first = content.index(b"PK\x01\x02")
    content[first + 8] |= 1  # the directory calls the first one encrypted
    path.write_bytes(content)
    found = list(list_zip(os.fsencode(path)))
    assert [m.fault for m in found] == ["unreadable", None, None]
    assert read_back(path, found, read_zip) == [None, PICTURES[2]]


def test_a_zip_bomb_and_what_is_no_zip_are_one_row_each(tmp_path):
    bomb = write_zip(tmp_path / "bomb.zip", ("a.jpg", bytes(300 << 20)), method=zipfile.ZIP_DEFLATED)
    assert [m.fault for m in list_zip(os.fsencode(bomb))] == ["broken_archive"]
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 no")
    assert [m.fault for m in list_zip(os.fsencode(tmp_path / "no.zip"))] == ["broken_archive"]


def hugging_face(table, names):
    info = {
        "info": {"features": {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}}
    }
    return table.replace_schema_metadata({"huggingface": json.dumps(info)})


def read_records(path, found, **columns):
    columns = {"image_column": None, "synset_field": None, **columns}
    return read_back(path, found, lambda p, w: read_parquet(p, w, **columns))


def test_parquet_of_hugging_face_with_class_names_nulls_and_row_groups(tmp_path):
    pictures = [{"bytes": p, "path": f"n01440764_{i}.JPEG"} for i, p in enumerate(PICTURES)]
    pictures[2] = None
    pictures[4] = {"bytes": None, "path": None}
    table = pa.table({"image": pictures, "label": pa.array([0, 1, 1, None, 99, -1])})
    pq.write_table(hugging_face(table, ["tench", "goldfish"]), tmp_path / "x.parquet", row_group_size=4)
    path = tmp_path / "x.parquet"
    found = list(list_parquet(os.fsencode(path), image_column=None, synset_field=None))
    assert [m.name for m in found[:3]] == [b"0/n01440764_0.JPEG", b"1/n01440764_1.JPEG", b"2"]
    assert [m.label for m in found] == ["tench", "goldfish", "goldfish", None, "99", "-1"]
    assert [m.part for m in found] == [0, 0, 0, 0, 1, 1]
    assert read_records(path, found) == [*PICTURES[:2], None, PICTURES[3], None, PICTURES[5]]
    assert read_records(path, [found[1], found[5]]) == [PICTURES[1], PICTURES[5]]


def test_parquet_of_bytes_with_a_synset_and_columns_by_name(tmp_path):
    table = pa.table(
        {
            "n": [1, 2],
            "jpg": PICTURES[:2],
            "other": PICTURES[2:4],
            "wnid": ["n01440764", None],
            "kind": ["x", "y"],
        }
    )
    pq.write_table(table, path := tmp_path / "x.parquet")
    found = list(list_parquet(os.fsencode(path), image_column=None, synset_field=None))
    assert [m.label for m in found] == ["n01440764", None]
    assert read_records(path, found) == PICTURES[:2]
    named = list(list_parquet(os.fsencode(path), image_column="other", synset_field="kind"))
    assert [m.label for m in named] == ["x", "y"]
    assert read_records(path, named, image_column="other") == PICTURES[2:4]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"image": ["text"], "label": [1]}, "no_image_column"),
        ({"image": [[1, 2]]}, "no_image_column"),
        ({"image": [{"bytes": "text", "path": "x"}]}, "no_image_column"),
        ({"n": [1]}, "no_image_column"),
    ],
)
def test_parquet_with_columns_of_wrong_types_is_one_row(tmp_path, table, fault):
    pq.write_table(pa.table(table), path := tmp_path / "x.parquet")
    found = list(list_parquet(os.fsencode(path), image_column=None, synset_field=None))
    assert [m.fault for m in found] == [fault]


def test_parquet_that_is_cut_off_is_one_row(tmp_path):
    pq.write_table(pa.table({"image": PICTURES}), path := tmp_path / "x.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    found = list(list_parquet(os.fsencode(path), image_column=None, synset_field=None))
    assert [m.fault for m in found] == ["broken_archive"]


def test_reading_passes_over_what_is_rejected_and_survives_a_reader_that_fails(tmp_path):
    path = os.fsencode(write_tar(tmp_path / "x.tar", *((f"{i}.jpg", PICTURES[i]) for i in range(4))))
    rows = [
        {
            "path": path,
            "offset": m.offset,
            "size_bytes": m.size_bytes,
            "reject_reason": "no_synset" if i == 1 else None,
        }
        for i, m in enumerate(list_tar(path))
    ]
    rows.append({"path": path + b".gone", "offset": 0, "size_bytes": 3, "reject_reason": None})
    rows.append({"path": b"/nowhere", "offset": 0, "size_bytes": 1 << 40, "reject_reason": None})
    batch = pa.RecordBatch.from_pylist(rows)
    found = list(
        contents._contents(iter([batch.slice(0, 2), batch.slice(2)]), Opening("tar", max_bytes=1 << 20))
    )
    got = {(row["path"], row["offset"]): content for row, content in found}
    assert len(found) == 6
    assert [got[r["path"], r["offset"]] for r in rows] == [PICTURES[0], None, *PICTURES[2:4], None, None]
