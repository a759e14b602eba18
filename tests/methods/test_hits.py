from __future__ import annotations

from collections import Counter

import pytest
from rows import as_dicts

from synlake.methods.hits import Page, controls

PAGE = Page(size=12, n_positive=3, n_negative=2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_page_is_full_though_it_asks_about_what_is_known(spark, seed):
    """All that is known is asked about too, as after a first round whose labels become controls of the next."""
    asked = [("s", f"i{k}", f"hit{1 + k // 7}", 1 + k // 7, 3) for k in range(10)]
    laid = spark.createDataFrame(
        asked, "synset_id string, image_id string, hit_id string, hit_no int, n_votes_wanted int"
    )
    offers = [("s", image, True, 0) for _, image, *_ in asked]
    known = spark.createDataFrame(
        offers, "synset_id string, image_id string, is_positive boolean, preference int"
    )
    found = as_dicts(controls(laid, known, page=PAGE, seed=seed))
    on_page = [(row["hit_id"], row["image_id"]) for row in found]
    assert Counter(hit for hit, _ in on_page) == {"hit1": 3, "hit2": 3}
    assert len(set(on_page)) == 6
    assert not set(on_page) & {(hit, image) for _, image, hit, *_ in asked}
