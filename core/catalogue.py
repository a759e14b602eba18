"""The tables of a warehouse in Spark's catalog: its own, which ends with the session, or an external metastore."""

from __future__ import annotations

from typing import Any

from synlake import tables
from synlake.errors import ConflictError
from synlake.local_rows import local_rows
from synlake.schemas import TABLES
from synlake.sql_text import literal
from synlake.warehouse import Warehouse


def is_lasting(warehouse: Warehouse) -> bool:
    """Whether names outlive the session, in an external metastore."""
    return bool(warehouse.spark.conf.get("spark.sql.catalogImplementation") != "in-memory")


def name_rows(warehouse: Warehouse, table: str) -> None:
    """Name the rows that a table has now, for SQL that asks no more of it: if possible, planned without Spark jobs.

    The table is there.
    """
    listed = tables.read_listed(warehouse, table)
    if listed is None:
        name_table(warehouse, table)
    else:
        listed.createOrReplaceTempView(table)


def name_table(warehouse: Warehouse, table: str) -> None:
    """Name a table in Spark's catalog, where SQL finds it with its versions and comments; or an empty view for none.

    Raises :class:`ConflictError` where an external metastore has another table of that name.
    """
    spark = warehouse.spark
    spark.catalog.dropTempView(table)
    if not tables.exists(warehouse, table):
        local_rows(spark, [], TABLES[table].schema).createOrReplaceTempView(table)
        return
    tables.check_layout(warehouse, table)
    found, wanted = _catalogued(warehouse, table), tables.path(warehouse, table)
    if found is not None and found != _plain(warehouse, wanted):
        if is_lasting(warehouse):
            raise ConflictError(
                f"the metastore has a table {table} at {found}, and the warehouse has its own at {wanted}\n"
                "  next: one metastore for each warehouse"
            )
        spark.sql(f"DROP TABLE {table}")  # its name only: it was made with a LOCATION
        found = None
    if found is None:
        spark.sql(f"CREATE TABLE {table} USING DELTA LOCATION {literal(wanted)}")


def _catalogued(warehouse: Warehouse, table: str) -> str | None:
    """Where the table of that name is, as the catalog knows it; None where it knows none."""
    jvm = warehouse.spark._jvm
    assert jvm is not None
    catalog = warehouse.spark._jsparkSession.sessionState().catalog()
    name = jvm.org.apache.spark.sql.catalyst.TableIdentifier(table)
    if not catalog.tableExists(name):
        return None
    return _plain(warehouse, catalog.getTableMetadata(name).location())


def _plain(warehouse: Warehouse, place: Any) -> str:
    """A path or URI of the JVM's without its scheme, as a path is compared."""
    jvm = warehouse.spark._jvm
    assert jvm is not None
    return str(jvm.org.apache.hadoop.fs.Path(place).toUri().getPath())
