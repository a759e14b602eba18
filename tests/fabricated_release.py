"""What jobs/report_release.py would gather, made up: for tests of the page without Spark."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from synlake.jobs.past import Seen
from synlake.jobs.report_pictures import Picture
from synlake.jobs.report_release import Config
from synlake.methods.region_balance import balance
from synlake.methods.release_tree import tree_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}</style></title>"
QUANTILES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def content(n_classes: int = 5, *, name: str = "dog", picture: str = "data:image/jpeg;base64,AAAA"):
    """A frozen release with everything known; ``name`` is in every text that comes from a user."""
    labels = [f"n{k:08d}" for k in range(n_classes)]
    classes = [
        {"label": k, "name": name, "lemmas": [name], "gloss": name, "n": 4, "train": 2, "val": 1, "test": 1,
         "holdout": 0,
         "confidence": 0.9}
        for k in labels
    ]  # fmt: skip
    names = {"n9": name, **dict.fromkeys(labels, name)}
    row = {
        "release": "r1", "kind": "frozen", "parent": None, "reason": name, "content_checksum": "ab" * 32,
        "table_checksums": {"release_images": "cd" * 32}, "frozen_at": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        "n_images": 4 * n_classes, "n_synsets": n_classes, "config": "{}", "synlake_version": "0",
        "counts": {"split:train": 2 * n_classes, "left_out:not_kept": 3}, "input_versions": {},
    }  # fmt: skip
    settings = Config(release="r1", output="x", authors=name, url=name, license=name, note=name)
    listed = {c: [(name, 3), (None, 1)] for c in ("source", "host", "country", "language", "licence")}
    worker = {"says": "right on gold questions", "n": 3, "q": [0.1, 0.5, 0.9], "bins": {"0–10 %": 3}}
    agreement = {"n_items": 2, "n_votes": 6, "observed": 0.8, "krippendorff_alpha": 0.7, "fleiss_kappa": None}
    stage = {"stage": name, "rows_in": 9, "rows_kept": 6, "rejected": [(name, 3)],
             "utility": {"c_cov": 0.5, "utility": 1.25}, "controls": [(name, 0.5, 0.75, False)]}  # fmt: skip
    pair = {"image_id": "a" * 64, "duplicate_of": "b" * 64, "synset_id": name, "reject_reason": "near_duplicate",
            "distance_bits": 3}  # fmt: skip
    even = {"stage": name, "n_images": 9, "smallest": 1, "median": 2.5, "largest": 5, "gini": 0.2,
            "head_share": 0.5, "tail_share": 0.25}  # fmt: skip
    audit = {"level": "all", "part": name, "n_audited": 9, "n_right": 8, "accuracy": 0.9, "accuracy_low": 0.5,
             "accuracy_high": 1.0}  # fmt: skip
    return {
        "row": row,
        "settings": asdict(settings),
        "notices": [{"noticed_at": row["frozen_at"], "reason": name, "use_instead": name}],
        "classes": classes,
        "tree": tree_of(names, {label: ["n9"] for label in labels}, dict.fromkeys(labels, 4)),
        "label_sources": [(name, 4 * n_classes)],
        "formats": [(name, 4 * n_classes - 1)],
        "mosaics": dict.fromkeys(labels, Picture(4, 56, picture)),
        "sizes": {"n_images": 9, "n_known": 8, **dict.fromkeys(("shorter side", "longer side", "area", "aspect ratio"),
                                                              QUANTILES)},
        "sides": [(256, 3), (362, 4)],
        "scales": {"n": 2, "mean": 0.5, "quantiles": QUANTILES, "bins": {"0–10 %": 2}},
        "origin": row,
        "funnel": Seen([stage]),
        "pool_sizes": Seen({"table": [even], "curves": {name: [3.0, 1.0]}}, note=name),
        "duplicates": Seen({"outcomes": [(name, 3)], "by_bits": {"3": 4}, "n_exact_copies": 1, "n_restored": 0}),
        "pairs": [pair],
        "pair_pictures": {pair["image_id"]: Picture(2, 144, picture)},
        "crowd": Seen({"agreement": agreement, "n_workers": 3, "measures": {"gold_accuracy": worker},
                       "excluded": [(name, 1)]}),
        "escalations": Seen({"n_items": 9, "by_reason": [(name, 3, 2)], "audit": [audit]}),
        "origins": Seen({"listed": listed, "regions": balance({name: 3}, {}, {"Africa": 0.2}, max_share=0.5)}),
    }  # fmt: skip


def bare():
    """An imported release of which nothing but the images is known."""
    nothing = Seen(note="The release was imported.")
    whole = content()
    empty = ("funnel", "pool_sizes", "duplicates", "crowd", "escalations", "origins")
    measures = ("shorter side", "longer side", "area", "aspect ratio")
    return {
        **whole,
        **dict.fromkeys(empty, nothing),
        "row": {**whole["row"], "kind": "imported", "reason": None, "counts": {}},
        "classes": [{**one, "name": None, "gloss": None, "confidence": None, "n": None} for one in whole["classes"]],
        "notices": [], "tree": [], "formats": [(None, 20)], "mosaics": {}, "pairs": [], "pair_pictures": {},
        "sizes": {"n_images": 20, "n_known": 0, **dict.fromkeys(measures)}, "sides": [], "scales": None,
    }  # fmt: skip


def sparse():
    """A frozen release that was looked at throughout, and of which there was nothing to find."""
    whole = content()
    agreement = dict.fromkeys(("observed", "krippendorff_alpha", "fleiss_kappa")) | {
        "n_items": 0,
        "n_votes": 0,
    }
    row = {"level": "all", "part": "all", "n_audited": 0, "n_right": 0, "accuracy": None, "accuracy_low": None,
           "accuracy_high": None}  # fmt: skip
    listed = {c: [(None, 20)] for c in ("source", "host", "country", "language", "licence")}
    return {
        **whole, "funnel": Seen([]), "pool_sizes": Seen({"table": [], "curves": {}}), "sides": [], "pairs": [],
        "duplicates": Seen({"outcomes": [], "by_bits": {}, "n_exact_copies": 0, "n_restored": 0}),
        "crowd": Seen({"agreement": agreement, "n_workers": 0, "measures": {}, "excluded": []}),
        "escalations": Seen({"n_items": 0, "by_reason": [], "audit": [row]}),
        "origins": Seen({"listed": listed, "regions": []}),
        "scales": {"n": 0, "mean": None, "quantiles": None, "bins": {}},
    }  # fmt: skip
