"""synlake: image-classification datasets built the way ImageNet was, as Spark jobs over Delta tables."""

__version__ = "0.1.0"
