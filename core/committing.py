"""How rows get into a table: staged, checked, laid out, committed. Only :mod:`synlake.tables` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from synlake import contract, delta_log
from synlake.errors import ConflictError
from synlake.schemas.table import Table
from synlake.spread import dealt_by_class, held

#: The rows to replace, by values of columns: all of them.
EVERYTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Target:
    """The table that rows go into: what it is, where it is, and what each commit notes ("": nothing)."""

    spec: Table
    path: str
    note: str


def write(
    target: Target,
    df: DataFrame,
    *,
    replaces: Mapping[str, str] | None = None,
    mark: delta_log.Mark | None = None,
    is_held: bool = False,
) -> int:
    """Stage, check, commit; returns rows written. No commit is made for no rows that replace none.

    The rows are computed once, onto the executors' disks: the contract is checked there, and range
    partitioning (which samples its input first) does not compute them a second time.
    """
    spec = target.spec
    conforming = contract.conform(df, spec)
    with nullcontext(conforming) if is_held else held(conforming) as staged:
        n_rows = contract.check(staged, spec)
        if n_rows or replaces is not None:
            save(target, _laid_out(staged, spec, n_rows), replaces=replaces, mark=mark)
    return n_rows


def write_unique(
    target: Target, df: DataFrame, sizes: Mapping[str, int], *, mark: delta_log.Mark | None
) -> None:
    """Compute rows once, as they are committed: their keys are known to be unique, and Delta checks the rules."""
    conforming = contract.conform(df, target.spec)
    by, within = target.spec.cluster_by
    laid_out = dealt_by_class(conforming, sizes, by=by, within=within)
    try:
        save(target, laid_out, mark=mark, rules=target.spec.rules)
    except (PySparkException, Py4JError):
        contract.check(conforming, target.spec)  # which lists what is wrong, if it is this
        raise


def _laid_out(df: DataFrame, spec: Table, n_rows: int) -> DataFrame:
    """Rows ranged and sorted by the table's ``cluster_by``: a synset's rows are in few files, side by side."""
    if not spec.cluster_by:
        return df
    if n_rows < 1_000_000:  # one file; ranging would only cost a sample
        return df.coalesce(1).sortWithinPartitions(*spec.cluster_by)
    return df.repartitionByRange(*spec.cluster_by).sortWithinPartitions(*spec.cluster_by)


def save(
    target: Target,
    df: DataFrame,
    *,
    replaces: Mapping[str, str] | None = None,
    mark: delta_log.Mark | None = None,
    rules: Mapping[str, str] | None = None,
) -> None:
    """Commit rows: beside those that are there, or in the place of those with the values ``replaces``, by column.

    ``rules`` are checked as the rows are written; else they have been before. :class:`ConflictError` where another
    process changed the table meanwhile, in a way that matters.
    """
    try:
        if target.spec.is_compressed:
            change = delta_log.Change(replaces, mark, target.note, rules or {})
            if delta_log.write_rows(df.sparkSession, target.path, df, change):
                return
        if rules:
            contract.check(df, target.spec)
        _save_by_delta(target, df, replaces, mark)
    except delta_log.CONFLICTS:
        raise ConflictError(
            f"table {target.spec.name}: another run changed it meanwhile, and this one has written nothing to it\n"
            "  next: let the other one end, then run the same command again"
        ) from None


def _save_by_delta(
    target: Target, df: DataFrame, replaces: Mapping[str, str] | None, mark: delta_log.Mark | None
) -> None:
    """By Delta's own writer, which asks the log for what it has to know."""
    writer = df.write.format("delta").mode("append" if replaces is None else "overwrite")
    if replaces:
        where = " AND ".join(delta_log.equal(name, value) for name, value in replaces.items())
        writer = writer.option("replaceWhere", where)
    if mark is not None:
        writer = writer.option("txnAppId", mark.app).option("txnVersion", mark.number)
    if target.note:
        writer = writer.option("userMetadata", target.note)
    if not target.spec.is_compressed:
        writer = writer.option("compression", "none")
    writer.save(target.path)
