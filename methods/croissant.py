"""Croissant metadata (MLCommons, 1.0) of an export: which files there are, and how records are read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FORMATS = {
    "webdataset": "application/x-tar",
    "parquet": "application/x-parquet",
    "tfrecord": "application/octet-stream",
}
_IMAGES = {"jpg": "image/jpeg", "tif": "image/tiff"}
#: The context that the specification gives, https://docs.mlcommons.org/croissant/docs/croissant-spec.html
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    },
}  # fmt: skip


def croissant(
    about: Mapping[str, Any],
    files: Sequence[Mapping[str, str]],
    *,
    labels: Sequence[str],
    endings: Sequence[str],
) -> dict[str, Any]:
    """croissant.json: ``files`` are the shards, with ``path`` and ``sha256``; none for a folder tree.

    ``endings`` are those of the images in a folder tree.
    """
    layout = about["layout"]
    shards: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": one["path"],
            "name": one["path"],
            "contentUrl": one["path"],
            "encodingFormat": _FORMATS[layout],
            "sha256": one["sha256"],
        }
        for one in files
    ]
    records: tuple[list[Any], list[Any]] = ([], [])  # Croissant has no reader for TFRecord
    if layout == "imagefolder":
        records = _of_folders(sorted({_IMAGES.get(ending, f"image/{ending}") for ending in endings}))
    elif layout in _RECORDS:
        records = _RECORDS[layout](shards)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about["release"],
        "description": f"{sum(about['splits'].values())} labelled images of {about['n_synsets']} classes, such as"
        f" {', '.join(labels[:3])}. Content checksum of the release: {about['content_checksum']}",
        "license": about["license"],
        "version": _version(about["release"]),
        "datePublished": str(about["frozen_at"])[:10],
        "citeAs": f"{about['release']}, content checksum {about['content_checksum']}",
        "distribution": [*shards, *records[0]],
        "recordSet": records[1],
    }


def _version(release: str) -> str:
    """A version as the specification wants it, MAJOR.MINOR.PATCH; a name that is none counts as the first.

    >>> _version("v1.2.3"), _version("demo")
    ('1.2.3', '1.0.0')
    """
    numbers = release.removeprefix("v").split(".")
    return ".".join(numbers) if len(numbers) == 3 and all(n.isdigit() for n in numbers) else "1.0.0"


def _field(name: str, kind: str, source: Mapping[str, Any], about: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"images/{name}",
        "name": f"images/{name}",
        "description": about,
        "dataType": kind,
        "source": source,
    }


def _records(file_set: dict[str, Any], fields: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    images = {"@type": "cr:RecordSet", "@id": "images", "name": "images", "field": fields}
    return [file_set], [images]


def _of_folders(formats: list[str]) -> tuple[list[Any], list[Any]]:
    files = _file_set("image-files", formats, "*/*/*.*")
    source = {"fileSet": {"@id": "image-files"}}
    path = {**source, "extract": {"fileProperty": "fullpath"}}
    return _records(
        files,
        [
            _field(
                "image", "sc:ImageObject", {**source, "extract": {"fileProperty": "content"}}, "the image"
            ),
            _field("label", "sc:Text", {**path, "transform": {"regex": r"^[^/]+/([^/]+)/"}}, "its class"),
            _field("split", "sc:Text", {**path, "transform": {"regex": r"^([^/]+)/"}}, "its split"),
        ],
    )


def _of_tars(shards: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    # An image is what is not beside one: .cls and .json.
    files = _file_set("image-files", ["image/*"], "*.[!cj]*", "*.j[!s]*")
    files["containedIn"] = [{"@id": one["@id"]} for one in shards]
    source = {"fileSet": {"@id": "image-files"}}
    name = {**source, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"^([^.]+)\."}}
    return _records(
        files,
        [
            _field("image_id", "sc:Text", name, "sha256 of the image's bytes, as it was collected"),
            _field(
                "image", "sc:ImageObject", {**source, "extract": {"fileProperty": "content"}}, "the image"
            ),
        ],
    )


def _of_parquet(shards: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    files = _file_set("parquet-files", [_FORMATS["parquet"]], "*.parquet")

    def column(name: str, **more: Any) -> dict[str, Any]:
        return {"fileSet": {"@id": "parquet-files"}, "extract": {"column": name}, **more}

    return _records(
        files,
        [
            _field("image", "sc:ImageObject", column("image", transform={"jsonPath": "bytes"}), "the image"),
            _field("label", "sc:Integer", column("label"), "its class number; -1: withheld"),
            _field("image_id", "sc:Text", column("image_id"), "sha256 of its bytes, as it was collected"),
        ],
    )


def _file_set(name: str, formats: list[str], *patterns: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": _one_or_list(formats),
        "includes": _one_or_list(list(patterns)),
    }


def _one_or_list(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


_RECORDS = {"webdataset": _of_tars, "parquet": _of_parquet}
