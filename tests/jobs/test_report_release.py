"""report-release on a small release of each kind: from which versions it reads, what it says where parts miss."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from rows import NOON, rows

from synlake import registry, tables
from synlake.errors import InputError
from synlake.jobs import freezing, import_release, report_release
from synlake.warehouse import open_warehouse

AS_CSV = argparse.Namespace(format="csv")
PUG, CAT = "n02110958", "n02123045"


def picture(k: int) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").rotate(9 * k).resize((40 + k, 60)).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def write(warehouse, table, *given):
    tables.append(warehouse, table, rows(warehouse.spark, table, *given))


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """A warehouse as the pipeline leaves it, four images in two classes; release r1 of three of them."""
    warehouse = open_warehouse(spark, str(tmp_path_factory.mktemp("report") / "warehouse"))
    ids = ["a", "b", "c", "d"]
    stored = [{"image_id": i, "size_bytes": len(picture(k)), "bytes": picture(k)} for k, i in enumerate(ids)]
    tables.append_unstaged(warehouse, "image_bytes", rows(spark, "image_bytes", *stored))
    tree = {"n1": [], "n2": ["n1"], PUG: ["n2"], CAT: ["n2"], "n3": ["n1"], "n4": ["n3"]}
    synsets = [
        {"selection_id": "default", "synset_id": k, "name": f"<b>{k}</b>", "parent_ids": up, "depth": 6,
         "is_selected": k in (PUG, CAT), "reject_reason": None if k in (PUG, CAT) else "over_target"}
        for k, up in tree.items()
    ]  # fmt: skip
    write(warehouse, "synsets", *synsets)
    of = dict(zip(ids, [PUG, PUG, PUG, CAT], strict=True))
    hosts = dict(zip(ids, ["one.example", "one.example", "two.example", "one.example"], strict=True))
    urls = {i: f"https://{host}/{i}.jpg" for i, host in hosts.items()}
    write(
        warehouse,
        "candidates",
        *({"image_id": i, "synset_id": of[i], "source": "urls", "source_ref": urls[i]} for i in ids),
    )
    found = [{"url": urls[i], "synset_id": of[i], "query": "pug", "source": "urls",
              "country": {"a": "us", "d": "US"}.get(i)} for i in ids]  # fmt: skip
    write(warehouse, "search_results", *found)
    write(warehouse, "queries", {"synset_id": PUG, "query": "pug", "language": "en", "kind": "lemma"})
    pool = [{"image_id": i, "synset_id": of[i], "n_sources": 1, "is_kept": i != "b"} for i in ids]
    pool[1] |= {"reject_reason": "near_duplicate", "duplicate_of": "a", "distance_bits": 3}
    write(warehouse, "pool", *pool)
    answers = [("i1", "w1", "yes"), ("i1", "w2", "yes"), ("i2", "w1", "yes"), ("i2", "w2", "no")]
    votes = [{"vote_id": f"{i}{w}", "item_id": i, "worker_id": w, "answer": a} for i, w, a in answers]
    write(warehouse, "votes", *votes)
    write(
        warehouse,
        "workers",
        *({"worker_id": w, "n_votes": 2, "agreement": a} for w, a in (("w1", 1.0), ("w2", 0.5))),
    )
    labels = [{"item_id": i, "synset_id": PUG, "image_id": i, "label": "yes", "confidence": c, "n_votes": 2,
               "is_escalated": c < 0.6, "escalation_reason": "tie" if c < 0.6 else None}
              for i, c in (("i1", 1.0), ("i2", 0.5))]  # fmt: skip
    write(warehouse, "labels", *labels)
    decision = {"kind": "decision", "label": "yes", "reviewer_id": "e", "reviewed_at": NOON}
    drawn = {"review_id": "1", "item_id": "i1", "kind": "audit"}
    decisions = [{**decision, "review_id": k, "item_id": i} for k, i in (("2", "i1"), ("3", "i2"))]
    write(warehouse, "reviews", drawn, *decisions)
    metrics = {"rows_in": 4, "rows_kept": 3, "rejected:near_duplicate": 1, "n_duplicate_pairs": 77}
    write(warehouse, "stage_runs", {"run_id": "1", "stage": "deduplicate-images", "config": "{}"})
    freeze(warehouse, "r1", {i: of[i] for i in "acd"}, tree)
    write(warehouse, "stage_runs", {"run_id": "2", "stage": "freeze-release", "config": '{"release": "r1"}'})
    own = {"rows_in": 4, "rows_kept": 3, "c_cov": 0.125, "utility": 0.75}
    records = [
        {"run_id": run, "stage": stage, "metric": metric, "value": float(value), "is_ok": True,
         "threshold": 99.0 if metric == "n_duplicate_pairs" else None}
        for run, stage, given in (("1", "deduplicate-images", metrics), ("2", "freeze-release", own))
        for metric, value in given.items()
    ]  # fmt: skip
    write(warehouse, "stage_metrics", *records)
    return warehouse


def freeze(warehouse, name, of, tree):
    images = [
        {"release": name, "image_id": i, "synset_id": label, "label": label, "split": "train", "label_source": "votes",
         "confidence": 0.75, "group_id": i, "width_px": 100, "height_px": 200}
        for i, label in of.items()
    ]  # fmt: skip
    classes = [{"release": name, "synset_id": k, "name": f"<b>{k}</b>", "lemmas": [f"<b>{k}</b>"], "depth": 6,
                "n_images": list(of.values()).count(k)} for k in (PUG, CAT)]  # fmt: skip
    nouns = {k: (f"<b>{k}</b>", tuple(up)) for k, up in tree.items()}
    frames = {
        "release_images": rows(warehouse.spark, "release_images", *images),
        "release_synsets": rows(warehouse.spark, "release_synsets", *classes),
        "release_hierarchy": freezing.hierarchy_of(warehouse, name, nouns, [PUG, CAT]),
    }
    config = {"select-synsets": {"n_min": 2, "min_depth": 5, "max_depth": 9, "selection_id": "default"}}
    mine = registry.claim(warehouse, name)
    freezing.freeze(warehouse, mine, frames, freezing.Provenance("frozen", NOON, config))


def report(warehouse, target: Path, release="r1", **more) -> str:
    settings = report_release.Config(release=release, output=str(target / "report.html"), **more)
    assert report_release.run(warehouse, settings, AS_CSV) == 0
    return (target / "report.html").read_text(encoding="utf-8")


def cells(page: str, section: str) -> list[list[str]]:
    """The rows of the tables of a section, as text."""
    part = page.split(f'<section id="{section}"')[1].split("</section>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", part, flags=re.DOTALL)
    return [
        [
            re.sub(r"<[^>]+>", "", c).strip()
            for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)
        ]
        for row in found
    ]


@pytest.mark.slow
def test_it_says_what_was_frozen_whatever_came_later(frozen, tmp_path):
    (tmp_path / "regions.csv").write_text("country,region,target_share\nus,America,0.25\nKE,Africa,0.5\n")
    (tmp_path / "boxes.csv").write_text(
        "image_id,x_min,y_min,x_max,y_max\na,0,0,50,200\na,0,0,10,10\nd,-9,0,999,50\n"
    )
    given = {"regions": str(tmp_path / "regions.csv"), "boxes": str(tmp_path / "boxes.csv")}
    page = report(frozen, tmp_path, **given)
    assert "<b>" not in page
    assert page.count("data:image/jpeg") == 3  # two classes, one pair
    assert ["deduplicate-images", "4", "3", "75.0 %", "", "near_duplicate 1"] in cells(page, "stages")
    assert ["deduplicate-images", "n_duplicate_pairs", "77", "99", "yes"] in cells(page, "stages")
    assert {("kept", "3"), ("near_duplicate", "1")} <= {tuple(row) for row in cells(page, "duplicates")}
    crowd = cells(page, "crowd")
    assert ["tie", "1", "1"] in crowd
    assert ["all", "1", "1", "100.0 %", "20.7 % to 100.0 %"] in crowd  # Wilson's interval of one in one
    origins = cells(page, "origins")
    assert ["one.example", "2", "66.7 %", ""] in origins
    assert ["America", "2", "100.0 %", "25.0 %", "too large a share"] in origins
    assert ["Africa", "0", "0.0 %", "50.0 %", ""] in origins
    assert ["en", "2", "66.7 %", ""] in origins
    assert "mean 37.5 %" in page  # boxes cover half of a and a quarter of d
    assert ["C_cov", "0.1250"] in [row[:2] for row in cells(page, "utility")]
    assert ["U(D)", "0.7500"] in [row[:2] for row in cells(page, "utility")]

    tables.overwrite(
        frozen, "pool", rows(frozen.spark, "pool", {"image_id": "z", "synset_id": CAT, "is_kept": True})
    )
    write(frozen, "votes", {"vote_id": "late", "item_id": "i1", "worker_id": "w9", "answer": "no"})
    assert report(frozen, tmp_path, **given) == page


@pytest.mark.slow
def test_a_version_that_was_vacuumed_is_said_to_be_gone(frozen, tmp_path):
    tables.overwrite(
        frozen, "pool", rows(frozen.spark, "pool", {"image_id": "z", "synset_id": CAT, "is_kept": True})
    )
    frozen.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    frozen.spark.sql(f"VACUUM delta.`{tables.path(frozen, 'pool')}` RETAIN 0 HOURS")
    page = report(frozen, tmp_path, picture_bytes=0)
    assert "no longer stored: pool" in page
    assert ["kept", "1"] in cells(page, "duplicates")
    assert "none were asked for" in page


def test_an_imported_release_says_what_it_cannot_know(warehouse, tmp_path):
    (tmp_path / "list.csv").write_text("image_id,label\na,<i>cat</i>\nb,dog\n")
    import_release.run(
        warehouse, import_release.Config(release="r1", input=str(tmp_path / "list.csv")), AS_CSV
    )
    page = report(warehouse, tmp_path)
    assert "<i>" not in page
    for words in (
        "was imported",
        "no bytes of these images",
        "no table candidates",
        "U(D) was not measured",
    ):
        assert words in page
    with pytest.raises(InputError, match="there is no folder"):
        report(warehouse, tmp_path / "nowhere")
    with pytest.raises(InputError, match="no such release; there are: r1"):
        report(warehouse, tmp_path, release="r2")


def test_bad_files_are_told(frozen, tmp_path):
    (tmp_path / "regions.csv").write_text("country,target_share\nUS,lots\n")
    with pytest.raises(InputError, match=r"line 2: target_share: wanted a number from 0 to 1, got 'lots'"):
        report(frozen, tmp_path, regions=str(tmp_path / "regions.csv"))
    (tmp_path / "boxes.csv").write_text("image_id,x_min,y_min,x_max,y_max\na,0,0,wide,200\n")
    with pytest.raises(InputError, match="not four numbers: 1, such as a"):
        report(frozen, tmp_path, boxes=str(tmp_path / "boxes.csv"))
