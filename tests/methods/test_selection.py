from __future__ import annotations

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.methods.hierarchy import children_of, depths, reachable, sibling_similarity
from synlake.methods.objective import (
    ReleaseFacts,
    Weights,
    coverage,
    hierarchy_consistency,
    score_release,
    sibling_pairs,
    stability,
    utility,
)
from synlake.methods.selection import Rules, Synset, choose
from synlake.methods.strategies import STRATEGIES, in_order
from synlake.schemas.reasons import SYNSET


@st.composite
def hierarchies(draw, most=25):
    """parents of s00 (the top), s01, … : each has one or two parents before it, so there is no cycle."""
    n = draw(st.integers(2, most))
    return {"s00": ()} | {
        f"s{i:02}": tuple(
            sorted(draw(st.sets(st.integers(0, i - 1).map("s{:02}".format), min_size=1, max_size=2)))
        )
        for i in range(1, n)
    }


def synsets_of(parents, **changes):
    children = children_of(parents)
    depth = depths(children, ["s00"])
    return {
        key: Synset(key, (key,), above, depth[key], key not in children)._replace(**changes.get(key, {}))
        for key, above in parents.items()
    }


def chosen(synsets, rules=None, strategy="hierarchical", n=0, seed=1):
    order = in_order(strategy, synsets, list(synsets), roots=("s00",), seed=seed)
    verdicts = choose(synsets, order, rules or Rules(), n_synsets=n)
    return {key for key, verdict in verdicts.items() if verdict is None}


@given(hierarchies())
def test_ancestors_and_descendants_agree_with_networkx(parents):
    graph = networkx.DiGraph([(p, key) for key, above in parents.items() for p in above])
    graph.add_nodes_from(parents)
    for key in parents:
        assert reachable(parents, key) == networkx.ancestors(graph, key)
        assert reachable(children_of(parents), key) == networkx.descendants(graph, key)


@settings(max_examples=60)
@given(hierarchies(), st.sampled_from(STRATEGIES), st.integers(0, 3))
def test_an_order_has_every_eligible_synset_once_and_the_seed_decides(parents, strategy, seed):
    synsets = synsets_of(parents)
    eligible = [key for key in synsets if key != "s00"]
    runs = [list(in_order(strategy, synsets, eligible, roots=("s00",), seed=seed)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert sorted(runs[0]) == sorted(eligible)


@settings(max_examples=60)
@given(hierarchies(), st.sampled_from(STRATEGIES))
def test_leaf_only_selects_no_ancestor_of_another_and_nothing_more_fits(parents, strategy):
    synsets = synsets_of(parents)
    taken = chosen(synsets, Rules(leaf_only=True), strategy)
    related = {key: reachable(parents, key) | reachable(children_of(parents), key) for key in parents}
    assert all(not related[key] & taken for key in taken)
    assert all(related[key] & taken for key in set(parents) - taken)


@settings(max_examples=40)
@given(hierarchies(), st.integers(1, 30), st.sampled_from(STRATEGIES))
def test_a_target_is_met_where_enough_are_eligible(parents, n, strategy):
    assert len(chosen(synsets_of(parents), n=n, strategy=strategy)) == min(n, len(parents))


def test_a_small_branch_is_not_passed_over():
    big = {f"b{i:03}": ("big",) for i in range(400)}
    small = {f"c{i}": ("small",) for i in range(4)}
    parents = {"s00": (), "big": ("s00",), "small": ("s00",), **big, **small}
    synsets = synsets_of(parents)
    taken = chosen(synsets, n=22)
    n_small = len(taken & set(small))
    assert n_small == 2  # √4 : √400 is 1 : 10
    assert chosen(synsets, strategy="random", n=22) != taken


def test_every_rejection_says_why_and_against_which():
    parents = {"s00": (), "a": ("s00",), "b": ("s00",), "c": ("a",), "d": ("a",), "e": ("a",)}
    changes = {
        "b": {"is_instance": True},
        "c": {"lemmas": ("Big_Crane",), "is_forced": True},
        "d": {"lemmas": ("big crane",)},
        "e": {"excluded_by": "a"},
    }
    synsets = synsets_of(parents, **changes)
    verdicts = choose(
        synsets, ["a", "b", "c", "d", "e", "s00"], Rules(min_depth=1, leaf_only=True, shared_lemmas=False)
    )
    assert verdicts == {
        "s00": ("too_shallow", None),
        "a": ("ancestor_or_descendant", "c"),
        "b": ("instance", None),
        "c": None,
        "d": ("same_lemma", "c"),
        "e": ("excluded_branch", "a"),
    }
    assert {verdict[0] for verdict in verdicts.values() if verdict} <= set(SYNSET)


def test_forced_synsets_break_no_rule_but_audits_win():
    parents = {"s00": (), "a": ("s00",), "b": ("s00",)}
    synsets = synsets_of(parents, a={"is_forced": True}, b={"is_forced": True, "is_dropped": True})
    verdicts = choose(synsets, ["s00"], Rules(min_depth=9))
    assert verdicts == {"s00": ("too_shallow", None), "a": None, "b": ("audit_rejected", None)}


def test_siblings_above_the_similarity_are_kept_apart():
    parents = {"s00": (), "a": ("s00",), "b": ("a",), "c": ("a",)}
    similarity = 2 * 2 / (3 + 3)  # depth in nodes of the parent, and of the two
    assert sibling_similarity(2, 2, 1) == pytest.approx(similarity)
    synsets = synsets_of(parents)
    strict = choose(synsets, ["b", "c"], Rules(max_similarity=similarity - 0.01))
    assert (strict["b"], strict["c"]) == (None, ("similar_sibling", "b"))
    assert choose(synsets, ["b", "c"], Rules(max_similarity=similarity))["c"] is None


@settings(max_examples=40)
@given(hierarchies(), st.data())
def test_measures_agree_with_brute_force(parents, data):
    synsets = synsets_of(parents)
    some = data.draw(st.sets(st.sampled_from(sorted(parents)), min_size=1))
    inner = set(children_of(parents))
    reached = {key for key in inner if key in some or reachable(children_of(parents), key) & some}
    assert coverage(some, parents, inner) == pytest.approx(len(reached) / len(inner))
    pairs = {(a, b) for a in some for b in some if a < b and set(parents[a]) & set(parents[b])}
    assert sibling_pairs([synsets[key] for key in some]) == len(pairs)


def test_consistency_needs_both_images_and_depth():
    given = [
        Synset(str(i), (), (), depth, True, n_expected=n)
        for i, (depth, n) in enumerate([(5, 500), (4, 500), (5, 499), (19, 900), (18, 501)])
    ]
    assert hierarchy_consistency(given, n_min=500, min_depth=5, max_depth=18) == pytest.approx(2 / 5)


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=5))
def test_stability_is_1_only_for_equal_choices(choices):
    assert (stability(choices) == 1.0) == all(one == choices[0] for one in choices)


@given(*[st.floats(0, 1)] * 4)
def test_the_objective_is_in_its_range_and_falls_with_cost(c_cov, c_hier, q_label, c_cost):
    value = utility(c_cov, c_hier, q_label, c_cost, Weights())
    assert -1 <= value <= 3
    assert utility(c_cov, c_hier, q_label, 1.0, Weights()) <= value


def test_the_objective_of_a_release_is_made_of_what_was_counted():
    # top > a > (b, c), top > d > e; f is a class that pictures cannot show.
    visible = {"top": (), "a": ("top",), "b": ("a",), "c": ("a",), "d": ("top",), "e": ("d",)}
    classes = [
        Synset("b", (), ("a",), 2, True, n_expected=600),
        Synset("c", (), ("a",), 2, True, n_expected=10),
        Synset("f", (), ("top",), 1, True, n_expected=900),
        Synset("g", (), ("a",), 3, True, n_expected=900),
    ]
    facts = ReleaseFacts(classes, visible, mean_confidence=0.9, share_left_out=0.25)
    scores = score_release(facts, n_min=500, min_depth=2, max_depth=3, weights=Weights(coverage=3.0))
    assert scores["c_cov"] == pytest.approx(2 / 3)  # top and a of top, a and d
    assert scores["c_hier"] == 0.5  # c is too small, f too high up
    assert scores["utility"] == pytest.approx(3 * 2 / 3 + 0.5 + 0.9 - 0.25)
