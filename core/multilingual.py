"""Words of synsets in other languages, from files of the Open Multilingual Wordnet that a user has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from synlake.errors import InputError

#: ISO 639-3 code of a file → BCP 47 tag; others stay as they are.
_TAGS = {
    "als": "sq", "arb": "ar", "bul": "bg", "cat": "ca", "cmn": "zh", "dan": "da", "ell": "el", "eus": "eu",
    "fas": "fa", "fin": "fi", "fra": "fr", "glg": "gl", "heb": "he", "hrv": "hr", "ind": "id", "isl": "is",
    "ita": "it", "jpn": "ja", "lit": "lt", "nld": "nl", "nno": "nn", "nob": "nb", "pol": "pl", "por": "pt",
    "qcn": "zh-Hant", "ron": "ro", "slk": "sk", "slv": "sl", "spa": "es", "swe": "sv", "tha": "th", "zsm": "ms",
}  # fmt: skip


def read(folder: str, languages: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Language → synset → words, of the nouns in the ``wn-data-*.tab`` files of a folder (or one such file).

    ``languages`` are the tags to take; none: all that are there. Raises :class:`InputError` for a folder
    without such files, a language that it lacks, or a file in which nothing is a word of a noun.
    """
    root = Path(folder).expanduser()
    paths = [root] if root.is_file() else sorted(root.rglob("wn-*.tab"))
    if not paths:
        raise InputError(
            f"--omw-dir {folder}: no wn-data-*.tab files there\n"
            "  next: give the folder that NLTK's omw-1.4 or the Open Multilingual Wordnet was unpacked to"
        )
    by_language: dict[str, list[Path]] = {}
    for path in paths:
        code = path.stem.rpartition("-")[2]
        by_language.setdefault(_TAGS.get(code, code), []).append(path)
    wanted = list(languages) or sorted(by_language)
    missing = [language for language in wanted if language not in by_language]
    if missing:
        raise InputError(
            f"--languages: {', '.join(missing)}: not in {folder}, which has {', '.join(sorted(by_language))}"
        )
    return {language: _words(by_language[language]) for language in wanted}


def _words(paths: Iterable[Path]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        n_words = 0
        for synset_id, word in _lines(path):
            n_words += 1
            known = found.setdefault(synset_id, [])
            if word not in known:
                known.append(word)
        if not n_words:
            raise InputError(f"{path}: has no words of nouns; wanted lines such as 02084071-n⇥ita:lemma⇥cane")
    return found


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """(wnid, word) of each line ``02084071-n <tab> ita:lemma <tab> cane``; offsets are WordNet 3.0's."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    for line in text.splitlines():
        offset, _, rest = line.partition("\t")
        kind, _, word = rest.partition("\t")
        is_lemma = kind == "lemma" or kind.endswith(":lemma")
        if is_lemma and offset.endswith("-n") and offset[:-2].isdigit() and word.strip():
            yield f"n{offset[:-2]}", word.strip()
