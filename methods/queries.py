"""What to type into a search box to find images of a synset. Pure Python over a taxonomy's nouns, as selection is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

#: Kinds of queries; the ones that come first are asked first.
KINDS = ("lemma", "lemma_parent", "qualified", "plural", "translation", "translation_qualified")
ENGLISH = "en"


class Spoken(NamedTuple):
    """What a taxonomy says of a synset: its words, its definition and what is above it."""

    lemmas: tuple[str, ...]
    gloss: str
    parent_ids: tuple[str, ...]


class Query(NamedTuple):
    """A row of table ``queries``, see there."""

    synset_id: str
    query: str
    language: str
    kind: str
    lemma: str
    is_ambiguous: bool
    rank: int


@dataclass(frozen=True)
class Plan:
    """Which queries are wanted. ``irregular`` has plurals that no rule gives, by singular."""

    plurals: bool = True
    drop_ambiguous: bool = False
    max_queries: int = 20
    irregular: Mapping[str, str] = field(default_factory=dict)


def plan_queries(
    synsets: Mapping[str, Spoken],
    chosen: Iterable[str],
    plan: Plan,
    translations: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> Iterator[Query]:
    """The queries of the ``chosen`` synsets, best first, each once in a language whatever its case.

    Deng et al., "ImageNet" (CVPR 2009), section 3.1: a synset's words; the same with each word of a synset
    above it that occurs in its gloss; both in other languages (``translations``: language → synset → words).
    A word of several synsets is marked ambiguous, and is a query a second time with a word of its parent.
    ``drop_ambiguous`` leaves out the bare word, where there is one with a parent's.
    """
    words = {ENGLISH: {key: one.lemmas for key, one in synsets.items()}, **(translations or {})}
    shared = {language: _shared(by_synset) for language, by_synset in words.items()}
    for key in chosen:
        found = [
            query
            for language, by_synset in words.items()
            for query in _of_synset(key, synsets, by_synset, language, shared[language], plan)
        ]
        yield from _ranked(found, plan)


def _of_synset(
    key: str,
    synsets: Mapping[str, Spoken],
    words: Mapping[str, Sequence[str]],
    language: str,
    shared: Collection[str],
    plan: Plan,
) -> Iterator[Query]:
    is_english = language == ENGLISH
    plain, qualified = ("lemma", "qualified") if is_english else ("translation", "translation_qualified")
    above = _words_above_in_gloss(key, synsets) if is_english else []
    parents = [spoken(words[p][0]) for p in synsets[key].parent_ids if words.get(p)]
    for lemma in words.get(key, ()):
        text = spoken(lemma)
        is_ambiguous = text.casefold() in shared
        fuller = [(word, qualified) for word in parents] if is_ambiguous else []
        fuller += [(word, "lemma_parent") for word in above]
        longer = [(f"{text} {word}", kind) for word, kind in fuller if not _has_word(text, word)]
        if not (plan.drop_ambiguous and is_ambiguous and longer):
            yield Query(key, text, language, plain, lemma, is_ambiguous, 0)
            if is_english and plan.plurals and text == text.lower():
                yield Query(key, plural(text, plan.irregular), language, "plural", lemma, is_ambiguous, 0)
        for query, kind in longer:
            yield Query(key, query, language, kind, lemma, False, 0)


def _ranked(found: Sequence[Query], plan: Plan) -> Iterator[Query]:
    """Each query once, the plainest kind of it; of each language as many as the plan allows."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for query in sorted(found, key=lambda one: KINDS.index(one.kind)):
        asked = seen[query.language]
        if query.query.casefold() not in asked and len(asked) < plan.max_queries:
            asked.add(query.query.casefold())
            yield query._replace(rank=len(asked))


def _words_above_in_gloss(key: str, synsets: Mapping[str, Spoken]) -> list[str]:
    """Words of the synsets above one that its gloss has, whole; nearest synsets first."""
    gloss = synsets[key].gloss
    found: dict[str, None] = {}
    level, seen = list(synsets[key].parent_ids), set[str]()
    while level:
        for parent in level:
            for lemma in synsets[parent].lemmas if parent in synsets else ():
                if _has_word(gloss, spoken(lemma)):
                    found[spoken(lemma)] = None
        seen.update(level)
        nearer = (up for parent in level if parent in synsets for up in synsets[parent].parent_ids)
        level = [up for up in dict.fromkeys(nearer) if up not in seen]
    return list(found)


def _has_word(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


def _shared(words: Mapping[str, Sequence[str]]) -> set[str]:
    """The words of more than one synset, folded."""
    n_synsets: defaultdict[str, int] = defaultdict(int)
    for lemmas in words.values():
        for text in {spoken(lemma).casefold() for lemma in lemmas}:
            n_synsets[text] += 1
    return {text for text, n in n_synsets.items() if n > 1}


def spoken(lemma: str) -> str:
    """A lemma as people write it; the capitals of proper nouns stay.

    >>> spoken("Tinca_tinca"), spoken("great_white_shark")
    ('Tinca tinca', 'great white shark')
    """
    return " ".join(lemma.replace("_", " ").split())


def plural(text: str, irregular: Mapping[str, str]) -> str:
    """The plural of a noun, of its last word where it has several; of "X of Y" that of X.

    >>> [plural(x, {"mouse": "mice"}) for x in ("field mouse", "finch", "lily", "bird of prey", "key")]
    ['field mice', 'finches', 'lilies', 'birds of prey', 'keys']
    """
    head, of, rest = text.partition(" of ")
    if of:
        return f"{plural(head, irregular)}{of}{rest}"
    before, space, last = text.rpartition(" ")
    if text in irregular:
        return irregular[text]
    if last in irregular:
        last = irregular[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = f"{last[:-1]}ies"
    else:
        last += "s"
    return f"{before}{space}{last}"
