"""Placing the images of a release: into near-duplicate groups, and each group into a split that holds from now on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.methods.near_groups import (
    duplicate_edges,
    edges_of,
    hashes_to_group,
    near_pairs_of,
    near_secret,
    repeated_edges,
    rows_to_group,
    with_groups,
)
from synlake.methods.splits import SECRET, assign_splits, shared_groups, with_near
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.suiting import suited_to_rows

if TYPE_CHECKING:
    from synlake.jobs.freeze_release import Config

#: What a release keeps of an image's fingerprint.
PRINTS = ("format", "width_px", "height_px", "phash", "hash_mode")


@contextmanager
def placed(
    taken: DataFrame,
    earlier: DataFrame | None,
    settings: Config,
    configs: Mapping[str, Any],
    *,
    sizes: Mapping[str, int],
) -> Iterator[DataFrame]:
    """Rows of ``release_images`` from the ``taken`` rows of the pool; ``sizes`` counts those of each synset.

    The caller holds ``taken``, which has the columns :data:`PRINTS` of their images too, and the ``fixed_place`` that
    ``earlier`` releases give them. ``configs`` has the settings of the stages before.
    """
    secret = None if earlier is None else earlier.where(F.col("split").isin(*SECRET)).select("phash", "split")
    is_apart = secret is None and _is_apart(configs.get("deduplicate-images"), settings.tau)
    with ExitStack() as stack:
        pairs = None
        suited: AbstractContextManager[None] = nullcontext()
        if is_apart or not settings.tau:
            edges = duplicate_edges(taken).unionByName(repeated_edges(taken))
        else:
            known = taken.select("phash").limit(0) if secret is None else secret
            near = near_pairs_of(taken, known, n_images=sum(sizes.values()), tau=settings.tau)
            pairs = stack.enter_context(held(near))
            with suited_to_rows(taken.sparkSession, pairs.count()):
                grouped_hashes = stack.enter_context(held(hashes_to_group(pairs)))
                grouped_hashes.count()  # mostly few: a join with rows whose size Spark knows need not shuffle others
            rows = stack.enter_context(held(rows_to_group(taken, grouped_hashes)))
            edges = edges_of(rows, pairs)
            suited = suited_to_rows(taken.sparkSession, rows.count())
        with suited:
            edges = stack.enter_context(held(edges))
            n_edges = edges.count()
        grouped = with_groups(taken, edges, n_edges=n_edges)
        if secret is not None and pairs is not None:
            new = taken.where("fixed_place IS NULL")
            near = stack.enter_context(held(near_secret(new, secret, pairs)))
            near.count()  # few again
            grouped = with_near(grouped, near)
        shared = stack.enter_context(held(shared_groups(grouped)))
        shared.count()  # mostly few too, as Spark knows from here on
        split = assign_splits(
            grouped,
            shared,
            n_val=settings.n_val,
            n_test=settings.n_test,
            n_holdout=settings.n_holdout,
            seed=settings.seed,
            sizes=sizes if earlier is None else None,
        )
        columns = {"release": F.lit(settings.release), "label": F.col("synset_id")}
        yield split.withColumns(columns).select(*TABLES["release_images"].schema.names)


def _is_apart(last: Mapping[str, Any] | None, tau: int) -> bool:
    """Whether deduplication has seen to it that no two kept images, of whatever class, are near."""
    if last is None or last["floor"]:  # what was restored to reach a floor may be near to anything
        return False
    return bool(last["scope"] == "global" and last["strategy"] == "phash" and last["tau"] >= tau)
