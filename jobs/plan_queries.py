"""Plan the search queries of the selected synsets: their words, alone, with a word from above, in other languages."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from synlake import multilingual, tables, wordnet
from synlake.config import bad_name, option
from synlake.errors import UsageError
from synlake.methods.queries import Plan, Query, Spoken, plan_queries
from synlake.schemas import TABLES
from synlake.stage import Control, Outcome
from synlake.warehouse import Warehouse

EXAMPLE = "plan-queries --omw-dir ~/nltk_data/corpora/omw-1.4 --languages es,it,nl,zh"


@dataclass(frozen=True)
class Config:
    """Settings of plan-queries."""

    omw_dir: str | None = option(None, "folder with wn-data-*.tab of the Open Multilingual Wordnet")
    languages: tuple[str, ...] = option((), "of these the languages to use: es,it,nl,zh …; default: all")
    plurals: bool = option(True, "ask for the plural of each English word too")
    drop_ambiguous: bool = option(
        False, "leave out words of several synsets, where they can be asked for with a parent's word"
    )
    max_queries: int = option(
        20, "queries of a synset in one language at the most, best ones first", minimum=1
    )
    selection_id: str = option("default", "the selection to plan for", check=bad_name)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``synsets``, plan, write ``queries``. What comes to the driver is WordNet, as in select-synsets."""
    if settings.languages and not settings.omw_dir:
        raise UsageError("--languages needs --omw-dir DIR, with files of the Open Multilingual Wordnet")
    translations = multilingual.read(settings.omw_dir, settings.languages) if settings.omw_dir else {}
    synsets = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    rows = synsets.select("synset_id", "lemmas", "gloss", "parent_ids", "is_selected").collect()
    spoken = {row[0]: Spoken(tuple(row[1]), row[2], tuple(row[3])) for row in rows}
    chosen = sorted(row["synset_id"] for row in rows if row["is_selected"])
    plan = Plan(
        plurals=settings.plurals,
        drop_ambiguous=settings.drop_ambiguous,
        max_queries=settings.max_queries,
        irregular=wordnet.irregular_plurals() if settings.plurals else {},
    )
    planned = list(plan_queries(spoken, chosen, plan, translations))
    schema = to_arrow_schema(TABLES["queries"].schema)
    columns = dict(zip(Query._fields, zip(*planned, strict=True), strict=True)) if planned else {}
    arrow = pa.table([pa.array(columns.get(f.name, ()), f.type) for f in schema], schema=schema)
    n_queries = tables.overwrite(warehouse, "queries", warehouse.spark.createDataFrame(arrow))
    n_ambiguous = sum(query.is_ambiguous for query in planned)
    return Outcome(n_queries, n_queries, controls=(Control("n_ambiguous", n_ambiguous),))
