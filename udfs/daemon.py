"""Spark's daemon of Python workers, with what our tasks import loaded before workers are forked from it.

``spark.python.daemon.module`` in conf/local.yaml names it; executors on other machines have Spark's own. A worker
collects garbage after each task, which took 0.1 s with all this in it, and each new worker loaded it again, in 2 s.
"""

import gc
import importlib

from PIL import Image
from pyspark import daemon

LOADED = ("imagehash", "pandas", "pyspark.worker", "scipy.fftpack", "synlake.udfs.fingerprint")

if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    Image.init()  # every decoder
    gc.collect()
    gc.freeze()
    daemon.manager()
