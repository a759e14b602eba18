"""synsets: a WordNet synset considered by a selection. Key (selection_id, synset_id); by select-synsets."""

from pyspark.sql.types import ArrayType, BooleanType, IntegerType, LongType, StringType, StructType

from synlake.schemas.reasons import SYNSET
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="synsets",
    writer="select-synsets",
    key=("selection_id", "synset_id"),
    cluster_by=("synset_id",),
    rules={
        "selected exactly where there is no reject_reason": "is_selected = (reject_reason IS NULL)",
        "reject_reason is a known one": one_of("reject_reason", list(SYNSET)),
    },
    schema=StructType(
        [
            column("selection_id", StringType(), "name of the selection; several can live side by side"),
            column("synset_id", StringType(), "WordNet 3.0 id (wnid): n and the eight-digit offset"),
            column("name", StringType(), "WordNet name, such as tench.n.01"),
            column("lemmas", ArrayType(StringType(), False), "words of the synset, most frequent first"),
            column("gloss", StringType(), "definition"),
            column(
                "parent_ids", ArrayType(StringType(), False), "wnids of the hypernyms, in WordNet's order"
            ),
            column("depth", IntegerType(), "hypernym steps to entity.n.01, shortest path", nullable=True),
            column("is_leaf", BooleanType(), "no hyponyms"),
            column("is_forced", BooleanType(), "asked for by wnid; rules of depth and root do not apply"),
            column("n_expected", LongType(), "images known for the synset, or expected of its queries"),
            column("is_count_known", BooleanType(), "n_expected was counted, not estimated"),
            column("is_selected", BooleanType(), "the dataset is to have this synset"),
            column("reject_reason", StringType(), "why not selected; null: selected", nullable=True),
            column("rejected_by", StringType(), "wnid of the other synset it is about", nullable=True),
            column("audited_by", StringType(), "who decided on it in an audit; null: nobody", nullable=True),
        ]
    ),
)
