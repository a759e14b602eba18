from __future__ import annotations

import json
import re
from typing import NamedTuple

import pytest

from synlake import wordnet
from synlake.errors import EnvironmentFault


class Line(NamedTuple):
    """A line of data.noun as wndb(5WN) describes it, read by hand."""

    offset: str
    lemmas: tuple[str, ...]
    above: set[str]
    is_instance: bool
    gloss: str


def by_hand(line: str) -> Line:
    fields, _, gloss = line.partition("|")
    offset, _, _, n_words, *rest = fields.split()
    n = int(n_words, 16)  # the one hexadecimal count of the format
    pointers = rest[2 * n + 1 :]
    above = [
        (sign, to) for sign, to in zip(pointers[0::4], pointers[1::4], strict=False) if sign in ("@", "@i")
    ]
    is_instance = any(sign == "@i" for sign, _ in above)
    return Line(offset, tuple(rest[: 2 * n : 2]), {f"n{to}" for _, to in above}, is_instance, gloss)


@pytest.fixture(scope="module")
def nouns():
    return {noun.synset_id: noun for noun in wordnet.nouns()}


def test_every_noun_is_what_its_line_says(nouns):
    lines = (wordnet.find() / "data.noun").read_text(encoding="utf-8").splitlines()
    read = [by_hand(line) for line in lines if not line.startswith("  ")]
    assert len(read) == len(nouns) == 82_115
    for line in read:
        noun = nouns[f"n{line.offset}"]
        assert noun.lemmas == line.lemmas
        assert set(noun.parent_ids) == line.above
        assert noun.is_instance == line.is_instance
        assert noun.gloss.split(";")[0].strip() in re.sub(r"\".*?\"", "", line.gloss)
        assert noun.name.rsplit(".", 2)[0] == line.lemmas[0].lower()


def test_nouns_that_were_kept_are_those_that_were_read(nouns):
    folder = wordnet.find()
    if folder != wordnet.SHARE / "wordnet":
        pytest.skip("WordNet is not the copy that submit.sh fetched, of which alone something is kept")
    assert wordnet.KEPT.is_file()
    again = list(wordnet.nouns())
    assert again == list(nouns.values())
    assert all(isinstance(noun.lemmas, tuple) for noun in again)


def test_senses_and_tags_are_those_of_the_index(nouns):
    tench, dog = nouns["n01440764"], nouns["n02084071"]
    assert (tench.name, tench.n_senses) == ("tench.n.01", (1, 1))
    assert dog.name == "dog.n.01"
    # index.noun: `dog n 7 …`; cntlist.rev: dog%1:05:00:: is its first sense, tagged 42 times.
    assert dog.n_senses[0] == 7
    assert dog.n_tagged == 42


def test_the_1000_classes_of_ilsvrc_2012_are_there_word_for_word(nouns, shared):
    classes = json.loads((shared / "imagenetv2" / "metadata" / "class_info.json").read_text())
    assert len({one["wnid"] for one in classes}) == 1000
    for one in classes:
        noun = nouns[one["wnid"]]
        assert [lemma.replace("_", " ") for lemma in noun.lemmas] == one["synset"]
        # There, a gloss keeps its examples, which stand in quotes after the definition.
        examples = one["gloss"].removeprefix(noun.gloss)
        assert examples == "" or (examples.startswith('; "') and examples.endswith('"'))


def test_no_class_of_ilsvrc_2012_is_an_ancestor_of_another(nouns, shared):
    classes = {
        one["wnid"]
        for one in json.loads((shared / "imagenetv2" / "metadata" / "class_info.json").read_text())
    }
    for wnid in classes:
        above, todo = set(), list(nouns[wnid].parent_ids)
        while todo:
            node = todo.pop()
            if node not in above:
                above.add(node)
                todo.extend(nouns[node].parent_ids)
        assert "n00001740" in above
        assert not above & classes


def test_another_version_of_wordnet_is_refused(tmp_path):
    for path in wordnet.find().iterdir():
        text = path.read_text(encoding="utf-8").replace("WordNet 3.0", "WordNet 3.1")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    with pytest.raises(EnvironmentFault, match=r"is WordNet 3\.1; wanted 3\.0"):
        next(wordnet.nouns(tmp_path))


def test_a_folder_without_wordnet_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNLAKE_WORDNET", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="wanted a folder with"):
        wordnet.find()
