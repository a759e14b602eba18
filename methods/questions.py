"""What workers are asked, and what they may answer. Pure Python: one record a synset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from synlake.methods.hierarchy import nearest

QUESTION_TYPES = ("verify", "classify")
YES, NO, NONE = "yes", "no", "none"


class Option(NamedTuple):
    """An answer that may be given: what is stored, what is shown, and its definition where it is a synset."""

    answer: str
    text: str
    gloss: str | None


@dataclass(frozen=True)
class Synset:
    """What is known of a synset that is asked about; ``up`` is what ``hierarchy.steps_up`` returns."""

    synset_id: str
    lemmas: tuple[str, ...]
    gloss: str
    up: Mapping[str, int]

    @property
    def words(self) -> tuple[str, ...]:
        """The lemmas as people write them."""
        return tuple(lemma.replace("_", " ") for lemma in self.lemmas)


class Wording(NamedTuple):
    """How the images of a synset are asked about."""

    synset_id: str
    question: str
    words: str
    gloss: str
    options: tuple[Option, ...]


def wordings(synsets: Sequence[Synset], *, question_type: str, n_options: int) -> list[Wording]:
    """The question on each synset, its words, its definition, and what may be answered.

    ``verify``: is it in the image, yes or no. ``classify``: which of ``n_options`` synsets is in the image,
    or none of them: the synset itself and those of ``synsets`` that are nearest in the hierarchy, in the
    order of their words. With as many options as there are synsets, all are offered.
    """
    known = {one.synset_id: one for one in synsets}
    if question_type == "classify":
        others = nearest({one.synset_id: one.up for one in synsets}, n_options - 1)
        return [
            _wording(
                one,
                "Which of these is in this image?",
                _choices([one, *map(known.__getitem__, others[one.synset_id])]),
            )
            for one in synsets
        ]
    yes_or_no = (Option(YES, YES, None), Option(NO, NO, None))
    return [
        _wording(one, f"Is there {with_article(one.words[0])} in this image?", yes_or_no) for one in synsets
    ]


def with_article(word: str) -> str:
    """The word with the article that its first letter takes.

    >>> with_article("ice bear"), with_article("tench")
    ('an ice bear', 'a tench')
    """
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def _choices(synsets: Sequence[Synset]) -> tuple[Option, ...]:
    sorted_ = sorted(synsets, key=lambda one: (one.words[0].lower(), one.synset_id))
    texts = [one.words[0] for one in sorted_]
    # Two synsets of one word ("crane") are told apart by their next words, or else by their ids.
    unique = [
        text if texts.count(text) == 1 else f"{text} ({', '.join(one.words[1:]) or one.synset_id})"
        for text, one in zip(texts, sorted_, strict=True)
    ]
    chosen = (Option(one.synset_id, text, one.gloss) for text, one in zip(unique, sorted_, strict=True))
    return (*chosen, Option(NONE, "none of these", None))


def _wording(synset: Synset, question: str, options: tuple[Option, ...]) -> Wording:
    return Wording(synset.synset_id, question, ", ".join(synset.words), synset.gloss, options)
