"""What goes beside an export: a dataset card as Hugging Face reads it, and Croissant metadata (MLCommons, 1.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FORMATS = {"webdataset": "application/x-tar", "parquet": "application/x-parquet"}


def dataset_card(about: Mapping[str, Any]) -> str:
    """README.md: front matter, what is in the release, and how to tell that it is this one."""
    splits = {name[6:]: n for name, n in sorted(about["counts"].items()) if name.startswith("split:")}
    table = "\n".join(f"| {split} | {n} |" for split, n in splits.items())
    configs = ""
    if about["layout"] == "parquet":
        files = "\n".join(f"  - split: {split}\n    path: {split}-*.parquet" for split in splits)
        configs = f"configs:\n- config_name: default\n  data_files:\n{files}\n"
    return (
        f"---\npretty_name: {about['release']}\ntask_categories:\n- image-classification\n{configs}---\n"
        f"# {about['release']}\n\n{about['n_images']} labelled images of {about['n_synsets']} classes,"
        f" frozen at {about['frozen_at']} (UTC) by synlake {about['synlake_version']}.\n\n"
        f"| split | images |\n| --- | --- |\n{table}\n\n"
        f"Licence: {about['license']}. Where each image came from is in `attribution.csv`.\n\n"
        f"Content checksum: `{about['content_checksum']}`. `checksums.csv` has the sha256 of each file.\n"
    )


def croissant(about: Mapping[str, Any], files: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """croissant.json: ``files`` are the shards, with ``path`` and ``sha256``; none for a folder tree."""
    encoding = _FORMATS.get(about["layout"])
    distribution: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": one["path"],
            "name": one["path"],
            "contentUrl": one["path"],
            "encodingFormat": encoding,
            "sha256": one["sha256"],
        }
        for one in files
    ]
    if not files:
        pattern = {"@type": "cr:FileSet", "@id": "images", "name": "images", "includes": "*/*/*"}
        distribution = [{**pattern, "encodingFormat": "image/*"}]
    return {
        "@context": {
            "@language": "en",
            "@vocab": "https://schema.org/",
            "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/",
            "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about["release"],
        "description": f"{about['n_images']} labelled images of {about['n_synsets']} classes",
        "license": about["license"],
        "version": about["release"],
        "datePublished": str(about["frozen_at"]),
        "distribution": distribution,
    }
