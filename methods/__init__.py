"""The science: pure functions on DataFrames or arrays, without input or output."""
