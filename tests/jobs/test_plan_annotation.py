"""The lay-out of HITs, where controls come from, what is exported, and what it costs."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from pyspark.sql import functions as F
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError, UsageError
from synlake.jobs import import_votes, plan_annotation, task_files
from synlake.methods.hierarchy import hypernym_distance, steps_up
from synlake.warehouse import open_warehouse

#: Two dogs, a fox near them, a cat further off, and two things at the other end of the tree.
PARENTS = {
    "entity": [],
    "animal": ["entity"],
    "canine": ["animal"],
    "dog": ["canine"],
    "n1": ["dog"],
    "n2": ["dog"],
    "n3": ["canine"],
    "feline": ["animal"],
    "n4": ["feline"],
    "thing": ["entity"],
    "n5": ["thing"],
    "n6": ["thing"],
}
SIZES = {"n1": 100, "n2": 42, "n3": 5, "n4": 30, "n5": 60, "n6": 1}
FAR = 4


@pytest.fixture(scope="module")
def planned(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    warehouse = open_warehouse(spark, str(folder / "warehouse"))
    synsets = [
        {
            "selection_id": "default",
            "synset_id": one,
            "lemmas": [f"{one}_<b>&'word'", "second"],
            "gloss": f'a "kind" of <{one}>, & more',
            "parent_ids": above,
            "is_selected": one in SIZES,
            "reject_reason": None if one in SIZES else "too_shallow",
        }
        for one, above in PARENTS.items()
    ]
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", *synsets))
    pool = [
        {"image_id": f"{synset}-{k}", "synset_id": synset, "is_kept": True}
        for synset, size in SIZES.items()
        for k in range(size)
    ]
    tables.overwrite(warehouse, "pool", rows(spark, "pool", *pool))
    gold = [f"known-{synset}-{k},{synset},yes" for synset in ("n1", "n2") for k in range(5)]
    # Images that are asked about too, an image known not to show it, and a line that says nothing.
    gold += ["n1-0,n1,yes", "n1-1,n1,yes", "no-1,n1,no", "what,n1,maybe"]
    (folder / "gold.csv").write_text("\n".join(["image_id,synset_id,expected_answer", *gold]) + "\n")
    settings = {"gold_file": str(folder / "gold.csv"), "min_control_distance": FAR, "n_votes": 5}
    outcome = plan(warehouse, **settings)
    return warehouse, settings, outcome, as_dicts(tables.read(warehouse, "tasks"), "hit_id", "position")


def plan(warehouse, **settings):
    return plan_annotation.main(warehouse, plan_annotation.Config(**settings))


def on_hits(tasks):
    found = defaultdict(list)
    for task in tasks:
        found[task["hit_id"]].append(task)
    return dict(found)


def shape(hit):
    kinds = Counter(task["expected_answer"] for task in hit)
    return kinds[None], kinds["yes"], kinds["no"], len({task["image_id"] for task in hit})


def test_a_full_hit_is_laid_out_as_real_ones(planned, shared):
    published = Counter()
    for path in sorted((shared / "imagenetv2" / "hits").glob("*.json")):
        for hit in json.loads(path.read_text()):
            kinds = (len(hit[f"images_{kind}"]) for kind in ("to_label", "pos_control", "neg_control"))
            published[(*kinds, len(set(hit["images_all"])))] += 1
    (usual, n), *others = published.most_common()
    assert n > 10 * sum(n for _, n in others)
    ours = {name: shape(hit) for name, hit in on_hits(planned[3]).items()}
    assert [ours[f"{s}-01-{k:05d}"] for s, k in (("n1", 1), ("n1", 2), ("n2", 1))] == [usual] * 3


def test_every_image_is_asked_about_once_and_every_hit_has_its_controls(planned):
    _, _, outcome, tasks = planned
    asked = [(task["image_id"], task["synset_id"]) for task in tasks if not task["is_gold"]]
    assert sorted(asked) == sorted((f"{s}-{k}", s) for s, size in SIZES.items() for k in range(size))
    sizes = defaultdict(list)
    for name, hit in on_hits(tasks).items():
        assert {task["synset_id"] for task in hit} == {name[:2]}
        assert [task["position"] for task in hit] == list(range(1, len(hit) + 1))
        assert len({task["image_id"] for task in hit}) == len(hit), "no image twice on a page"
        questions, positive, negative, _ = shape(hit)
        assert positive == (3 if name[:2] in ("n1", "n2") else 0), "only they have known images"
        assert negative == 3
        sizes[name[:2]].append(questions)
    assert {s: sorted(n, reverse=True) for s, n in sizes.items()} == {
        s: [42] * (size // 42) + ([size % 42] if size % 42 else []) for s, size in SIZES.items()
    }
    measured = {control.metric: control for control in outcome.controls}
    assert measured["n_hits_short_of_controls"].value == 5
    assert not measured["n_hits_short_of_controls"].is_ok
    assert measured["cost"].value == pytest.approx(len(tasks) * 5 * 0.01 * 1.2)


def test_negative_controls_are_known_ones_or_far_away_in_the_tree(planned):
    negatives = [task for task in planned[3] if task["expected_answer"] == "no"]
    assert any(task["image_id"] == "no-1" for task in negatives), "what is known comes first"
    for task in negatives:
        if task["image_id"] == "no-1":
            continue
        donor = task["image_id"].split("-")[0]
        apart = hypernym_distance(steps_up(PARENTS, task["synset_id"]), steps_up(PARENTS, donor))
        assert apart >= FAR, (task["synset_id"], donor)


@pytest.mark.slow
def test_classify_and_another_seed_and_the_first_plan_again(planned):
    """In one warehouse, one after the other; the last leaves it as it was."""
    warehouse, settings, _, tasks = planned
    first = [task["is_gold"] for task in tasks if task["hit_id"] == "n1-01-00001"]
    assert first not in (sorted(first), sorted(first, reverse=True))
    where = {task["task_id"]: task["position"] for task in tasks}

    plan(warehouse, **settings, seed=8)
    assert {task["task_id"]: task["position"] for task in as_dicts(tables.read(warehouse, "tasks"))} != where

    mturk = {"export_format": "mturk", "image_url_prefix": "https://x/"}
    outcome = plan(warehouse, question="classify", n_options=3, **mturk, **settings)
    check_classify(as_dicts(tables.read(warehouse, "tasks"), "hit_id", "position"))
    with open(f"{warehouse.root}/exports/tasks.mturk.html") as stream:
        page = stream.read()
    assert page.count("<figure>") == 48
    assert 'value="${option_answer_4}"' in page
    assert any("HITs for 5 workers each" in note for note in outcome.notes)

    plan(warehouse, **settings)
    again = as_dicts(tables.read(warehouse, "tasks"), "hit_id", "position")
    for task in (*again, *tasks):
        task.pop("planned_at")  # it was not in the plan in between
    assert again == tasks


def check_classify(tasks):
    """The nearest synsets are offered, and none of them; controls expect what they show."""
    offered = {task["synset_id"]: [one["answer"] for one in task["options"]] for task in tasks}
    assert offered["n1"] == ["n1", "n2", "n3", "none"]
    assert offered["n5"][-1] == "none"
    assert {"n5", "n6"} < set(offered["n5"])
    expected = {(task["synset_id"], task["expected_answer"]) for task in tasks if task["is_gold"]}
    assert {("n1", "n1"), ("n1", "none")} <= expected


def export(planned, folder, export_format):
    warehouse = planned[0]
    task_files.write(
        warehouse,
        tables.read(warehouse, "tasks"),
        export_format=export_format,
        target=f"{folder}/x.{export_format}",
        prefix="https://host/?a=1&id=",
        suffix=".jpg",
        page_size=48,
    )
    return (folder / f"x.{export_format}").read_text()


def test_csv_and_json_lines_have_a_task_a_row_and_tell_no_secret(planned, tmp_path):
    tasks = {task["task_id"]: task for task in planned[3]}
    from_csv = list(csv.DictReader(export(planned, tmp_path, "csv").splitlines()))
    from_json = [json.loads(line) for line in export(planned, tmp_path, "jsonl").splitlines()]
    assert [row["task_id"] for row in from_csv] == [row["task_id"] for row in from_json] == list(tasks)
    for row, other in zip(from_csv, from_json, strict=True):
        task = tasks[row["task_id"]]
        assert row["gloss"] == other["gloss"] == task["gloss"]
        assert [one["answer"] for one in json.loads(row["options"])] == ["yes", "no"]
        assert row["image_url"] == other["image_url"] == f"https://host/?a=1&id={task['image_id']}.jpg"
        assert not {"is_gold", "expected_answer"} & (row.keys() | other.keys())


class Page(HTMLParser):
    """What a browser sees: texts, images and input fields."""

    def __init__(self, html):
        super().__init__()
        self.images, self.fields, self.text = [], Counter(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img":
            self.images.append(given["src"])
        if tag == "input":
            self.fields[given["name"]] += 1
        assert tag != "b", "a lemma's mark-up reached the page"

    def handle_data(self, data):
        self.text += data


def test_an_mturk_page_shows_what_was_planned(planned, tmp_path):
    hits = on_hits(planned[3])
    rows_ = list(csv.DictReader(export(planned, tmp_path, "mturk").splitlines()))
    template = (tmp_path / "x.mturk.html").read_text()
    assert {row["hit_id"] for row in rows_} == set(hits)
    for row in rows_:
        hit = hits[row["hit_id"]]
        html = template
        for name, value in row.items():
            html = html.replace(f"${{{name}}}", value)
        assert "${" not in html
        page = Page(html)
        urls = [f"https://host/?a=1&id={task['image_id']}.jpg" for task in hit]
        assert page.images == urls + [""] * (48 - len(hit))
        assert page.fields == {f"answer_{k}": 2 for k in range(1, 49)}
        assert hit[0]["question"] in page.text
        assert hit[0]["gloss"] in page.text
        assert [row[f"task_id_{k}"] for k in range(1, len(hit) + 1)] == [task["task_id"] for task in hit]


def test_label_studio_shows_what_the_tasks_have(planned, tmp_path):
    found = json.loads(export(planned, tmp_path, "label-studio"))
    assert [one["data"]["task_id"] for one in found] == [task["task_id"] for task in planned[3]]
    config = ElementTree.fromstring((tmp_path / "x.label-studio.xml").read_text())
    wanted = {node.get("value")[1:] for node in config.iter() if (node.get("value") or "").startswith("$")}
    assert wanted <= found[0]["data"].keys()
    assert [node.get("value") for node in config.iter("Choice")] == ["yes", "no"]
    assert config.find("Choices").get("toName") == config.find("Image").get("name")


def test_what_the_tools_hand_back_comes_in_under_the_names_that_went_out(planned, tmp_path):
    """One HIT by MTurk, three tasks by Label Studio, answered in the formats that the two document."""
    hit = next(csv.DictReader(export(planned, tmp_path, "mturk").splitlines()))
    sent = {f"Answer.answer_{k}": "yes" for k in range(1, 49) if hit[f"task_id_{k}"]}
    results = {"WorkerId": "A1", "AssignmentStatus": "Approved", "Answer.x": "", **sent}
    results |= {f"Input.{name}": value for name, value in hit.items()}
    with (tmp_path / "batch.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(results), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerow(results)
    chosen = {"from_name": "answer", "to_name": "image", "type": "choices", "value": {"choices": ["no"]}}
    done = json.loads(export(planned, tmp_path, "label-studio"))[:3]
    for one in done:
        one |= {
            "id": 1,
            "annotations": [{"id": 2, "completed_by": 5, "result": [chosen], "was_cancelled": False}],
        }
    (tmp_path / "project.json").write_text(json.dumps(done))
    for source, name in (("mturk", "batch.csv"), ("label-studio", "project.json")):
        settings = import_votes.Config(input=str(tmp_path / name), source=source)
        assert not import_votes.main(planned[0], settings).rejected
    found = {(v["item_id"], v["worker_id"], v["answer"]) for v in as_dicts(tables.read(planned[0], "votes"))}
    wanted = {(hit[f"task_id_{k}"], "A1", "yes") for k in range(1, 49) if hit[f"task_id_{k}"]}
    assert found == wanted | {(one["data"]["task_id"], "5", "no") for one in done}


def test_images_are_written_under_the_names_that_workers_ask_for(spark, planned, tmp_path):
    warehouse = planned[0]
    given = [("n1-0", b"one"), ("n2-3", b"three"), ("not asked about", b"x")]
    stored = [
        {"image_id": name, "bytes": bytearray(content), "size_bytes": len(content)} for name, content in given
    ]
    tables.append(warehouse, "image_bytes", rows(spark, "image_bytes", *stored))
    tasks = tables.read(warehouse, "tasks").where("image_id IN ('n1-0', 'n2-3', 'known-n1-1')")
    note = task_files.write_images(warehouse, tasks, str(tmp_path / "www"), ".jpg")
    assert note.startswith("2 images are in")
    assert "1 known ones are not in the warehouse" in note
    assert {path.name: path.read_bytes() for path in (tmp_path / "www").iterdir()} == {
        "n1-0.jpg": b"one",
        "n2-3.jpg": b"three",
    }


def test_too_small_a_budget_is_said_before_anything_is_written(planned):
    warehouse, settings, *_ = planned
    version = tables.version(warehouse, "tasks")
    # 238 images on 3 + 1 + 1 + 1 + 2 + 1 HITs, 4 of 6 controls each and 5 of 3, which cost 0.012 five times over.
    with pytest.raises(InputError, match=r"--budget 16\.6: the first round costs 16\.62"):
        plan(warehouse, **settings, budget=16.6)
    with pytest.raises(UsageError, match="--image-url-prefix is missing"):
        plan(warehouse, export_format="mturk")
    with pytest.raises(InputError, match="leave no room for questions"):
        plan(warehouse, hit_size=6)
    assert tables.version(warehouse, "tasks") == version
    assert plan(warehouse, **settings, budget=16.63).rows_kept == 238 + 4 * 6 + 5 * 3


def test_a_small_classify_plan_has_no_false_controls_and_all_images_and_tells_mistakes(
    spark, planned, tmp_path
):
    """Where every synset is an option, none of another synset's images is known to show "none of these"."""
    small = open_warehouse(spark, str(tmp_path / "warehouse"))
    tables.overwrite(
        small, "synsets", tables.read(planned[0], "synsets").withColumn("lemmas", F.array("synset_id"))
    )
    names = [f"{synset}-{k}" for synset in ("n1", "n4", "n5", "n6") for k in range(3)]
    pool = [{"image_id": name, "synset_id": name[:2], "is_kept": True} for name in names]
    tables.overwrite(small, "pool", rows(spark, "pool", *pool))
    stored = [{"image_id": name, "bytes": bytearray(b"x"), "size_bytes": 1} for name in names]
    tables.append(small, "image_bytes", rows(spark, "image_bytes", *stored))
    gold = tmp_path / "gold.csv"
    gold.write_text("image_id,synset_id,expected_answer\nk,n1,N1\nx,n1,none\ny,n1,perhaps\n")
    settings = {
        "question": "classify",
        "votes": "dynamic",
        "sample_size": 1,
        "gold_file": str(gold),
        "min_control_distance": FAR,
        "images_to": str(tmp_path / "www"),
    }
    outcome = plan(small, **settings)
    tasks = as_dicts(tables.read(small, "tasks"))
    assert {(t["image_id"], t["expected_answer"]) for t in tasks if t["is_gold"]} == {("k", "n1")}
    assert sum(t["n_votes_wanted"] > 0 for t in tasks) == 4 + 1
    assert sorted(path.name for path in (tmp_path / "www").iterdir()) == names, "also those of later rounds"
    assert "1 answers of --gold-file are neither yes nor no, such as 'perhaps'" in outcome.notes[0]
    verify = {task["task_id"] for task in planned[3]}
    assert not verify & {task["task_id"] for task in tasks}

    with pytest.raises(InputError, match=r"--selection-id defualt: 4 synsets .* as n1; there are .* default"):
        plan(small, selection_id="defualt")
    gold.write_text("image_id,synset_id,expected_answer\nk,n1,yes\nk,n1,no\n")
    with pytest.raises(InputError, match="image k n1 has the answers no, yes; wanted one"):
        plan(small, **settings)
