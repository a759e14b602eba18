"""Values as SQL writes them."""

from __future__ import annotations


def literal(value: str, *, quote: str = "\\'") -> str:
    r"""A string literal; ``quote`` is an engine's way to write a quote within quotes, Spark's by default.

    >>> print(literal("it's"), literal("it's", quote="''"))
    'it\'s' 'it''s'
    """
    backslash = "\\\\" if quote.startswith("\\") else "\\"
    escaped = value.replace("\\", backslash).replace("'", quote)
    return f"'{escaped}'"
