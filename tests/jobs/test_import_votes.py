"""What annotation tools hand back, in their own formats; and dirt, every line of which is accounted for."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import import_votes
from synlake.udfs.json_elements import elements
from synlake.warehouse import open_warehouse

PLANNED = dt.datetime(2020, 1, 8, 12, tzinfo=dt.timezone.utc)
YES_OR_NO = [("yes", "yes", None), ("no", "no", None)]


def bring(warehouse, path, **flags):
    outcome = import_votes.main(warehouse, import_votes.Config(input=str(path), **flags))
    votes = as_dicts(tables.read(warehouse, "votes"), "vote_id")
    assert outcome.rows_in == len(votes) == outcome.rows_kept + sum(outcome.rejected.values())
    return outcome, {(v["item_id"], v["worker_id"], v["answer"], v["reject_reason"]) for v in votes}, votes


@pytest.fixture
def asked(spark, warehouse):
    """Tasks t1 to t4, planned at noon."""
    tasks = [
        {"task_id": f"t{k}", "options": YES_OR_NO, "planned_at": PLANNED, "n_votes_wanted": 1, "hit_id": "h"}
        for k in range(1, 5)
    ]
    tables.overwrite(warehouse, "tasks", rows(spark, "tasks", *tasks))
    return warehouse


#: The columns of batch results, as the requester site writes them, before Input and Answer.
_BATCH = (
    "HITId,HITTypeId,Title,Description,Keywords,Reward,CreationTime,MaxAssignments,RequesterAnnotation,"
    "AssignmentDurationInSeconds,AutoApprovalDelayInSeconds,Expiration,NumberOfSimilarHITs,LifetimeInSeconds,"
    "AssignmentId,WorkerId,AssignmentStatus,AcceptTime,SubmitTime,AutoApprovalTime,ApprovalTime,RejectionTime,"
    "RequesterFeedback,WorkTimeInSeconds,LifetimeApprovalRate,Last30DaysApprovalRate,Last7DaysApprovalRate"
)
BATCH = _BATCH.split(",")


def batch_results(path, *assignments):
    names = [*BATCH, *dict.fromkeys(name for one in assignments for name in one if "." in name)]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*names, "Approve", "Reject"], quoting=csv.QUOTE_ALL, restval="")
        writer.writeheader()
        writer.writerows(assignments)
    return path


def assignment(worker, status="Approved", **fields):
    hit = {f"Input.task_id_{k}": f"t{k}" for k in (1, 2)} | {"Input.task_id_3": "", "Input.image_url_1": "u"}
    common = {
        "HITId": "H",
        "WorkerId": worker,
        "AssignmentStatus": status,
        "SubmitTime": "Wed Jan 08 08:30:00 PST 2020",
        "RequesterFeedback": 'said "so"\nin two lines, and more',
    }
    return common | hit | fields


def test_batch_results_of_mturk(asked, tmp_path):
    path = batch_results(
        tmp_path / "Batch_1_batch_results.csv",
        assignment("A1", **{"Answer.answer_1": "yes", "Answer.answer_2": "no"}),
        assignment("A2", **{"Answer.answer_1.yes": "true", "Answer.answer_1.no": "false"}),
        assignment(
            "A3", **{"Answer.taskAnswers": '[{"answer_1":{"no":true,"yes":false},"answer_2":"Yes","x":[1]}]'}
        ),
        assignment("A4", "Rejected", **{"Answer.answer_1": "yes", "Answer.answer_2": "yes"}),
        assignment("A5", "Submitted", **{"Answer.answer_1": "yes", "Reject": "too fast"}),
        assignment("A6", SubmitTime="Wed Jan 08 03:59:59 PST 2020", **{"Answer.answer_1": "no"}),
    )
    outcome, found, votes = bring(asked, path, source="mturk")
    assert found == {
        ("t1", "A1", "yes", None),
        ("t2", "A1", "no", None),
        ("t1", "A2", "yes", None),
        ("t2", "A2", None, "empty_answer"),
        ("t1", "A3", "no", None),
        ("t2", "A3", "yes", None),
        ("t1", "A4", "yes", "not_accepted"),
        ("t2", "A4", "yes", "not_accepted"),
        ("t1", "A5", "yes", "not_accepted"),
        ("t2", "A5", None, "not_accepted"),
        ("t1", "A6", "no", "before_task"),
        ("t2", "A6", None, "empty_answer"),
    }
    assert outcome.rows_in == 12
    whens = {vote["answered_at"].astimezone(dt.timezone.utc) for vote in votes if vote["worker_id"] == "A1"}
    assert whens == {dt.datetime(2020, 1, 8, 16, 30, tzinfo=dt.timezone.utc)}, "PST is eight hours behind"
    with pytest.raises(InputError, match=r"no column Input\.picture \(or Input\.picture_1"):
        bring(asked, path, source="mturk", item_column="Input.picture")
    plain = batch_results(tmp_path / "plain.csv", assignment("A1", **{"Answer.answer_1": "yes"}))
    with pytest.raises(InputError, match=r"no column Answer\.lable \(or Answer\.lable_1"):
        bring(asked, plain, source="mturk", answer_column="Answer.lable")


def test_an_assignment_is_judged_by_its_own_status_and_not_undone_by_another_plan(asked, tmp_path):
    """A control has one name on all HITs: the same answer to it comes in two batches, of two assignments."""

    def batch(ref, status):
        path = tmp_path / f"{ref}.csv"
        batch_results(path, assignment("A", status, AssignmentId=ref, **{"Answer.answer_1": "yes"}))
        votes = bring(asked, path, source="mturk")[2]
        return {v["source_file"][:1]: v["reject_reason"] for v in votes if v["item_id"] == "t1"}

    assert batch("1", "Approved") == {"1": None}
    assert batch("2", "Rejected") == {"1": None, "2": "not_accepted"}
    assert batch("2", "Approved") == {"1": None, "2": "duplicate_vote"}
    tasks = (
        tables.read(asked, "tasks").where("task_id <> 't2'").withColumn("planned_at", F.current_timestamp())
    )
    tables.overwrite(asked, "tasks", tasks)
    assert batch("1", "Approved") == {"1": None, "2": "duplicate_vote"}


def annotation(by, *choices, name="answer", cancelled=False):
    """One as in the documentation of Label Studio's task format."""
    value = {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": list(choices)}}
    other = {"from_name": "note", "to_name": "image", "type": "textarea", "value": {"text": ["}, {"]}}
    return {
        "id": 1001,
        "completed_by": by,
        "result": [other, value] if choices else [],
        "was_cancelled": cancelled,
        "ground_truth": False,
        "created_at": "2020-01-09T22:16:08.728353Z",
        "lead_time": 4.288,
    }


def test_an_export_of_label_studio(asked, tmp_path):
    tasks = [
        {
            "id": 1,
            "data": {"image": "https://x/1.jpg", "task_id": "t1", "options": [{"value": "a"}]},
            "annotations": [annotation(10, "yes"), annotation({"id": 11, "email": "a@b.c"}, "no")],
            "predictions": [{"result": []}],
        },
        {"id": 2, "data": {"task_id": "t2"}, "annotations": [annotation(10, cancelled=True), annotation(11)]},
        {"id": 3, "data": {"task_id": "t3"}, "annotations": []},
        {"id": 4, "data": {"task_id": "t4"}, "annotations": [annotation(10, "no"), annotation(12, "maybe")]},
    ]
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks, indent=1)[:-60])  # cut in the last task
    _, found, _ = bring(asked, path, source="label-studio")
    assert {row for row in found if row[3] != "malformed"} == {
        ("t1", "10", "yes", None),
        ("t1", "11", "no", None),
        ("t2", "10", None, "not_accepted"),
        ("t2", "11", None, "empty_answer"),
    }
    assert [row for row in found if row[3] == "malformed"] == [(None, None, None, "malformed")]
    small = [
        {"task_id": "t4", "id": 7, "answer": "no", "annotator": 1, "created_at": "2020-01-09T22:16:08Z"},
        {"task_id": "t4", "id": 8, "answer": "maybe", "annotator": 2},
    ]
    (tmp_path / "min.json").write_text(json.dumps(small))
    _, again, _ = bring(asked, tmp_path / "min.json", source="label-studio")
    assert again - found == {("t4", "1", "no", None), ("t4", "2", "maybe", "unknown_answer")}


def test_a_key_that_no_task_of_label_studio_has_is_told(asked, tmp_path):
    tasks = [{"id": 1, "data": {"question": "t1"}, "annotations": [annotation(10, "yes")]}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    outcome, found, _ = bring(asked, tmp_path / "export.json", source="label-studio")
    assert {row[3] for row in found} == {"malformed"}
    assert any("no 'task_id'; next: --item-column" in note for note in outcome.notes)
    tasks[0]["annotations"][0]["created_username"] = "ann@x.y"
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    named = {"source": "label-studio", "item_column": "question", "worker_column": "created_username"}
    outcome, found, _ = bring(asked, tmp_path / "export.json", **named)
    assert (outcome.rows_kept, outcome.notes) == (1, ())
    assert ("t1", "ann@x.y", "yes", None) in found
    flat = [{"question": "t2", "created_username": "bob@x.y", "answer": "no", "when": "2020-01-09T22:16:08Z"}]
    (tmp_path / "min.json").write_text(json.dumps(flat))
    _, found, votes = bring(asked, tmp_path / "min.json", **named, time_column="when")
    assert ("t2", "bob@x.y", "no", None) in found
    assert [v["answered_at"] is not None for v in votes if v["item_id"] == "t2"] == [True]


def test_assignments_of_toloka(asked, tmp_path):
    path = tmp_path / "assignments.tsv"
    names = "INPUT:image INPUT:task_id OUTPUT:answer GOLDEN:answer HINT:text ASSIGNMENT:link"
    names += " ASSIGNMENT:assignment_id ASSIGNMENT:worker_id ASSIGNMENT:status ASSIGNMENT:started"
    lines = [
        names.split(),
        ["u", "t1", "yes", "", "", "l", "a1", "w1", "APPROVED", "2020-01-08T13:00:00.123"],
        ["u", "t2", "no", "0 ", "", "l", "a1", "w1", "APPROVED", "2020-01-08T13:00:00.123"],
        [],  # between the pages
        ['"two\nlines"', "t1", "no", "", '"a ""b"""', "l", "a2", "w2", "REJECTED", "2020-01-08T13:00:00"],
        ["u", "t2", "no", "0", "", "l", "a2", "w3", "SUBMITTED", "2020-01-08T13:00:00"],
    ]
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    outcome, found, _ = bring(asked, path, source="toloka", answer_map=("0=no",))
    assert found == {
        ("t1", "w1", "yes", None),
        ("t2", "w1", "no", None),
        ("t1", "w2", "no", "not_accepted"),
        ("t2", "w3", "no", None),
    }
    assert "--gold-file" in outcome.notes[-1]
    gold = (tmp_path / "warehouse" / "exports" / "gold.csv").read_text()
    assert gold.split() == ["item_id,expected_answer", "t2,no"]


def test_the_columns_of_the_exported_tasks_need_not_be_named(warehouse, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("task_id,worker_id,answer\nt1,ann,yes\nt2,ann,no\n")
    _, found, _ = bring(warehouse, path)
    assert found == {("t1", "ann", "yes", None), ("t2", "ann", "no", None)}


def test_any_csv_by_its_columns(warehouse, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes(
        "wer;was;wie;fertig\n"
        "Jürgen;1;1;done\n"
        'Zoë;1;"0\nor so";done\n'
        'Zoë;2;"0";done\n'
        "Zoë;3;2;done\n"
        "Zoë;4;1;Rejected\n".encode("latin-1")
    )
    columns = {
        "item_column": "was",
        "worker_column": "wer",
        "answer_column": "wie",
        "status_column": "fertig",
    }
    said = {"answer_map": ("1=yes", "0=no"), "answers": ("yes", "no"), "separator": ";"}
    outcome, found, _ = bring(warehouse, path, **columns, **said)
    assert Counter(row[3] for row in found) == {"bad_encoding": 4, "malformed": 2}
    assert "--quoted-newlines" in outcome.notes[0]
    other = open_warehouse(warehouse.spark, str(tmp_path / "other"))
    right = {"encoding": "ISO-8859-1", "quoted_newlines": True}
    _, found, _ = bring(other, path, **columns, **said, **right)
    assert found == {
        ("1", "Jürgen", "yes", None),
        ("1", "Zoë", "0\nor so", "unknown_answer"),
        ("2", "Zoë", "no", None),
        ("3", "Zoë", "2", "unknown_answer"),
        ("4", "Zoë", "yes", "not_accepted"),
    }


def test_a_header_in_another_encoding_is_said(warehouse, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes("item_id,worker_id,answer\n1,2,3\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"line 1: is not in UTF-8\n  next: save the file as UTF-8"):
        bring(warehouse, path)
    assert bring(warehouse, path, encoding="UTF-16")[1] == {("1", "2", "3", None)}


FIELD = st.text(st.sampled_from('ab,"\\ \t;é\ufffd\0#{}'), max_size=4)
LINE = st.one_of(
    st.tuples(st.sampled_from("123"), st.sampled_from("ab"), st.sampled_from(["yes", "no", "", '"no"'])).map(
        ",".join
    ),
    st.lists(FIELD, max_size=5).map(",".join),
)


@settings(max_examples=3)
@given(lines=st.lists(LINE, min_size=30, max_size=200), cut=st.integers(0, 3))
def test_lines_in_are_rows_kept_and_rejected(spark, tmp_path_factory, lines, cut):
    folder = tmp_path_factory.mktemp("dirt")
    text = "item_id,worker_id,answer\n" + "".join(f"{line}\n" for line in lines)
    path = folder / "votes.csv"
    path.write_text(text[: len(text) - cut], encoding="utf-8")
    written = path.read_text(encoding="utf-8").split("\n")[1:]
    # A line of nothing but blanks is no line; Java's blanks are all characters up to the space.
    n_lines = sum(any(letter > " " for letter in line) for line in written)
    warehouse = open_warehouse(spark, str(folder / "warehouse"))
    outcome, _, votes = bring(warehouse, path)
    assert outcome.rows_in == n_lines
    counted = [(v["item_id"], v["worker_id"]) for v in votes if v["reject_reason"] is None]
    assert len(counted) == len(set(counted)), "one answer of a worker to an item counts"
    for vote in votes:
        if vote["reject_reason"] is None:
            assert vote["item_id"]
            assert vote["worker_id"]
            assert vote["answer"]


JSON = st.recursive(
    st.sampled_from(['a"b', "}{", "\\", "[x", "é\n", "", 1, None]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('ab"}{\\'), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    given=st.lists(st.dictionaries(st.sampled_from("ab"), JSON), max_size=5),
    indent=st.sampled_from([None, 1]),
    block=st.integers(1, 9),
    share=st.floats(0, 1),
)
def test_objects_of_a_list_are_found_in_any_blocks_and_up_to_any_cut(given, indent, block, share):
    text = json.dumps(given, indent=indent)
    blocks = [text[i : i + block] for i in range(0, len(text), block)]
    assert [json.loads(found) for found in elements(blocks)] == given
    cut = text[: int(share * len(text))]
    found = list(elements(cut[i : i + block] for i in range(0, len(cut), block)))
    assert [json.loads(one) for one in found[:-1]] == given[: max(0, len(found) - 1)]
    if found:
        assert cut.endswith(found[-1]) or json.loads(found[-1]) == given[len(found) - 1]


def test_a_csv_is_no_export_of_label_studio(asked, tmp_path):
    (tmp_path / "export.csv").write_text("task_id,annotator,answer\nt1,1,yes\n")
    with pytest.raises(InputError, match="no JSON object"):
        bring(asked, tmp_path / "export.csv", source="label-studio")


def test_what_the_platform_says_later_counts(asked, tmp_path):
    def judged(**status):
        said = [("t1", "A", "yes"), ("t1", "A", "no"), ("t2", "A", "no"), ("t1", "B", "no")]
        lines = [f"{','.join(one)},{status.get('_'.join(one), 'Submitted')}\n" for one in said]
        path = tmp_path / "answers.csv"
        path.write_text("item_id,worker_id,answer,status\n" + "".join(lines))
        before = tables.version(asked, "votes")
        outcome, found, votes = bring(asked, path, status_column="status")
        assert len(votes) == len(said), "a vote is a row, whatever is said of it"
        n_changed = {control.metric: control.value for control in outcome.controls}["n_judged_anew"]
        assert (tables.version(asked, "votes") > before) == bool(n_changed or before < 0)
        return n_changed, {row[:3]: row[3] for row in found}

    as_sent = {
        ("t1", "A", "yes"): None,
        ("t1", "A", "no"): "conflicting_vote",
        ("t2", "A", "no"): None,
        ("t1", "B", "no"): None,
    }
    assert judged() == (0, as_sent)
    place = tables.path(asked, "votes")  # as an older synlake made it
    asked.spark.sql(f"ALTER TABLE delta.`{place}` SET TBLPROPERTIES ('delta.appendOnly' = 'true')")
    assert judged() == (0, as_sent)
    refused = {("t1", "A", "yes"): "not_accepted", ("t1", "A", "no"): None, ("t2", "A", "no"): "not_accepted"}
    said = {"t1_A_yes": "Rejected", "t2_A_no": "Rejected"}
    assert judged(**said) == (3, as_sent | refused)
    assert judged(**said) == (0, as_sent | refused)
    # The other answer counts by now, so the first one stays out when its rejection is taken back.
    back = {("t1", "A", "yes"): "conflicting_vote", ("t1", "A", "no"): None}
    assert judged(t2_A_no="Approved") == (2, as_sent | back)


def test_the_same_answers_with_the_right_map_and_a_few_more(asked, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("item_id,worker_id,answer\nt1,A,1\nt2,A,0\nt2,B,0\n")
    _, found, _ = bring(asked, path)
    assert {row[3] for row in found} == {"unknown_answer"}
    path.write_text("item_id,worker_id,answer\nt2,A,0\nt1,A,1\nt1,B,1\n")
    outcome, found, _ = bring(asked, path, answer_map=("1=yes", "0=no"))
    assert found == {
        ("t1", "A", "yes", None),
        ("t2", "A", "no", None),
        ("t1", "B", "yes", None),
        ("t2", "B", "0", "unknown_answer"),
    }
    assert {control.metric: control.value for control in outcome.controls} == {"n_new": 1, "n_judged_anew": 2}
    newest = tables.commits(asked, "votes").first()
    assert newest["operation"] == "MERGE", "new and changed votes are one commit"
