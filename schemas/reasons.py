"""Why a row was rejected: every reason there is, with its meaning. A rejected row has exactly one."""

from __future__ import annotations

#: select-synsets: why a synset was not selected.
SYNSET = {
    "not_under_root": "no unbroken hypernym path to one of the roots",
    "instance": "a named individual (WordNet instance), not a class",
    "excluded_branch": "below rejected_by, a branch that cannot be told from pictures (conf/excluded_branches.csv)",
    "audit_rejected": "a person who audited the selection said no",
    "too_shallow": "nearer to the top of the hierarchy than min_depth",
    "too_deep": "further from the top of the hierarchy than max_depth",
    "too_few_images": "fewer images known or expected than n_min",
    "ancestor_or_descendant": "above or below rejected_by, which was selected before it (leaf_only)",
    "similar_sibling": "more like its sibling rejected_by, selected before it, than max_similarity",
    "same_lemma": "a word of it means rejected_by too, which was selected before it",
    "over_target": "selectable, but n_synsets were selected before it in the strategy's order",
}

#: ingest-images: why a found file is not an image of the dataset.
CANDIDATE = {
    "no_synset": "neither a folder nor the file name begins with a WordNet id, and no label names a synset",
    "synset_not_selected": "the file names a synset that select-synsets did not select",
    "too_many_bytes": "larger than max_bytes; its bytes are not stored",
    "unreadable": "there are no bytes, or they could not be read",
    "not_a_file": "a link, device or sparse file in an archive, which has no bytes of its own",
    "unsafe_path": "its path in the archive leads out of it",
    "broken_archive": "stands for what an archive has after the place where it breaks off",
    "no_image_column": "the Parquet file has no column of bytes, or none of the name given",
    "not_downloaded": "the download failed; table downloads says how",
}

#: ingest-images, from URLs: how a download ended.
DOWNLOAD = {
    "ok": "an image came, whole",
    "bad_url": "no http(s) URL with a host and without a password, or redirected to one that is none",
    "address_refused": "the host is a private, loopback, link-local or otherwise not public address",
    "dns_error": "the host has no address",
    "connect_error": "no connection, or it broke",
    "timeout": "not done within total_seconds, or nothing came for stall_seconds",
    "truncated": "fewer bytes came than the server had promised",
    "too_many_redirects": "more than max_redirects",
    "rate_limited": "the server said 429 (too many requests) at every attempt",
    "http_error": "the server answered with another status than 200",
    "opted_out": "X-Robots-Tag says noai or noimageai",
    "too_many_bytes": "larger than max_bytes",
    "not_an_image": "the bytes begin like no image format, or were encoded though none was asked for",
}

#: ingest-images, from search engines: how a query ended.
SEARCH = {
    "ok": "as many results as were wanted, or all that there are",
    "rate_limited": "the engine said that it was asked too often; what it was not asked is left for another run",
    "http_error": "the engine answered with another status than 200",
    "bad_answer": "the answer is not of the shape that the engine publishes, or is an error of its own",
    "address_refused": "the host is a private, loopback, link-local or otherwise not public address",
    "connect_error": "no such host, no connection, or it broke",
    "timeout": "no answer within total_seconds",
}

#: fingerprint-images: why an image has no fingerprint.
FINGERPRINT = {
    "empty_file": "zero bytes",
    "not_an_image": "no known image format",
    "truncated": "the data ends before the image does",
    "corrupt": "the decoder met broken data",
    "too_many_pixels": "more pixels than max_pixels (a decompression bomb, or a huge scan)",
    "too_small": "a side shorter than min_side_px",
    "decode_timeout": "decoding took longer than decode_seconds",
    "decoder_crashed": "the decoder brought its process down",
}

#: deduplicate-images: why a decodable candidate is not kept.
DUPLICATE = {
    "pixel_duplicate": "the same decoded pixels as duplicate_of",
    "near_duplicate": "within tau bits of duplicate_of",
    "held_out": "within tau bits of duplicate_of, an image of the release or table given as --against",
    "over_quota": "the synset has its quota of images; a seeded sample was kept",
    "not_fingerprinted": "no row in fingerprints yet: run fingerprint-images",
}

#: Every reason a row of ``pool`` may carry.
POOL = {**CANDIDATE, **FINGERPRINT, **DUPLICATE}

#: import-votes: why an answer does not count.
VOTE = {
    "malformed": "the line could not be parsed, or lacks an item or a worker",
    "bad_encoding": "item, worker or answer has bytes that are not in the file's encoding",
    "not_accepted": "the platform says that the work was rejected, skipped or withdrawn",
    "empty_answer": "no answer was given",
    "unknown_item": "no task has this item_id",
    "unknown_answer": "none of the answers that may be given",
    "before_task": "answered before its task was planned",
    "duplicate_vote": "the worker gave the same answer to this item before",
    "conflicting_vote": "the worker gave another answer to this item before; the first one counts",
}

#: aggregate-votes: why an item goes to an expert.
ESCALATION = {
    "tie": "two or more labels are as likely (majority: have as many votes)",
    "low_confidence": "the confidence of the label is below min_confidence",
    "few_votes": "fewer votes than min_votes",
    "methods_disagree": "second_method finds another label likelier than this one",
    "difficult_synset": "of its synset, surely a larger share than max_doubtful is escalated for another reason",
}

#: aggregate-votes: why a worker's votes are left out of the aggregation; they stay in ``votes``.
WORKER = {
    "low_gold_accuracy": "right on fewer of the gold tasks than min_gold_accuracy",
    "spammer": "the answers say less of the truth than min_spammer_score",
    "too_fast": "half of the answers came sooner after the one before than min_seconds",
}

#: review-labels: why an expert's decision is not taken.
REVIEW = {
    "malformed": "the line could not be parsed, or lacks an item",
    "not_decided": "no label or no reviewer is given: a line of the sheet that is still to be filled in",
    "unknown_item": "no label has this item_id",
    "unknown_answer": "none of the answers that the item's task offers",
    "duplicate_review": "the reviewer decided on this item before; the first decision counts",
}

#: freeze-release: why a kept image is not in the release (counted, not stored).
RELEASE = {
    "not_kept": "deduplicate-images did not keep it",
    "not_labelled": "no votes were aggregated for it",
    "label_is_no": "the crowd or an expert says that the synset is not in the image, or that another is",
    "unresolved_escalation": "escalated, and no expert has decided yet",
}
