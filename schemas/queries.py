"""queries: a search query for a selected synset. Key (synset_id, query, language); by plan-queries."""

from pyspark.sql.types import BooleanType, IntegerType, StringType, StructType

from synlake.schemas.table import Table, column, one_of

KINDS = {
    "lemma": "a word of the synset",
    "lemma_parent": "a word with one of a synset above that the gloss has too",
    "qualified": "a word that other synsets share, with a word of the parent",
    "plural": "the plural of a word",
    "translation": "a word in another language",
    "translation_qualified": "the same, with a word of the parent, where it is shared",
}

TABLE = Table(
    name="queries",
    writer="plan-queries",
    key=("synset_id", "query", "language"),
    cluster_by=("synset_id",),
    rules={"kind is a known one": one_of("kind", list(KINDS))},
    schema=StructType(
        [
            column("synset_id", StringType(), "wnid"),
            column("query", StringType(), "words to type into a search box"),
            column("language", StringType(), "BCP 47 language tag of the query"),
            column("kind", StringType(), "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items())),
            column("lemma", StringType(), "the lemma that the query was made from"),
            column("is_ambiguous", BooleanType(), "other synsets are called the same in this language"),
            column("rank", IntegerType(), "place among the queries of its synset in its language, from 1"),
        ]
    ),
)
