"""Spark's daemon of Python workers, with what our tasks import loaded before workers are forked from it.

``spark.python.daemon.module`` in conf/local.yaml names it; executors on other machines have Spark's own. A worker
collects garbage after each task, which took 0.1 s with all this in it, and each new worker loaded it again, in 2 s.
"""

import gc

import imagehash  # noqa: F401
import pandas as pd  # noqa: F401
from PIL import Image
from pyspark import daemon

import synlake.udfs.fingerprint  # noqa: F401

if __name__ == "__main__":
    Image.init()  # every decoder
    gc.collect()
    gc.freeze()
    daemon.manager()
