"""strategy_scores: how one seeded run of a strategy did. Key (comparison_id, strategy, seed); by compare-strategies."""

from pyspark.sql.types import DoubleType, LongType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="strategy_scores",
    writer="compare-strategies",
    key=("comparison_id", "strategy", "seed"),
    is_append_only=True,
    schema=StructType(
        [
            column("comparison_id", StringType(), "one run of compare-strategies"),
            column("strategy", StringType(), "random, popularity or hierarchical"),
            column("seed", LongType(), "what its lots were drawn with"),
            column("n_selected", LongType(), "synsets selected"),
            column("c_cov", DoubleType(), "share of inner synsets that are or have a selected one below"),
            column(
                "c_hier", DoubleType(), "share of selected synsets with n(v) >= n_min and a depth in range"
            ),
            column("q_label", DoubleType(), "mean 1/senses of the least ambiguous lemma"),
            column("c_cost", DoubleType(), "mean share of 20 queries that n_min images take"),
            column("utility", DoubleType(), "alpha c_cov + beta c_hier + gamma q_label - lambda c_cost"),
            column("n_branches", LongType(), "top-level branches reached"),
            column("n_sibling_pairs", LongType(), "pairs of selected synsets with a parent in common"),
            column("mean_leaf_depth", DoubleType(), "steps from the top, mean over selected leaves"),
            column("stability", DoubleType(), "mean Jaccard index of the strategy's choices over its seeds"),
            column("config", StringType(), "effective configuration, JSON"),
            column("measured_at", TimestampType(), "when (UTC)"),
        ]
    ),
)
