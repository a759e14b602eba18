"""The README says of the stages what the code says."""

from __future__ import annotations

from pathlib import Path

from synlake.jobs import PIPELINE

ROOT = Path(__file__).parents[2]


def stage_table() -> str:
    lines = ["| stage | what it does | writes |", "| --- | --- | --- |"]
    for stage in PIPELINE:
        does = (stage.module.__doc__ or "").partition("\n")[0].rstrip(".")
        lines.append(f"| `{stage.name}` | {does} | {', '.join(f'`{table}`' for table in stage.writes)} |")
    return "\n".join(lines)


def test_the_table_of_stages_is_that_of_the_pipeline():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split("<!-- stages:start -->")[1].split("<!-- stages:end -->")[0].strip()
    assert shown == stage_table()


def test_every_path_that_a_document_links_to_exists():
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in [part.split(")")[0] for part in text.split("](")[1:]]:
            assert target.startswith("http") or (ROOT / target).exists(), f"{document}: {target}"
