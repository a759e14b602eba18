"""The page that report-release writes: a template, its style, and what fills them."""
