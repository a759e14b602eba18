"""WordNet 3.0 from disk: where its files are, and its noun synsets. Its offsets are ImageNet's ids.

The format is that of wndb(5WN). It is read here, since NLTK's reader takes several times as long for what we need
(it makes an object of each lemma and indexes verbs and adjectives too), and every selection waits for it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from synlake.errors import EnvironmentFault
from synlake.session import SHARE

_NEEDED = ("data.noun", "index.noun")
#: Within so many lines the licence has told its version; its lines are indented.
_LICENCE_LINES = 50
#: Signs of the pointers to a hypernym, and to the class of a named individual.
_UPWARDS = ("@", "@i")
#: Where NLTK's downloader puts its data, beside $NLTK_DATA.
_NLTK_DATA = ("~/nltk_data", "/usr/share/nltk_data", "/usr/local/share/nltk_data", "/usr/lib/nltk_data")


class Noun(NamedTuple):
    """One noun synset. ``parent_ids`` are hypernyms; of a named individual, the classes it is one of.

    ``n_senses`` has, for each lemma, how many noun synsets it is a word of. ``n_tagged`` is how often the
    synset was meant in the texts that WordNet's makers tagged (SemCor): a measure of popularity.
    """

    synset_id: str
    name: str
    lemmas: tuple[str, ...]
    gloss: str
    parent_ids: tuple[str, ...]
    is_instance: bool
    n_senses: tuple[int, ...] = ()
    n_tagged: int = 0


def find() -> Path:
    """The folder with WordNet's files: $SYNLAKE_WORDNET, what submit.sh fetched, NLTK's data, Debian's."""
    given = os.environ.get("SYNLAKE_WORDNET")
    if given and not _is_wordnet(Path(given)):
        raise EnvironmentFault(
            f"SYNLAKE_WORDNET={given}: wanted a folder with {', '.join(_NEEDED)}\n"
            "  next: unset it to use the copy that submit.sh fetches"
        )
    nltk_data = [*os.environ.get("NLTK_DATA", "").split(os.pathsep), *_NLTK_DATA]
    nltk_folders = [Path(folder).expanduser() / "corpora" / "wordnet" for folder in nltk_data if folder]
    places = [Path(given)] if given else [SHARE / "wordnet", *nltk_folders, Path("/usr/share/wordnet")]
    found = next((place for place in places if _is_wordnet(place)), None)
    if found is None:
        listed = "\n".join(f"    {place}" for place in places)
        raise EnvironmentFault(
            f"WordNet 3.0 was not found; looked in\n{listed}\n"
            "  next: ./submit.sh fetches it on first use; or apt-get install wordnet-base;"
            " or set SYNLAKE_WORDNET to its dict folder"
        )
    return found


def nouns(folder: Path | None = None) -> Iterator[Noun]:
    """Every noun synset (82,115 in WordNet 3.0), in the order of offsets. Takes about a second."""
    folder = folder or find()
    lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
    _check_version(folder, "".join(line for line in lines[:_LICENCE_LINES] if line.startswith("  ")))
    senses, tagged = _senses(folder / "index.noun"), _tag_counts(folder / "cntlist.rev")
    for line in lines:
        if not line.startswith("  "):
            yield _noun(line, senses, tagged)


def _check_version(folder: Path, licence: str) -> None:
    found = re.search(r"Word[nN]et (\S+) Copyright", licence)
    version = found.group(1) if found else "of an unknown version"
    if version != "3.0":
        raise EnvironmentFault(
            f"{folder} is WordNet {version}; wanted 3.0, whose offsets are ImageNet's ids\n"
            "  next: set SYNLAKE_WORDNET to the dict folder of WordNet 3.0"
        )


def _noun(line: str, senses: Mapping[str, Sequence[str]], tagged: Mapping[tuple[str, int], int]) -> Noun:
    """A line of data.noun: offset, file, type, number of words (hexadecimal), words, number of pointers, pointers."""
    fields, _, gloss = line.partition("|")
    offset, _, _, n_words, *rest = fields.split()
    n_word_fields = 2 * int(n_words, 16)  # each word with its lex_id
    lemmas = tuple(rest[:n_word_fields:2])
    pointers = rest[n_word_fields + 1 :]  # symbol, offset, part of speech, source and target
    above = [(to, sign) for sign, to in zip(pointers[::4], pointers[1::4], strict=True) if sign in _UPWARDS]
    ranks = [(key, senses[key].index(offset) + 1) for key in map(str.lower, lemmas)]
    return Noun(
        synset_id=f"n{offset}",
        name=f"{ranks[0][0]}.n.{ranks[0][1]:02d}",
        lemmas=lemmas,
        gloss=re.sub(r'".*?"', "", gloss).strip().strip("; "),  # without its examples
        parent_ids=tuple(f"n{to}" for to, _ in above),
        is_instance=any(sign == "@i" for _, sign in above),
        n_senses=tuple(len(senses[key]) for key, _ in ranks),
        n_tagged=sum(tagged.get(one, 0) for one in ranks),
    )


def _senses(index: Path) -> dict[str, list[str]]:
    """The offsets of each lemma's synsets, most frequent first: the last ``synset_cnt`` fields of its line."""
    found = {}
    with open(index, encoding="utf-8") as stream:
        for line in stream:
            if not line.startswith("  "):  # the licence is indented
                lemma, _, n_synsets, *rest = line.split()
                found[lemma] = rest[-int(n_synsets) :]
    return found


def _tag_counts(counts: Path) -> Counter[tuple[str, int]]:
    """How often a noun lemma's n-th sense was tagged; empty where a distribution leaves the file out."""
    found: Counter[tuple[str, int]] = Counter()
    if counts.is_file():
        for line in counts.read_text(encoding="utf-8").splitlines():
            key, rank, n = line.split()
            lemma, _, kind = key.partition("%")
            if kind.startswith("1:"):  # a noun
                found[lemma, int(rank)] += int(n)
    return found


def _is_wordnet(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)
