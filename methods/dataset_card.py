"""What goes beside an export: a dataset card as Hugging Face reads it, and the licences of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LOADING = {
    "imagefolder": "torchvision's `ImageFolder` reads each split's folder; classes are numbered in id order.",
    "webdataset": (
        "`webdataset.WebDataset` reads the shards: image, `cls` (class number) and `json` (image_id, label, split)."
    ),
    "parquet": "`datasets.load_dataset` reads this folder: `image`, `label` (class number), `image_id`.",
    "tfrecord": "`tf.data.TFRecordDataset` reads the shards, with the feature names of TensorFlow's ImageNet files.",
}


def dataset_card(about: Mapping[str, Any]) -> str:
    """README.md: front matter, what is in the release, and how to tell that it is this one."""
    splits = dict(sorted(about["splits"].items()))
    table = "\n".join(f"| {split} | {n} |" for split, n in splits.items())
    configs = ""
    if about["layout"] == "parquet":
        files = "\n".join(f"  - split: {split}\n    path: {split}-*.parquet" for split in splits)
        configs = f"configs:\n- config_name: default\n  data_files:\n{files}\n"
    return (
        f"---\npretty_name: {about['release']}\nlicense: other\ntask_categories:\n- image-classification\n{configs}"
        f"---\n# {about['release']}\n\n{sum(splits.values())} labelled images of {about['n_synsets']} classes,"
        f" frozen at {about['frozen_at']} (UTC) by synlake {about['synlake_version']}.\n\n"
        f"| split | images |\n| --- | --- |\n{table}\n\n{_LOADING[about['layout']]}\n\n"
        f"Licence: {about['license']}. See `LICENCES.md`; where each image came from, and who made it, is in"
        " `attribution.csv`.\n\n"
        f"Content checksum of the release: `{about['content_checksum']}`. `checksums.csv` has the sha256 of each"
        " file.\n"
    )


def licences(about: Mapping[str, Any], counts: Sequence[Mapping[str, Any]]) -> str:
    """LICENCES.md: how many images have which licence, as their sources gave it."""
    rows = "\n".join(
        f"| {_cell(one['licence'])} | {_cell(one['licence_url'] or '')} | {one['n_images']} |"
        for one in counts
    )
    return (
        f"# Licences of the images of {about['release']}\n\nOf the collection: {about['license']}.\n\n"
        "Each image has the licence of its source. As the sources gave them:\n\n"
        f"| licence | text | images |\n| --- | --- | --- |\n{rows}\n\n"
        "`attribution.csv` names the author, the page and the licence of each image, as far as they are known.\n"
        "Where none is stated, ask the owner before you use an image for more than the law allows without asking.\n"
    )


def _cell(text: str) -> str:
    """A table's cell: what others wrote must not end it."""
    return " ".join(text.split()).replace("|", "\\|")
