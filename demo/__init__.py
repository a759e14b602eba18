"""A synthetic image pool and a simulated crowd, to see the whole pipeline at work."""
