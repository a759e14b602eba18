"""WordNet 3.0 from disk: where its files are, and its noun synsets. Its offsets are ImageNet's ids."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nltk
from nltk.corpus.reader.wordnet import WordNetCorpusReader

from synlake.errors import EnvironmentFault, SynlakeError
from synlake.remembered import remembered
from synlake.session import SHARE

_NEEDED = ("data.noun", "index.noun", "lexnames", "data.adj", "noun.exc")
#: What NLTK read of the copy that submit.sh fetched.
KEPT = SHARE / "nouns.json"
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
    """The folder with WordNet's files: $SYNLAKE_WORDNET, what submit.sh fetched, or NLTK's data."""
    given = os.environ.get("SYNLAKE_WORDNET")
    if given and not _is_wordnet(Path(given)):
        raise EnvironmentFault(
            f"SYNLAKE_WORDNET={given}: wanted a folder with {', '.join(_NEEDED)}\n"
            "  next: unset it to use the copy that submit.sh fetches"
        )
    nltk_data = [*os.environ.get("NLTK_DATA", "").split(os.pathsep), *_NLTK_DATA]
    nltk_folders = [Path(folder).expanduser() / "corpora" / "wordnet" for folder in nltk_data if folder]
    places = [Path(given)] if given else [SHARE / "wordnet", *nltk_folders]
    found = next((place for place in places if _is_wordnet(place)), None)
    if found is None:
        listed = "\n".join(f"    {place}" for place in places)
        raise EnvironmentFault(
            f"WordNet 3.0 was not found; looked in\n{listed}\n"
            "  next: ./submit.sh fetches it on first use; or set SYNLAKE_WORDNET to the dict folder of WordNet 3.0"
        )
    return found


def nouns(folder: Path | None = None) -> Iterator[Noun]:
    """Every noun synset (82,115 in WordNet 3.0), in the order of offsets.

    NLTK takes some ten seconds for them; of the copy that submit.sh fetched, what it read is kept.
    """
    folder = folder or find()
    if folder != SHARE / "wordnet":
        yield from _read(folder)
        return
    for row in remembered(KEPT, _state(folder), lambda: _read(folder)):
        yield Noun._make(tuple(value) if isinstance(value, list) else value for value in row)


def _state(folder: Path) -> str:
    """What the nouns are read from, and by what."""
    source = inspect.getsource(sys.modules[__name__])
    files = sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir())
    return hashlib.sha256(repr((nltk.__version__, source, files)).encode()).hexdigest()


def _read(folder: Path) -> Iterator[Noun]:
    nltk.data.path.append(str(folder))  # NLTK opens files below its data path only
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses the multilingual files, which nouns do not need
        reader = _Reader(str(folder), omw_reader=None)
    if reader.get_version() != "3.0":
        raise EnvironmentFault(
            f"{folder} is WordNet {reader.get_version()}; wanted 3.0, whose offsets are ImageNet's ids\n"
            "  next: set SYNLAKE_WORDNET to the dict folder of WordNet 3.0"
        )
    senses = _senses(folder / "index.noun")
    tagged = _tag_counts(folder / "cntlist.rev")
    for synset in reader.all_synsets("n"):
        yield _noun(synset, senses, tagged)


def irregular_plurals() -> dict[str, str]:
    """Plurals that follow no rule, by singular; of several the first (WordNet's list of exceptions)."""
    found: dict[str, str] = {}
    for line in (find() / "noun.exc").read_text(encoding="utf-8").splitlines():
        plural, *singulars = (word.replace("_", " ") for word in line.split())
        for singular in singulars:
            found.setdefault(singular, plural)
    return found


def wnid(offset: int) -> str:
    """The id that ImageNet gives a noun synset.

    >>> wnid(1440764)
    'n01440764'
    """
    if not 0 <= offset <= 99_999_999:
        raise SynlakeError(f"not a WordNet offset: {offset}")
    return f"n{offset:08d}"


def _noun(synset: Any, senses: dict[str, list[int]], tagged: Counter[tuple[str, int]]) -> Noun:
    """One synset of NLTK's, with what its reader has no quick way to say: senses and tags of its words."""
    offset = synset.offset()
    lemmas = tuple(synset.lemma_names())
    keys = [lemma.lower() for lemma in lemmas]
    instance_of = synset.instance_hypernyms()
    return Noun(
        synset_id=wnid(offset),
        name=synset.name(),
        lemmas=lemmas,
        gloss=synset.definition(),
        parent_ids=tuple(wnid(parent.offset()) for parent in [*synset.hypernyms(), *instance_of]),
        is_instance=bool(instance_of),
        n_senses=tuple(len(senses[key]) for key in keys),
        n_tagged=sum(tagged[key, senses[key].index(offset) + 1] for key in keys),
    )


def _senses(index: Path) -> dict[str, list[int]]:
    """The offsets of each lemma's synsets, most frequent first: the last ``synset_cnt`` fields of its line."""
    found = {}
    with open(index, encoding="utf-8") as stream:
        for line in stream:
            if not line.startswith("  "):  # the licence is indented
                lemma, _, n_synsets, *rest = line.split()
                found[lemma] = [int(offset) for offset in rest[-int(n_synsets) :]]
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


class _Reader(WordNetCorpusReader):  # type: ignore[misc]
    """NLTK's reader, without its map between WordNet versions, which needs files we have no use for."""

    def map_wn(self, version: str = "wordnet") -> None:
        return None


def _is_wordnet(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)
