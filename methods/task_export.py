"""Tasks as annotation tools take them in. None of these says which tasks are controls, or what is expected."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: ``csv`` and ``jsonl``: a task a row. ``mturk``: a HIT a row. ``label-studio``: a JSON list of tasks.
FORMATS = ("csv", "jsonl", "mturk", "label-studio")
COLUMNS = (
    "task_id",
    "hit_id",
    "position",
    "image_id",
    "image_url",
    "synset_id",
    "question_type",
    "question",
    "words",
    "gloss",
    "options",
    "n_votes_wanted",
)


def image_url(prefix: str, suffix: str) -> Column:
    """Where a worker's browser finds the image. It is named by its hash, which tells nothing of its class."""
    return F.concat(F.lit(prefix), F.col("image_id"), F.lit(suffix))


def as_csv(tasks: DataFrame) -> DataFrame:
    """One row a task, in the order of pages; options as JSON."""
    return tasks.select(*COLUMNS).withColumn("options", F.to_json("options")).orderBy("hit_id", "position")


def as_json_lines(tasks: DataFrame) -> DataFrame:
    """One JSON object a task, in the order of pages."""
    ordered = tasks.orderBy("hit_id", "position")
    return ordered.select(F.to_json(F.struct(*COLUMNS)).alias("value"))


def as_mturk(tasks: DataFrame, *, page_size: int, n_options: int) -> DataFrame:
    """One row a HIT: its texts, ``image_url_1`` … and ``task_id_1`` …, in the order of positions.

    MTurk puts the texts into the page as they are, so they are escaped for HTML here. Places that a short
    HIT does not fill are empty.
    """
    places = F.sort_array(F.collect_list(F.struct("position", "image_url", "task_id"))).alias("places")
    texts = ("synset_id", "question", "words", "gloss", "options", "n_votes_wanted")
    pages = tasks.groupBy("hit_id").agg(*(F.first(name).alias(name) for name in texts), places)
    options = [
        escaped(F.get("options", F.lit(k))[field]).alias(f"option_{name}_{k + 1}")
        for k in range(n_options)
        for name, field in (("answer", "answer"), ("text", "text"), ("gloss", "gloss"))
    ]
    places_in_order = range(page_size)
    return pages.select(
        "hit_id",
        "synset_id",
        *(escaped(F.col(name)).alias(name) for name in ("question", "words", "gloss")),
        "n_votes_wanted",
        *options,
        *(
            escaped(F.get("places", F.lit(k))["image_url"]).alias(f"image_url_{k + 1}")
            for k in places_in_order
        ),
        *(F.get("places", F.lit(k))["task_id"].alias(f"task_id_{k + 1}") for k in places_in_order),
    ).orderBy("hit_id")


def as_label_studio(tasks: DataFrame) -> DataFrame:
    """The lines of one JSON list: a task each, with what the labelling config shows in ``data``."""
    options = F.transform(
        "options",
        lambda one: F.struct(
            one["text"].alias("value"), one["answer"].alias("alias"), one["gloss"].alias("hint")
        ),
    )
    names = ("task_id", "hit_id", "position", "image_id", "synset_id", "question", "words", "gloss")
    data = F.struct(F.col("image_url").alias("image"), *names, "n_votes_wanted", options.alias("options"))
    in_order = Window.orderBy("hit_id", "position")  # one list is one file, and so one task that writes it
    numbered = tasks.withColumns(
        {"nth": F.row_number().over(in_order), "n": F.count(F.lit(1)).over(Window.partitionBy())}
    )
    line = F.concat(
        F.when(F.col("nth") == 1, "[").otherwise(""),
        F.to_json(F.struct(data.alias("data"))),
        F.when(F.col("nth") == F.col("n"), "]").otherwise(","),
    )
    return numbered.orderBy("nth").select(line.alias("value"))


def escaped(text: Column) -> Column:
    """Text as it may stand in HTML, in an element or in a quoted attribute."""
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = F.replace(text, F.lit(raw), F.lit(safe))
    return text
