"""What SQL over a warehouse can call besides Spark's and DuckDB's own functions: plain Python, null in, null out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

#: Hamming distance of two hashes, in bits: an expression in either engine's own functions.
HAMMING = {
    "spark": "CAST(bit_count(a ^ b) AS INT)",
    "duckdb": "CAST(bit_count(xor(a::BIGINT, b::BIGINT)) AS INTEGER)",
}


def phash_of(content: bytes | None) -> int | None:
    """The pHash of an image's bytes, as table fingerprints has it; null where they cannot be decoded."""
    # Only here: numpy, scipy and the decoders take longer to import than a small query takes.
    import numpy as np

    from synlake.udfs.decode import Limits, Wanted, decode
    from synlake.udfs.phash import phash

    decoded = decode(None if content is None else bytes(content), Limits(), Wanted(pixel_sha256=False))
    if decoded is None or decoded.thumbnail is None:
        return None
    return int(phash(np.stack([decoded.thumbnail]))[0])


def is_a_in(parents: Mapping[str, Collection[str]]) -> Callable[[str | None, str | None], bool | None]:
    """``is_a(synset, ancestor)`` over a hierarchy: is it the same synset, or one below it?

    >>> is_a = is_a_in({"pug": ["dog"], "dog": ["animal"]})
    >>> is_a("pug", "animal"), is_a("dog", "pug"), is_a(None, "dog")
    (True, False, None)
    """
    known: dict[str, frozenset[str]] = {}

    def ancestors(synset: str) -> frozenset[str]:
        if synset not in known:
            above = (ancestors(parent) for parent in parents.get(synset, ()))
            known[synset] = frozenset({synset}).union(*above)
        return known[synset]

    def is_a(synset: str | None, ancestor: str | None) -> bool | None:
        return None if synset is None or ancestor is None else ancestor in ancestors(synset)

    return is_a
