from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import shutil
from collections import defaultdict
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import imagehash
import pytest
from deltalake import DeltaTable
from PIL import Image
from rows import NOON, as_dicts, rows
from warehouses import copied

from synlake import manifest, registry, suiting, tables
from synlake.errors import ContractError, InputError, UsageError
from synlake.jobs import (
    deriving,
    evaluate_predictions,
    freeze_release,
    import_predictions,
    released,
    verify_release,
)
from synlake.warehouse import open_warehouse

AS_CSV = argparse.Namespace(format="csv")

DOG, PUG, TENCH = "n02084071", "n02110958", "n01440764"


def grow(spark, warehouse, names, hashes=None):
    """Kept, fingerprinted images named after their class, each confirmed by three votes."""
    hashes = hashes or {}
    images = [{"image_id": name, "synset_id": {"p": PUG, "t": TENCH}[name[0]]} for name in names]
    prints = [
        {"image_id": n, "width_px": 9, "height_px": 9, "format": "PNG", "phash": hashes.get(n, hash_of(n))}
        for n in names
    ]
    labels = [
        {**i, "item_id": i["image_id"], "label": "yes", "confidence": 1.0, "n_votes": 3} for i in images
    ]
    pool = [{**image, "is_kept": True, "n_sources": 1} for image in images]
    for table, given in (("fingerprints", prints), ("labels", labels), ("pool", pool)):
        tables.insert_new(warehouse, table, rows(spark, table, *given))


def hash_of(name):
    """Hashes that are far apart, as those of different pictures are."""
    return random.Random(name).getrandbits(63)


def freeze(warehouse, release, **more):
    given = {"release": release, "n_val": 1, "n_test": 2, "as_of": NOON, **more}
    return freeze_release.main(warehouse, freeze_release.Config(**given))


def images_of(warehouse, release):
    found = tables.read(warehouse, "release_images").where(f"release = '{release}'")
    return {row["image_id"]: row["split"] for row in as_dicts(found)}


def labels_of(df):
    return {row["image_id"]: row["label"] for row in as_dicts(df)}


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """v1.0.0 of 12 images, v1.1.0 of those and 8 more, two of these in a holdout without labels."""
    warehouse = open_warehouse(spark, str(tmp_path_factory.mktemp("freeze") / "warehouse"))
    synsets = [
        {"selection_id": "default", "synset_id": s, "name": n, "parent_ids": up, "is_selected": bool(up),
         "reject_reason": None if up else "too_shallow"}
        for s, n, up in ((PUG, "pug.n.01", [DOG]), (TENCH, "tench.n.01", [DOG]), (DOG, "dog.n.01", []))
    ]  # fmt: skip
    tables.append(warehouse, "synsets", rows(spark, "synsets", *synsets))
    names = [f"{c}{i}" for c in "pt" for i in range(6)]
    grow(spark, warehouse, names)
    freeze(warehouse, "v1.0.0")
    grow(spark, warehouse, [f"{c}{i}" for c in "pt" for i in range(6, 10)])
    freeze(warehouse, "v1.1.0", n_holdout=1, withhold_labels=True)
    return warehouse


def test_an_image_keeps_its_split_and_both_releases_verify(frozen):
    old, new = images_of(frozen, "v1.0.0"), images_of(frozen, "v1.1.0")
    assert (len(old), len(new)) == (12, 20)
    assert {image: new[image] for image in old} == old
    for release in ("v1.0.0", "v1.1.0"):
        assert [f for f in verify_release.check(frozen, release, deep=False) if not f[1]] == []


def test_labels_of_the_holdout_are_kept_apart_and_scores_are_right_all_the_same(spark, frozen, tmp_path):
    shown = tables.read(frozen, "release_images").where("release = 'v1.1.0'")
    secret = {image for image, split in images_of(frozen, "v1.1.0").items() if split == "holdout"}
    assert len(secret) == 2
    assert {image: labels_of(shown)[image] for image in secret} == dict.fromkeys(secret, "withheld")
    row = registry.row_of(frozen, "v1.1.0")
    assert row["counts"]["withheld"] == 2
    truth = {image: {"p": PUG, "t": TENCH}[image[0]] for image in images_of(frozen, "v1.1.0")}
    assert labels_of(released.labelled_images(frozen, row)) == truth
    page = Path(frozen.root, "manifests/v1.1.0")
    keys = (
        spark.read.option("recursiveFileLookup", True)
        .parquet(str(page / "row_hashes"))
        .where("key LIKE '%withheld'")
        .count()
    )
    assert keys == 2, "the hash of a label could be undone by trying every class"

    guesses = tmp_path / "guesses.csv"
    guesses.write_text("image_id,rank,label\n" + "".join(f"{image},1,{PUG}\n" for image in secret))
    taken = {"release": "v1.1.0", "model": "pugs"}
    import_predictions.run(frozen, import_predictions.Config(**taken, input=str(guesses)), AS_CSV)
    evaluate_predictions.run(frozen, evaluate_predictions.Config(**taken), AS_CSV)
    (score,) = as_dicts(tables.read(frozen, "evaluations"))
    assert (score["split"], score["n_images"], score["top1"]) == ("holdout", 2, 0.5)

    given_away = open_warehouse(spark, str(tmp_path / "copy"))
    shutil.copytree(frozen.root, given_away.root, dirs_exist_ok=True)
    shutil.rmtree(Path(given_away.root, "release_withheld"))
    assert [f for f in verify_release.check(given_away, "v1.1.0", deep=False) if not f[1]] == []
    with pytest.raises(InputError, match="withheld, and not in this warehouse"):
        evaluate_predictions.run(given_away, evaluate_predictions.Config(**taken), AS_CSV)


def canonical(row):
    """A row as ARCHITECTURE's "Freezing" has it hashed, by Python's own JSON and decimals."""
    texts = {}
    for name, value in sorted(row.items()):
        if isinstance(value, float):
            texts[name] = str(Decimal(repr(value)).quantize(Decimal("1e-9"), ROUND_HALF_UP))
        elif isinstance(value, bool):
            texts[name] = str(value).lower()
        elif value is not None and name != "release":
            texts[name] = value if isinstance(value, list) else str(value)
    return json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()


def checksum_without_spark(rows):
    buckets = defaultdict(list)
    for row in rows:
        digest = hashlib.sha256(canonical(row)).hexdigest()
        buckets[digest[:3]].append(digest)
    hashed = [hashlib.sha256("".join(sorted(buckets[key])).encode()).hexdigest() for key in sorted(buckets)]
    return hashlib.sha256("".join(hashed).encode()).hexdigest()


def test_the_checksum_is_that_of_another_program_on_the_same_rows(frozen):
    for release in ("v1.0.0", "v1.1.0"):
        page = json.loads(Path(frozen.root, manifest.path_of(release)).read_text())
        of_release = {
            table: DeltaTable(f"{frozen.root}/{table}").to_pyarrow_table(
                partitions=[("release", "=", release)]
            )
            for table in page["tables"]
        }
        found = {table: checksum_without_spark(rows.to_pylist()) for table, rows in of_release.items()}
        assert found == page["tables"]
        listed = "\n".join(f"{table} {found[table]}" for table in sorted(found))
        assert hashlib.sha256(listed.encode()).hexdigest() == page["content_checksum"]


@pytest.mark.parametrize("n_few", [0, suiting.FEW_ROWS])
def test_near_images_are_a_group_whether_there_are_few_or_many(spark, frozen, tmp_path, monkeypatch, n_few):
    monkeypatch.setattr(suiting, "FEW_ROWS", n_few)
    mine = copied(frozen, tmp_path / "warehouse")
    near = {"p31": hash_of("p30") ^ 0b111, "t32": hash_of("p30") ^ 0b1111000, "t33": hash_of("p9") ^ 1}
    grow(spark, mine, ["p30", "p34", *near], near)
    freeze(mine, "v1.2.0", n_holdout=1, withhold_labels=True)
    rows = as_dicts(tables.read(mine, "release_images").where("release = 'v1.2.0'"))
    groups = {row["image_id"]: row["group_id"] for row in rows}
    assert {image: group for image, group in groups.items() if image != group} == {
        "p31": "p30", "t32": "p30", "t33": "p9",
    }  # fmt: skip
    split = {row["image_id"]: row["split"] for row in rows}
    assert split["p30"] == split["p31"] == split["t32"]
    assert split["t33"] == split["p9"] == images_of(mine, "v1.1.0")["p9"]


def test_an_image_with_two_labels_for_one_class_freezes_nothing(spark, frozen, tmp_path):
    mine = copied(frozen, tmp_path / "warehouse")
    again = {"item_id": "p0 again", "image_id": "p0", "synset_id": PUG, "label": "yes", "confidence": 1.0}
    tables.append(mine, "labels", rows(spark, "labels", again))
    with pytest.raises(ContractError, match=r"is not unique: 1 keys, such as v2.0.0, p0, n02110958"):
        freeze(mine, "v2.0.0", withhold_labels=True)
    assert registry.check_is_free(mine, "v2.0.0") is None
    assert not images_of(mine, "v2.0.0")


def test_the_manifest_counts_classes_and_the_hierarchy_is_the_releases_own(frozen):
    page = json.loads(Path(frozen.root, manifest.path_of("v1.0.0")).read_text())
    assert page["classes"].keys() == {PUG, TENCH}
    assert sum(page["classes"][PUG].values()) == 6
    assert page["label_protocol"].keys() >= {"question", "rule", "settings"}
    nodes = as_dicts(tables.read(frozen, "release_hierarchy").where("release = 'v1.0.0'"))
    assert {(n["synset_id"], n["is_class"], n["height"]) for n in nodes} == {
        (DOG, False, 1), (PUG, True, 0), (TENCH, True, 0)
    }  # fmt: skip


def test_a_split_that_no_class_is_large_enough_for_is_told():
    settings = freeze_release.Config(release="v1.0.0", n_val=1, n_test=0, n_holdout=2)
    (note,) = freeze_release._empty_splits(settings, {"split:train": 3, "withheld": 0})
    assert note.endswith("split val, holdout")
    assert freeze_release._empty_splits(settings, {"split:val": 1, "split:holdout": 1}) == ()


def test_a_list_of_withdrawn_images_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "ids.txt").write_text("p1\n", encoding="utf-16")
    with pytest.raises(InputError, match="ids.txt: wanted image ids in UTF-8"):
        deriving._withdrawn(None, None, str(tmp_path / "ids.txt"))
    (tmp_path / "ids.txt").write_text("\n")
    with pytest.raises(InputError, match="ids.txt: lists no images"):
        deriving._withdrawn(None, None, str(tmp_path / "ids.txt"))


def test_a_release_is_derived_and_its_version_must_grow_enough(frozen, tmp_path):
    (tmp_path / "ids.txt").write_text("p1\n", encoding="utf-8-sig")  # as Notepad saves it
    withdrawn = {"from_": "v1.1.0", "withdraw": str(tmp_path / "ids.txt"), "reason": "takedown"}
    with pytest.raises(UsageError, match=r"a major one \(.* 1 classes gone\)"):
        freeze(frozen, "v1.1.1", from_="v1.1.0", only=(PUG,))
    outcome = freeze(frozen, "v1.1.1", **withdrawn)
    assert (outcome.rows_kept, dict(outcome.rejected)) == (19, {"withdrawn": 1})
    assert "p1" not in images_of(frozen, "v1.1.1")
    assert registry.row_of(frozen, "v1.1.1")["counts"]["withheld"] == 2, "a release of it withholds as much"
    subset = freeze(replace(frozen), "pugs", from_="v1.1.0", only=(PUG,))
    assert (subset.rows_kept, dict(subset.rejected)) == (9, {"other_class": 9, "withheld": 2})
    assert "holdout" not in images_of(frozen, "pugs").values(), "that one is a pug would be told"


def test_what_a_release_withholds_no_later_one_tells(spark, frozen, tmp_path):
    with pytest.raises(InputError, match=r"release v1.1.\d withholds"):
        freeze(frozen, "v1.2.0", n_holdout=1)
    sizes = as_dicts(tables.read(frozen, "release_synsets").where("release = 'v1.1.0'"))
    assert [row["n_images"] for row in sizes] == [9, 9], "of 10, one is in the holdout"
    empty = open_warehouse(spark, str(tmp_path / "empty"))
    with pytest.raises(InputError, match="there is no holdout"):
        freeze(empty, "v1.0.0", withhold_labels=True)


def test_a_class_that_only_the_holdout_has_has_a_number(spark, tmp_path):
    warehouse = open_warehouse(spark, str(tmp_path / "mine"))
    classes = [{"release": "r", "synset_id": s, "name": s, "n_images": n} for s, n in ((PUG, 0), (TENCH, 2))]
    tables.append(warehouse, "release_synsets", rows(spark, "release_synsets", *classes))
    row = {"release": "r", "counts": {"split:test": 2}}
    assert released.class_labels(warehouse, row) == [TENCH]
    row["counts"]["withheld"] = 1
    assert released.class_labels(warehouse, row) == [TENCH, PUG]


def drawn(name):
    """A picture of its own for each name: (image_id, perceptual hash, bytes)."""
    image = Image.frombytes("L", (64, 64), random.Random(name).randbytes(64 * 64))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    bits = "".join(str(int(bit)) for bit in imagehash.phash(image).hash.flat)
    number = int(bits, 2)
    return hashlib.sha256(stream.getvalue()).hexdigest(), number - (number >> 63 << 64), stream.getvalue()


def grow_drawn(spark, warehouse, names):
    """The same as :func:`grow`, of real pictures; returns their ids."""
    pictures = {name: drawn(name) for name in names}
    for table, columns in (
        ("fingerprints", {"width_px": 64, "height_px": 64, "format": "PNG", "hash_mode": "exact"}),
        ("labels", {"label": "yes", "confidence": 1.0, "n_votes": 3}),
        ("pool", {"is_kept": True, "n_sources": 1}),
        ("image_bytes", {}),
    ):
        more = {
            "fingerprints": lambda name: {"phash": pictures[name][1]},
            "labels": lambda name: {"item_id": name, "synset_id": {"p": PUG, "t": TENCH}[name[0]]},
            "pool": lambda name: {"synset_id": {"p": PUG, "t": TENCH}[name[0]]},
            "image_bytes": lambda name: {"bytes": pictures[name][2], "size_bytes": len(pictures[name][2])},
        }[table]
        given = [{"image_id": pictures[name][0], **columns, **more(name)} for name in names]
        tables.insert_new(warehouse, table, rows(spark, table, *given))
    return {pictures[name][0] for name in names}


@pytest.mark.slow
def test_a_release_outlives_new_data_vacuum_and_another_configuration(spark, frozen, tmp_path):
    """Its rows are its own: nothing that happens to the tables it was made from can change it."""
    warehouse = open_warehouse(spark, str(tmp_path / "mine"))
    tables.append(warehouse, "synsets", tables.read(frozen, "synsets"))
    grow_drawn(spark, warehouse, [f"{c}{i}" for c in "pt" for i in range(4)])
    freeze(warehouse, "v1.0.0")

    def answers():
        found = [as_dicts(df) for df in registry.rows_of(warehouse, "v1.0.0").values()]
        return found, registry.row_of(warehouse, "v1.0.0")

    before = answers()
    grow_drawn(spark, warehouse, [f"{c}{i}" for c in "pt" for i in range(4, 10)])
    (gone,) = grow_drawn(spark, warehouse, ["p0"])
    for table in ("labels", "pool"):  # a later run of the stages writes them anew
        rest = tables.read(warehouse, table).where(f"image_id <> '{gone}'").localCheckpoint()
        tables.overwrite(warehouse, table, rest)
    spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    try:
        for path in sorted(Path(warehouse.root).glob("*/_delta_log")):
            spark.sql(f"VACUUM delta.`{path.parent}` RETAIN 0 HOURS")
    finally:
        spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")
    with pytest.raises(Exception, match=r"(?i)file"):  # time travel alone would have lost it
        spark.read.format("delta").option("versionAsOf", 1).load(tables.path(warehouse, "pool")).collect()
    freeze(warehouse, "v2.0.0", n_val=3, n_test=4, tau=4, seed=8)
    assert len(images_of(warehouse, "v2.0.0")) == 19
    assert answers() == before
    assert [f for f in verify_release.check(warehouse, "v1.0.0", deep=True) if not f[1]] == []
