"""The only place that reads or writes Delta tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from delta.tables import DeltaTable  # noqa: TID251 - this is that place
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import committing, contract, delta_log
from synlake.errors import InputError, WarehouseVersionError
from synlake.local_rows import local_rows
from synlake.schemas import TABLES
from synlake.schemas.table import Table
from synlake.spread import held
from synlake.warehouse import Warehouse

#: Raised when tables of an older synlake can no longer be read as they are.
LAYOUT_VERSION = 1
_LAYOUT_PROPERTY = "synlake.layout"


def path(warehouse: Warehouse, table: str) -> str:
    """Where a table is."""
    return f"{warehouse.root.rstrip('/')}/{table}"


def exists(warehouse: Warehouse, table: str) -> bool:
    """Whether the table has been written."""
    if not warehouse.is_remote and not os.path.isdir(f"{path(warehouse, table)}/_delta_log"):
        return False  # the common case, without a round trip through the JVM
    return DeltaTable.isDeltaTable(warehouse.spark, path(warehouse, table))


def version(warehouse: Warehouse, table: str) -> int:
    """The newest Delta version of a table; -1 where there is none."""
    if not exists(warehouse, table):
        return -1
    return delta_log.newest_version(warehouse.spark, path(warehouse, table))


def size_bytes(warehouse: Warehouse, table: str) -> int | None:
    """The size of a table's data files; 0 where there is no table, None where it is not known at once."""
    if not exists(warehouse, table):
        return 0
    return delta_log.size_bytes(warehouse.spark, path(warehouse, table))


def read(warehouse: Warehouse, table: str) -> DataFrame:
    """A table as of its pin, or its newest version.

    :class:`InputError` names the stage that writes it where it is missing, :class:`WarehouseVersionError`
    says that a newer synlake wrote it.
    """
    if not exists(warehouse, table) or warehouse.pins.get(table) == -1:
        writer = TABLES[table].writer
        raise InputError(
            f"table {table} is not in the warehouse {warehouse.root}\n"
            f"  next: ./submit.sh {writer} --warehouse {warehouse.root}"
        )
    listed = read_listed(warehouse, table)
    if listed is not None:
        return listed
    reader = warehouse.spark.read.format("delta")
    pin = warehouse.pins.get(table)
    if pin is not None:
        reader = reader.option("versionAsOf", pin)
    return reader.load(path(warehouse, table))


def read_listed(warehouse: Warehouse, table: str) -> DataFrame | None:
    """The same of a table that is there, where its files are known without Spark jobs; None where they are not."""
    check_layout(warehouse, table)
    if not warehouse.trusts_lists:
        return None
    return delta_log.read_listed(warehouse.spark, path(warehouse, table), warehouse.pins.get(table))


def read_or_empty(warehouse: Warehouse, table: str) -> DataFrame:
    """A table, or no rows of its schema where it has not been written yet."""
    if not exists(warehouse, table) or warehouse.pins.get(table) == -1:
        return local_rows(warehouse.spark, [], TABLES[table].schema)
    return read(warehouse, table)


def read_release(warehouse: Warehouse, release: str, *, flag: str) -> DataFrame:
    """The images of a frozen release; :class:`InputError` names ``flag`` where there is none of that name."""
    images = read_or_empty(replace(warehouse, pins={}), "release_images").where(F.col("release") == release)
    if images.isEmpty():
        raise InputError(
            f"{flag} {release}: no such release in {warehouse.root}\n"
            '  next: ./submit.sh sql "SELECT release FROM releases" lists them'
        )
    return images


def read_release_or_folder(warehouse: Warehouse, given: str, *, flag: str) -> DataFrame:
    """The images of a release, or any Delta table where ``given`` is a folder or an address."""
    if "/" not in given:
        return read_release(warehouse, given, flag=flag)
    if not DeltaTable.isDeltaTable(warehouse.spark, given):
        raise InputError(f"{flag} {given}: no Delta table there\n  next: give a release, or a table's folder")
    return warehouse.spark.read.format("delta").load(given)


def overwrite(
    warehouse: Warehouse, table: str, df: DataFrame, *, where: Mapping[str, str] = committing.EVERYTHING
) -> int:
    """Replace the rows of a table (those with the values ``where``, by column) in one commit; returns rows written."""
    return committing.write(_target(warehouse, table), df, replaces=where)


def append(
    warehouse: Warehouse,
    table: str,
    df: DataFrame,
    *,
    mark: delta_log.Mark | None = None,
    is_held: bool = False,
) -> int:
    """Add rows in one commit; returns rows written. No commit is made for no rows, or for a ``mark`` that is old.

    ``is_held`` says that the caller holds ``df`` on disk, so that it need not be held here once more.
    """
    return committing.write(_target(warehouse, table), df, mark=mark, is_held=is_held)


def append_unique(
    warehouse: Warehouse,
    table: str,
    df: DataFrame,
    sizes: Mapping[str, int],
    *,
    mark: delta_log.Mark | None = None,
) -> None:
    """Add rows that are computed once, as they are written: their keys are known to be unique.

    ``sizes`` counts them by the first column of ``cluster_by``, as many as the driver can hold. Where a row breaks the
    table's rules, none is written.
    """
    committing.write_unique(_target(warehouse, table), df, sizes, mark=mark)


def insert_new(warehouse: Warehouse, table: str, df: DataFrame) -> int:
    """Add the rows whose key is not in the table yet; returns how many there were."""
    spec, target = TABLES[table], _target(warehouse, table)
    known = replace(warehouse, pins={})
    fresh = df.dropDuplicates(list(spec.key)).join(
        read(known, table).select(*spec.key), on=list(spec.key), how="left_anti"
    )
    return committing.write(target, fresh)


def upsert(warehouse: Warehouse, table: str, df: DataFrame, *, compared: Sequence[str]) -> tuple[int, int]:
    """Add the rows whose key is not in the table yet, and replace those that differ in a column of ``compared``.

    One commit, or none; returns how many rows are new and how many replaced one.
    """
    spec, target = TABLES[table], _target(warehouse, table)
    known = read(replace(warehouse, pins={}), table).select(*spec.key, F.struct(*compared).alias("was"))
    joined = contract.conform(df, spec).join(known, on=list(spec.key), how="left")
    differs = ~F.col("was").eqNullSafe(F.struct(*compared))
    is_known = F.col("was").isNotNull().alias("is_known")
    with held(joined.where(differs).select(*spec.schema.names, is_known)) as staged:
        n_replaced = staged.where("is_known").count()
        rows = staged.drop("is_known")
        if not n_replaced:
            return committing.write(target, rows, is_held=True), 0
        n_rows = contract.check(rows, spec)
        _merge(warehouse, spec, rows)
    return n_rows - n_replaced, n_replaced


def append_unstaged(warehouse: Warehouse, table: str, df: DataFrame) -> None:
    """Add rows that are too big to be held back for a check first (image bytes); keys are the caller's care."""
    committing.save(_target(warehouse, table), contract.conform(df, TABLES[table]))


def make(warehouse: Warehouse, table: str) -> str:
    """The folder of a table, which is made, with no rows, where it is missing."""
    return _target(warehouse, table).path


def append_files(warehouse: Warehouse, table: str, files: Sequence[delta_log.DataFile]) -> None:
    """Add, in one commit, what tasks wrote as Parquet files into the folder of a table that is there."""
    if files:
        delta_log.add_files(warehouse.spark, path(warehouse, table), files, warehouse.note)


def overwrite_unstaged(warehouse: Warehouse, table: str, df: DataFrame) -> None:
    """Replace the rows of a table that is too big to be held back for a check; its key is the writer's care."""
    rows = contract.conform(df, TABLES[table])
    committing.save(_target(warehouse, table), rows, replaces=committing.EVERYTHING)


def last_transaction(warehouse: Warehouse, table: str, app: str) -> int:
    """The newest transaction number that ``app`` committed to a table; 0 where there is none."""
    if not exists(warehouse, table):
        return 0
    return delta_log.last_transaction(warehouse.spark, path(warehouse, table), app)


def fence(warehouse: Warehouse, table: str, mark: delta_log.Mark) -> bool:
    """Have what its app writes under a smaller number refused from now on; no rows are written.

    Returns whether the app had committed one before, so that it may have rows in the table.
    """
    return delta_log.commit_mark(warehouse.spark, _target(warehouse, table).path, mark)


def discard_unfinished(warehouse: Warehouse, table: str, where: str) -> None:
    """Take out rows that an unfinished freeze added to an append-only table; nobody has seen them."""
    if read(warehouse, table).where(where).isEmpty():
        return
    _set_append_only(warehouse, table, "false")
    warehouse.spark.sql(f"DELETE FROM delta.`{path(warehouse, table)}` WHERE {where}")
    _set_append_only(warehouse, table, "true")


def _set_append_only(warehouse: Warehouse, table: str, value: str) -> None:
    target = f"delta.`{path(warehouse, table)}`"
    warehouse.spark.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('delta.appendOnly' = '{value}')")


def commits(warehouse: Warehouse, table: str) -> DataFrame:
    """The commits of a table, newest first: ``version``, ``timestamp``, ``userMetadata`` …"""
    return DeltaTable.forPath(warehouse.spark, path(warehouse, table)).history()


def _merge(warehouse: Warehouse, spec: Table, df: DataFrame) -> None:
    """Replace rows by their keys, and add the others. A merge has no option for the note of its commit."""
    _let_rows_change(warehouse, spec)
    target = DeltaTable.forPath(warehouse.spark, path(warehouse, spec.name)).alias("target")
    same = " AND ".join(f"target.{name} = given.{name}" for name in spec.key)
    merge = target.merge(df.alias("given"), same).whenMatchedUpdateAll().whenNotMatchedInsertAll()
    conf, name = warehouse.spark.conf, "spark.databricks.delta.commitInfo.userMetadata"
    try:
        if warehouse.note:
            conf.set(name, warehouse.note)
        merge.execute()
    finally:
        conf.unset(name)


def _let_rows_change(warehouse: Warehouse, spec: Table) -> None:
    """Of a table that was append-only when an older synlake made it."""
    if delta_log.table_property(warehouse.spark, path(warehouse, spec.name), "delta.appendOnly") == "true":
        _set_append_only(warehouse, spec.name, "false")


def _target(warehouse: Warehouse, table: str) -> committing.Target:
    """A table to write to, which is made where it is missing."""
    _create(warehouse, TABLES[table])
    return committing.Target(TABLES[table], path(warehouse, table), warehouse.note)


def _create(warehouse: Warehouse, spec: Table) -> None:
    if exists(warehouse, spec.name):
        check_layout(warehouse, spec.name)
        return
    builder = (
        DeltaTable.createIfNotExists(warehouse.spark)
        .location(path(warehouse, spec.name))
        .addColumns(spec.schema)
        .property(_LAYOUT_PROPERTY, str(LAYOUT_VERSION))
        .property("delta.appendOnly", str(spec.is_append_only).lower())
    )
    if spec.n_with_statistics is not None:
        builder = builder.property("delta.dataSkippingNumIndexedCols", str(spec.n_with_statistics))
    if spec.partition_by:
        builder = builder.partitionedBy(*spec.partition_by)
    builder.execute()


def check_layout(warehouse: Warehouse, table: str) -> None:
    """Raise where another program, or a newer synlake, wrote the table."""
    written = delta_log.table_property(warehouse.spark, path(warehouse, table), _LAYOUT_PROPERTY)
    if written is None:
        raise InputError(
            f"{path(warehouse, table)} is a Delta table that synlake did not write\n"
            "  next: choose another folder with --warehouse"
        )
    if int(written) > LAYOUT_VERSION:
        raise WarehouseVersionError(
            f"{path(warehouse, table)} has layout {written}, this synlake knows up to {LAYOUT_VERSION}\n"
            "  next: upgrade synlake, or choose another folder with --warehouse"
        )
