"""Writing tasks for annotation tools: the settings for it, the files, and what the votes will cost."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from synlake import plain_files, tables, textfiles
from synlake.errors import UsageError
from synlake.methods import task_export, task_pages
from synlake.methods.hits import Page
from synlake.spread import by_weight, wide_rows
from synlake.udfs.export_images import write_named
from synlake.warehouse import Warehouse

_ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "mturk": ".csv", "label-studio": ".json"}
#: Tools that show the image themselves, and so have to know where it is.
_NEED_URL = ("mturk", "label-studio")


def check(export_format: str, prefix: str) -> None:
    """:class:`UsageError` where the tool could not find the images."""
    if export_format in _NEED_URL and not prefix:
        raise UsageError(
            f"--export-format {export_format}: shows images by their address; --image-url-prefix is missing\n"
            "  next: --image-url-prefix https://your-host/images/ (each is named by its image_id)"
        )


def write(
    warehouse: Warehouse,
    tasks: DataFrame,
    *,
    export_format: str,
    target: str | None,
    prefix: str,
    suffix: str,
    page_size: int,
) -> list[str]:
    """Write ``tasks`` (rows of ``tasks`` that are on HITs); returns a line for each file, for people.

    MTurk asks as many workers for each HIT of a batch: there is a file for each number of votes.
    """
    target = target or f"{warehouse.root}/exports/tasks{_ENDINGS[export_format]}"
    tasks = tasks.withColumn("image_url", task_export.image_url(prefix, suffix))
    if export_format == "csv":
        plain_files.export_csv(task_export.as_csv(tasks), target)
        return [f"tasks are in {target}"]
    if export_format == "jsonl":
        plain_files.export_lines(task_export.as_json_lines(tasks), target)
        return [f"tasks are in {target}"]
    kind, n_options = _kind(tasks)
    if export_format == "label-studio":
        plain_files.export_lines(task_export.as_label_studio(tasks), target)
        config = f"{_without_ending(target)}.label-studio.xml"
        textfiles.write_at(warehouse, config, task_pages.label_studio_config(kind))
        return [f"tasks are in {target}, the labelling config is {config}"]
    template = f"{_without_ending(target)}.mturk.html"
    page = task_pages.mturk_template(question_type=kind, page_size=page_size, n_options=n_options)
    textfiles.write_at(warehouse, template, page)
    batches = sorted(row[0] for row in tasks.select("n_votes_wanted").distinct().collect())
    notes = [f"the page for MTurk is {template}"]
    for n_votes in batches:
        path = target if len(batches) == 1 else f"{_without_ending(target)}-{n_votes}.csv"
        batch = tasks.where(F.col("n_votes_wanted") == n_votes)
        plain_files.export_csv(task_export.as_mturk(batch, page_size=page_size, n_options=n_options), path)
        notes.append(f"HITs for {n_votes} workers each are in {path}")
    return notes


def write_images(warehouse: Warehouse, tasks: DataFrame, folder: str, suffix: str) -> str:
    """Write the images of ``tasks`` into a folder, named as their addresses are; returns a line for people."""
    wanted = tasks.select("image_id").distinct()
    stored = tables.read(warehouse, "image_bytes")
    spread = by_weight(
        stored.select("image_id", "size_bytes").join(wanted, on="image_id"), "size_bytes", "image_id"
    )
    with wide_rows(warehouse.spark):
        whole = spread.select("image_id").join(stored.select("image_id", "bytes"), on="image_id")
        n_written = write_named(whole, root=folder, suffix=suffix).count()
    n_missing = wanted.count() - n_written
    missing = (
        f"; {n_missing} known ones are not in the warehouse, put them there yourself" if n_missing else ""
    )
    return f"{n_written} images are in {folder}{missing}"


@dataclass(frozen=True)
class Bill:
    """What is on some HITs, and what the votes on them will cost."""

    n_questions: int
    n_controls: int
    n_hits: int
    n_votes: int
    n_short: int
    short_synset: str | None
    price: float
    fee: float

    @property
    def cost(self) -> float:
        """C_cost, in the currency of the price."""
        return self.n_votes * self.price * (1 + self.fee)

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        bill = (
            f"{self.n_questions} questions and {self.n_controls} controls on {self.n_hits} HITs, {self.n_votes} votes:"
            f" {self.cost:.2f} at {self.price:g} a vote and a fee of {self.fee:.0%}"
        )
        if not self.n_short:
            return (bill,)
        short = f"{self.n_short} HITs are short of controls, such as those of {self.short_synset}"
        return bill, f"{short}; --gold-file or --gold-release of plan-annotation bring some"


def bill(tasks: DataFrame, *, page: Page, price: float, fee: float) -> Bill:
    """The bill for ``tasks``, all of them on HITs."""
    n_controls, n_all = F.count_if("is_gold"), F.count(F.lit(1))
    per_hit = tasks.groupBy("hit_id", "synset_id").agg(
        n_controls.alias("n_controls"),
        n_all.alias("n"),
        F.sum(F.col("n_votes_wanted").cast("long")).alias("votes"),
    )
    is_short = F.col("n_controls") < page.n_positive + page.n_negative

    def total(column: Column | str) -> Column:
        return F.coalesce(F.sum(column), F.lit(0))

    row = per_hit.agg(
        total(F.col("n") - F.col("n_controls")).alias("n_questions"),
        total("n_controls").alias("n_controls"),
        n_all.alias("n_hits"),
        total("votes").alias("n_votes"),
        F.count_if(is_short).alias("n_short"),
        F.min(F.when(is_short, F.col("synset_id"))).alias("short_synset"),
    ).first()
    assert row is not None  # an aggregate without groups has one row
    return Bill(**row.asDict(), price=price, fee=fee)


def _kind(tasks: DataFrame) -> tuple[str, int]:
    row = tasks.agg(
        F.coalesce(F.max("question_type"), F.lit("verify")).alias("kind"),
        F.coalesce(F.max(F.size("options")), F.lit(2)).alias("n"),
    ).first()
    assert row is not None  # an aggregate without groups has one row
    return row["kind"], row["n"]


def _without_ending(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)
