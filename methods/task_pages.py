"""What shows the exported tasks to a person: an HTML template for MTurk, a labelling config for Label Studio."""

from __future__ import annotations

from synlake.methods.questions import NO, YES

_STYLE = """\
  figure { display: inline-block; width: 13em; margin: .4em; vertical-align: top; text-align: center }
  img { max-width: 13em; max-height: 13em; cursor: zoom-in }
  label { margin: 0 .4em; white-space: nowrap }
  .classify label { display: block; text-align: left }
"""
#: Takes out the places that a short HIT leaves empty; a required answer there could never be given.
_SCRIPT = """\
  document.querySelectorAll('figure').forEach(function (place) {
    if (!place.querySelector('img').getAttribute('src')) place.remove();
  });
  document.querySelectorAll('label').forEach(function (choice) {
    if (!choice.querySelector('input').value) choice.remove();
  });
"""


def mturk_template(*, question_type: str, page_size: int, n_options: int) -> str:
    """The page for ``task_export.as_mturk``: to be pasted as the design of an MTurk project.

    MTurk replaces ``${…}`` by the columns of the CSV. Place k is answered in field ``answer_k``.
    """
    choices = [(YES, YES, ""), (NO, NO, "")]
    if question_type == "classify":
        names = range(1, n_options + 1)
        choices = [
            (f"${{option_answer_{k}}}", f"${{option_text_{k}}}", f"${{option_gloss_{k}}}") for k in names
        ]
    places = "\n".join(_place(k, choices) for k in range(1, page_size + 1))
    return f"""\
<!-- For Amazon Mechanical Turk: paste it as the design layout of a project, and upload the CSV beside it. -->
<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<style>
{_STYLE}</style>
<crowd-form answer-format="flatten-objects">
  <h2>${{question}}</h2>
  <p><strong>${{words}}</strong>: ${{gloss}}</p>
  <div class="{question_type}">
{places}
  </div>
</crowd-form>
<script>
{_SCRIPT}</script>
"""


def _place(k: int, choices: list[tuple[str, str, str]]) -> str:
    radios = "\n".join(
        f'      <label title="{gloss}">'
        f'<input type="radio" name="answer_{k}" value="{answer}" required> {text}</label>'
        for answer, text, gloss in choices
    )
    image = f'<a href="${{image_url_{k}}}" target="_blank"><img src="${{image_url_{k}}}" alt=""></a>'
    return f"    <figure>\n      {image}\n{radios}\n    </figure>"


def label_studio_config(question_type: str) -> str:
    """The labelling interface for ``task_export.as_label_studio``."""
    choices = '<Choices name="answer" toName="image" choice="single" required="true"'
    if question_type == "classify":
        answer = f'{choices} value="$options"/>'
    else:
        keys = ((YES, "y"), (NO, "n"))
        listed = "\n".join(f'    <Choice value="{value}" hotkey="{key}"/>' for value, key in keys)
        answer = f"{choices}>\n{listed}\n  </Choices>"
    return f"""\
<View>
  <Header value="$question"/>
  <Text name="words" value="$words"/>
  <Text name="gloss" value="$gloss"/>
  <Image name="image" value="$image"/>
  {answer}
</View>
"""
