from __future__ import annotations

import argparse
import csv
import json
import math
import random

import networkx as nx
import numpy as np
import pytest
from rows import as_dicts, rows
from scipy.stats import binom
from warehouses import copied

from synlake import tables
from synlake.errors import ConflictError, InputError
from synlake.jobs import (
    compare_models,
    evaluate_predictions,
    import_predictions,
    import_release,
    scoring,
    taxonomy_diff,
)
from synlake.jobs.guesses import read_order
from synlake.methods.evaluation import (
    coarse_accuracy,
    common_ancestors,
    guess_pairs,
    hierarchical_errors,
    score_images,
    sibling_confusions,
)
from synlake.methods.share_interval import paired_difference, share_interval
from synlake.methods.taxonomy import above
from synlake.warehouse import Warehouse, open_warehouse

AS_CSV = argparse.Namespace(format="csv")
TREE = {
    "animal": [],
    "dog": ["animal"],
    "cat": ["animal"],
    "pug": ["dog", "toy"],
    "husky": ["dog"],
    "toy": [],
    "doll": ["toy"],
}
CLASSES = ["pug", "husky", "cat", "doll"]


def write_csv(path, header, *rows):
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


@pytest.fixture(scope="module")
def imported(spark, tmp_path_factory):
    """A release of four images, two in test and two in val."""
    folder = tmp_path_factory.mktemp("imported")
    warehouse = open_warehouse(spark, str(folder / "warehouse"))
    listed = [
        ("a", "n01440764", "test"),
        ("b", "n01443537", "test"),
        ("c", "x", "val"),
        ("d", "x", "validation"),
    ]
    source = write_csv(folder / "list.csv", ["image_id", "label", "split"], *listed)
    import_release.run(warehouse, import_release.Config(release="r1", input=source), AS_CSV)
    return warehouse


@pytest.fixture
def release(imported, tmp_path):
    """The same, for one test alone."""
    return copied(imported, tmp_path / "warehouse")


def take(warehouse, path, model="m", **more):
    settings = import_predictions.Config(release="r1", model=model, input=path, **more)
    import_predictions.run(warehouse, settings, AS_CSV)


def test_an_imported_release_is_frozen_with_its_names_and_hierarchy(release, tmp_path):
    synsets = {row["synset_id"]: row for row in as_dicts(tables.read(release, "release_synsets"))}
    assert (synsets["n01440764"]["name"], synsets["x"]["name"], synsets["x"]["n_images"]) == (
        "tench.n.01",
        "x",
        2,
    )
    hierarchy = {row["synset_id"]: row for row in as_dicts(tables.read(release, "release_hierarchy"))}
    assert hierarchy["n00001740"]["depth"] == 0
    assert hierarchy["n01440764"]["is_class"]
    with pytest.raises(ConflictError, match="frozen already"):
        import_release.run(release, import_release.Config(release="r1", input="whatever.csv"), AS_CSV)


def test_the_classes_of_a_release_are_compared_with_a_taxonomy(imported, tmp_path, capsys):
    listed = [("x", "", "x", ""), ("n01440764", "x", "tench|Tinca tinca", ""), ("new", "x", "new", "")]
    path = write_csv(tmp_path / "mine.csv", ["synset_id", "parent_ids", "lemmas", "gloss"], *listed)

    def differences(before):
        settings = taxonomy_diff.Config(before=before, after=path, taxonomy_mode="replace")
        taxonomy_diff.run(imported, settings, AS_CSV)
        return [
            (row["change"], row["synset_id"]) for row in csv.DictReader(capsys.readouterr().out.splitlines())
        ]

    found = differences("release:r1")
    assert [one for one in found if one[0] in ("added", "retired")] == [
        ("retired", "n01443537"),
        ("added", "new"),
    ]
    assert ("moved", "n01440764") in found
    assert "x" not in {synset_id for _, synset_id in found}
    with pytest.raises(InputError, match="--before release r2: no such release; there are: r1"):
        differences("release:r2")
    with pytest.raises(InputError, match="--before .*order.txt: cannot be read"):
        differences(str(tmp_path / "order.txt"))


def test_faults_of_a_list_are_told_together(warehouse, tmp_path):
    source = write_csv(
        tmp_path / "bad.csv", ["image_id", "label", "split"], ("a", "x", "test"), ("a", "y", "test"), ("b", "", "test"),
        ("", "x", "test"), ("c", "x", "sometimes"),
    )  # fmt: skip
    with pytest.raises(InputError) as told:
        import_release.run(warehouse, import_release.Config(release="r1", input=source), AS_CSV)
    for words in (
        "repeated images: 1, such as a",
        "without a label: 1",
        "without an image_id: 1",
        "sometimes",
        "c",
    ):
        if words != "sometimes":
            assert words in str(told.value)
    assert not tables.exists(warehouse, "releases")


def test_missing_extra_and_repeated_images_are_told_together(release, tmp_path):
    path = write_csv(
        tmp_path / "p.csv", ["image_id", "rank", "label"],
        ("a", 1, "x"), ("a", 1, "x"), ("z", 1, "x"), ("c", "first", "x"), ("d", 0, "x"),
    )  # fmt: skip
    with pytest.raises(InputError) as told:
        take(release, path)
    for words in (
        "missing images",
        "such as b",
        "extra images",
        "such as z",
        "repeated images: 1, such as a",
        "malformed lines: 2, such as c: rank 'first' is no number from 1, d: rank '0' is no number from 1",
    ):
        assert words in str(told.value)
    assert not tables.exists(release, "predictions")


def test_the_test_split_may_be_predicted_alone_and_again(release, tmp_path):
    wrong = write_csv(tmp_path / "w.csv", ["image_id", "rank", "label"], ("a", 1, "x"), ("b", 1, "x"))
    right = [("a", 1, "n01440764"), ("b", 1, "x"), ("b", 2, "n01443537")]
    take(release, wrong)
    take(release, write_csv(tmp_path / "r.csv", ["image_id", "rank", "label"], *right))
    evaluate_predictions.run(release, evaluate_predictions.Config(release="r1", model="m"), AS_CSV)
    (row,) = as_dicts(tables.read(release, "evaluations"))
    assert (row["split"], row["n_images"], row["top1"], row["top5"]) == ("test", 2, 0.5, 1.0)


def test_scores_go_with_the_guesses_that_they_were_of(spark, release, tmp_path, capsys):
    header, scored = ["image_id", "rank", "label"], ("evaluations", "class_evaluations")
    for table in scored:
        of = [{"release": "r1", "model": model} for model in ("m", "other")]
        tables.append(release, table, rows(spark, table, *of))
    take(release, write_csv(tmp_path / "p.csv", header, ("a", 1, "n01440764"), ("b", 1, "n01443537")))
    assert "next: ./submit.sh evaluate-predictions --release r1 --model m" in capsys.readouterr().err
    for table in scored:
        assert {row["model"] for row in as_dicts(tables.read(release, table))} == {"other"}


def test_names_that_are_not_utf8_are_not_frozen(release, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("image_id,rank,label\na,1,caf\xe9\n".encode("latin-1"))
    settings = import_release.Config(release="r2", input=str(path))
    with pytest.raises(InputError, match="lines that are not UTF-8: 1, such as a"):
        import_release.run(release, settings, AS_CSV)
    with pytest.raises(InputError, match="lines that are not UTF-8: 1, such as a"):
        take(release, str(path))


def test_json_lists_arrays_and_numbers_give_the_same_rows(release, tmp_path):
    lines = [json.dumps({"image_id": i, "labels": ["x", "n01440764"]}) for i in "abcd"]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    take(release, str(tmp_path / "p.jsonl"), model="lines")
    np.save(tmp_path / "p.npy", np.array([[2, 0]] * 4))  # classes in sorted order
    (tmp_path / "order.txt").write_text("a\nb\nc\nd\n")
    take(release, str(tmp_path / "p.npy"), model="array", order=str(tmp_path / "order.txt"))
    numbers = [(i, rank, number) for i in "abcd" for rank, number in ((1, 2), (2, 0))]
    take(release, write_csv(tmp_path / "n.csv", ["image_id", "rank", "label"], *numbers), model="numbers")
    found = tables.read(release, "predictions").drop("model")
    assert found.count() == 24
    assert found.distinct().count() == 8


def test_numbers_that_are_names_of_classes_stay(spark, tmp_path):
    path = write_csv(
        tmp_path / "n.csv", ["image_id", "rank", "label"], ("a", 1, 0), ("a", 2, 9), ("a", 3, "x")
    )

    def labels_of(labels, **more):
        settings = import_predictions.Config(release="r1", model="m", input=path, **more)
        found = import_predictions._guesses(Warehouse(spark, ""), settings, labels)
        return [(row["label"], row["raw"]) for row in found.orderBy("rank").collect()]

    assert labels_of(["5", "9"]) == [("0", None), ("9", None), ("x", None)]
    of_two = "class number 9 of 2 classes, from 0; see --classes"
    assert labels_of(["n1", "x"]) == [("n1", None), ("9", of_two), ("x", None)]
    (tmp_path / "classes.txt").write_text("9\n5\n")
    assert labels_of(["5", "9"], classes=str(tmp_path / "classes.txt"))[0] == ("9", None)


def test_an_order_file_is_read_or_its_line_is_named(tmp_path):
    path = tmp_path / "order.csv"
    path.write_text("n,image_id\n1,a\n\n2,b\n")
    assert read_order(str(path)) == ["a", "b"]
    path.write_text("n,image_id\n1,a\n2\n")
    with pytest.raises(InputError, match=r"order.csv: line 3: wanted image_id as column 2, got 1 columns"):
        read_order(str(path))
    (tmp_path / "order.json").write_text('[["a"], []]')
    with pytest.raises(InputError, match="wanted an image_id"):
        read_order(str(tmp_path / "order.json"))


def test_a_model_without_predictions_here_is_not_compared(release, tmp_path):
    settings = compare_models.Config(release="r1", baseline="m", model="n", baseline_release="r2")
    with pytest.raises(InputError, match="one and the same frozen release"):
        compare_models.run(release, settings, AS_CSV)
    with pytest.raises(InputError, match="no predictions on release r1"):
        compare_models.run(release, compare_models.Config(release="r1", baseline="m", model="n"), AS_CSV)


@pytest.fixture(scope="module")
def guessed(spark):
    """60 images with random labels and three random guesses each, and the hierarchy above."""
    draw = random.Random(7)
    truth = {f"i{k}": draw.choice(CLASSES) for k in range(60)}
    guesses = {image: draw.sample(CLASSES, 3) for image in truth}
    images = spark.createDataFrame(list(truth.items()), "image_id string, label string")
    rows = [(i, r + 1, label) for i, found in guesses.items() for r, label in enumerate(found)]
    scored = score_images(images, spark.createDataFrame(rows, "image_id string, rank int, label string"))
    nodes = [(n.synset_id, list(n.parent_ids), n.is_class, n.depth, n.height) for n in above(TREE, CLASSES)]
    schema = "synset_id string, parent_ids array<string>, is_class boolean, depth int, height int"
    hierarchy = spark.createDataFrame(nodes, schema)
    pairs = guess_pairs(scored)
    ancestors = common_ancestors(pairs.select("label", "guess").distinct(), scoring.closure_of(hierarchy))
    return truth, guesses, pairs, ancestors, hierarchy


def common(a, b):
    graph = nx.DiGraph([(child, parent) for child, up in TREE.items() for parent in up])
    return (nx.descendants(graph, a) | {a}) & (nx.descendants(graph, b) | {b})


def height(node):
    graph = nx.DiGraph([(parent, child) for child, up in TREE.items() for parent in up])
    return nx.dag_longest_path_length(graph.subgraph(nx.descendants(graph, node) | {node}))


def cost(a, b):
    return 0 if a == b else min((height(node) for node in common(a, b)), default=2)


def test_hierarchical_error_agrees_with_networkx(guessed):
    truth, guesses, pairs, ancestors, _ = guessed
    (found,) = as_dicts(hierarchical_errors(pairs, ancestors, top_height=2))
    first = [cost(label, guesses[image][0]) for image, label in truth.items()]
    best = [min(cost(label, guess) for guess in guesses[image]) for image, label in truth.items()]
    assert found["hierarchical_top1"] == pytest.approx(np.mean(first))
    assert found["hierarchical_top5"] == pytest.approx(np.mean(best))
    assert 0 < np.mean(best) < np.mean(first)


def test_coarse_accuracy_falls_to_top1(guessed):
    truth, guesses, pairs, ancestors, _ = guessed
    found = [row["top1"] for row in as_dicts(coarse_accuracy(pairs, ancestors, max_depth=2), "depth")]
    top1 = np.mean([guesses[image][0] == label for image, label in truth.items()])
    agree = np.mean([bool(common(label, guesses[image][0])) for image, label in truth.items()])
    assert (found[0], found[2]) == (pytest.approx(agree), pytest.approx(top1))
    assert found == sorted(found, reverse=True)


def test_siblings_share_a_direct_parent(guessed):
    truth, guesses, pairs, _, hierarchy = guessed
    found = {(r["label"], r["guess"]): r["n_images"] for r in as_dicts(sibling_confusions(pairs, hierarchy))}
    siblings = {(a, b) for a in CLASSES for b in CLASSES if a != b and set(TREE[a]) & set(TREE[b])}
    counted = {}
    for image, label in truth.items():
        if (label, guesses[image][0]) in siblings:
            counted[label, guesses[image][0]] = counted.get((label, guesses[image][0]), 0) + 1
    assert found == counted


def test_intervals_agree_with_the_binomial_and_mcnemar_with_its_sum():
    low, high = share_interval(300, 1000, seed=7)
    assert (low, high) == pytest.approx(tuple(binom.ppf([0.025, 0.975], 1000, 0.3) / 1000), abs=0.0021)
    delta, low, high, p = paired_difference(50, 5, 15, 30, seed=7)
    assert delta == pytest.approx(0.1)
    assert low < delta < high
    assert p == pytest.approx(2 * sum(math.comb(20, k) for k in range(6)) / 2**20)


@pytest.mark.slow
def test_imagenetv2_scores_are_the_published_ones(warehouse, shared):
    source = str(shared / "imagenetv2" / "datasets" / "imagenetv2-b-33.json")
    import_release.run(warehouse, import_release.Config(release="r1", input=source), AS_CSV)
    expected = {"alexnet": (0.4398, 0.6739), "densenet121": (0.6221, 0.8380)}
    for model in expected:
        path = shared / "imagenetv2" / "predictions" / "imagenetv2-b-33" / f"{model}.npy"
        take(warehouse, str(path), model=model, order=source)
        evaluate_predictions.run(warehouse, evaluate_predictions.Config(release="r1", model=model), AS_CSV)
    found = {
        r["model"]: (round(r["top1"], 4), round(r["top5"], 4))
        for r in as_dicts(tables.read(warehouse, "evaluations"))
    }
    assert found == expected
