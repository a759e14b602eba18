"""A session and one query, as every command has them: Java, told to, archives the classes that this loads.

``submit.sh`` runs it with ``spark-submit`` at the first start of a Java; see "Starts" in ARCHITECTURE.md. Writing and
reading a table too would make it take half as long again, for a second at each start.
"""

from __future__ import annotations

from synlake.local_rows import local_rows
from synlake.session import open_session
from synlake.spread import few_rows

_QUERY = """
    SELECT * FROM named JOIN (SELECT n, max(name) AS last, count(*) AS n_rows FROM named GROUP BY n) USING (n)
    ORDER BY name
"""


def main() -> None:
    """Join, group, sort and collect a hundred rows."""
    spark = open_session("synlake set-up")
    rows = [(f"name {number}", number % 3) for number in range(100)]
    local_rows(spark, rows, "name string, n long").createOrReplaceTempView("named")
    with few_rows(spark):
        spark.sql(_QUERY).toArrow()


if __name__ == "__main__":
    main()
