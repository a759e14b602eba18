from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlake import multilingual, wordnet
from synlake.errors import InputError
from synlake.methods.queries import KINDS, Plan, Spoken, plan_queries, plural
from synlake.schemas.queries import KINDS as STORED

ZOO = {
    "top": Spoken(("animal",), "it lives", ()),
    "dog": Spoken(("dog", "Canis_familiaris"), "an animal that barks", ("top",)),
    "grey": Spoken(("greyhound",), "a tall slender dog", ("dog",)),
    "whip": Spoken(("whippet",), "small slender dog of greyhound type developed in England", ("grey",)),
    "bird": Spoken(("bird",), "it flies", ("top",)),
    "crane": Spoken(("crane",), "large long-necked wading bird of marshes", ("bird",)),
    "tool": Spoken(("lifting_device",), "it lifts", ()),
    "hoist": Spoken(("crane",), "lifts and moves heavy objects", ("tool",)),
}


def asked(key, plan=None, translations=None, synsets=ZOO):
    found = list(plan_queries(synsets, [key], plan or Plan(plurals=False), translations))
    return [(q.query, q.kind) for q in found]


def test_the_example_of_the_imagenet_paper():
    # Deng et al. 2009, section 3.1: "we also use 'whippet dog' and 'whippet greyhound'".
    assert asked("whip") == [
        ("whippet", "lemma"),
        ("whippet greyhound", "lemma_parent"),
        ("whippet dog", "lemma_parent"),
    ]


def test_a_shared_word_is_marked_and_asked_for_with_its_parent():
    assert asked("hoist") == [("crane", "lemma"), ("crane lifting device", "qualified")]
    assert asked("crane") == [("crane", "lemma"), ("crane bird", "lemma_parent")]
    marks = {q.query: q.is_ambiguous for q in plan_queries(ZOO, ["hoist", "whip"], Plan(plurals=False))}
    assert [word for word, is_ambiguous in marks.items() if is_ambiguous] == ["crane"]
    assert asked("hoist", Plan(drop_ambiguous=True)) == [("crane lifting device", "qualified")]


def test_proper_nouns_keep_their_capitals_and_get_no_plural():
    assert asked("dog", Plan()) == [
        ("dog", "lemma"),
        ("Canis familiaris", "lemma"),
        ("dog animal", "lemma_parent"),
        ("Canis familiaris animal", "lemma_parent"),
        ("dogs", "plural"),
    ]


def test_a_part_of_a_word_in_the_gloss_is_no_word_of_it():
    synsets = {"cat": Spoken(("cat",), "x", ()), "c": Spoken(("manx",), "a category of cats", ("cat",))}
    assert asked("c", synsets=synsets) == [("manx", "lemma")]


def test_translations_are_queries_of_their_language_and_qualified_where_shared():
    italian = {"crane": ["gru"], "hoist": ["gru", "GRU"], "tool": ["macchina"], "dog": ["cane"]}
    assert asked("hoist", translations={"it": italian})[2:] == [
        ("gru", "translation"),
        ("gru macchina", "translation_qualified"),
    ]
    found = list(plan_queries(ZOO, ["dog", "whip"], Plan(max_queries=1), {"it": italian}))
    assert [(q.synset_id, q.language, q.query, q.rank) for q in found] == [
        ("dog", "en", "dog", 1),
        ("dog", "it", "cane", 1),
        ("whip", "en", "whippet", 1),
    ]


words = st.text("ab_ C", min_size=1, max_size=4).filter(lambda text: text.strip("_ "))


@given(st.lists(st.tuples(st.lists(words, min_size=1, max_size=3), st.text("ab C")), min_size=1, max_size=6))
def test_a_query_is_asked_once_whatever_its_case_and_its_words_are_there(nodes):
    synsets = {
        str(i): Spoken(tuple(lemmas), gloss, (str(i - 1),) if i else ())
        for i, (lemmas, gloss) in enumerate(nodes)
    }
    found = list(plan_queries(synsets, synsets, Plan()))
    keys = [(q.synset_id, q.language, q.query.casefold()) for q in found]
    assert len(set(keys)) == len(keys)
    assert {q.synset_id for q in found} == set(synsets)
    assert all(q.query == " ".join(q.query.split()) and "_" not in q.query for q in found)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("child", "children"),
        ("field mouse", "field mice"),
        ("leaf", "leaves"),
        ("box", "boxes"),
        ("fly", "flies"),
    ],
)
def test_plurals_of_wordnet_and_of_rules(one, many):
    assert plural(one, wordnet.irregular_plurals()) == many


def test_the_kinds_have_a_meaning_each():
    assert tuple(STORED) == KINDS


def test_files_of_the_multilingual_wordnet(tmp_path):
    (tmp_path / "ita").mkdir()
    (tmp_path / "ita" / "wn-data-ita.tab").write_text(
        "# MultiWordNet\tita\thttp://x\tCC BY 3.0\n02084071-n\tita:lemma\tcane\n02084071-n\tita:def\t0\tun animale\n"
        "02084071-n\tita:lemma\tcane\n00001740-v\tita:lemma\trespirare\n02084071-n\tlemma\tbau bau\nnonsense\n",
        encoding="utf-8",
    )
    (tmp_path / "wn-data-cmn.tab").write_text("02084071-n\tcmn:lemma\t狗\n", encoding="utf-8")
    assert multilingual.read(str(tmp_path), ["it"]) == {"it": {"n02084071": ["cane", "bau bau"]}}
    assert multilingual.read(str(tmp_path), []) == {
        "it": {"n02084071": ["cane", "bau bau"]},
        "zh": {"n02084071": ["狗"]},
    }
    with pytest.raises(InputError, match=r"nl: not in .*, which has it, zh"):
        multilingual.read(str(tmp_path), ["nl", "it"])
    (tmp_path / "wn-data-spa.tab").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(InputError, match="no words of nouns"):
        multilingual.read(str(tmp_path), ["es"])
    with pytest.raises(InputError, match=r"no wn-data-\*.tab files"):
        multilingual.read(str(tmp_path / "nowhere"), [])
