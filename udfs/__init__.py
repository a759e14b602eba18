"""Python that runs on executors: plain functions, and thin wrappers that apply them to Arrow batches."""
