"""queries: a search query for a selected synset. Key (synset_id, query, language); by plan-queries."""

from pyspark.sql.types import StringType, StructType

from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="queries",
    writer="plan-queries",
    key=("synset_id", "query", "language"),
    cluster_by=("synset_id",),
    rules={"kind is a known one": one_of("kind", ["lemma", "lemma_parent"])},
    schema=StructType(
        [
            column("synset_id", StringType(), "wnid"),
            column("query", StringType(), "words to type into a search box"),
            column("language", StringType(), "BCP 47 language tag of the query"),
            column("kind", StringType(), "lemma, or lemma_parent: a lemma with a word of a parent synset"),
            column("lemma", StringType(), "the lemma that the query was made from"),
        ]
    ),
)
