"""What a data engineer would write to copy a Delta table's rows: read, filter, write. Run by spark-submit."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

source, release, target = sys.argv[1:]
spark = (
    SparkSession.builder.config(  # noqa: TID251 - the peer knows nothing of synlake
        "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension"
    )
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
)
rows = spark.read.format("delta").load(source).where(f"release = '{release}'")
rows.write.format("delta").mode("overwrite").save(target)
spark.stop()
