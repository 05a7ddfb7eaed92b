"""What is timed, brought together: recognized words put into the segments of the reference, and segments of a speaker.

A word belongs to the segment that holds its middle. As sclite does it (observed of version 2.4.10), a word between two
segments belongs to the later one, also where its middle is the end of the earlier, and one after the last segment to
the last, so that no word is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.formats.transcript import Row, Transcript, gather


def words_by_segment(segments: Transcript, words: Transcript) -> Transcript:
    """Join the words of each segment, in order of time: a row a segment, with its id.

    Segments of files without a word have no row; words of files without a segment make rows of their own, so that both
    are found missing when ids are matched.
    """
    (system, column), *_ = words.hypotheses.items()
    spoken = _by_track(words)
    texts = column.to_pylist()
    middles = words.rows["start_s"].to_numpy() + words.rows["duration_s"].to_numpy() / 2
    lines = words.rows["line"].to_pylist()
    ids = segments.rows["id"].to_pylist()
    rows: list[Row] = []
    heard = _by_track(segments)
    for track, positions in spoken.items():
        order = positions[np.argsort(middles[positions], kind="stable")]
        if track not in heard:
            rows.append(Row(lines[order[0]], track, hypotheses=(" ".join(texts[one] for one in order),)))
            continue
        places = _places(segments, heard[track], middles[order])
        members: dict[int, list[str]] = {int(position): [] for position in heard[track]}
        for place, word in zip(places.tolist(), order.tolist(), strict=True):
            members[place].append(texts[word])
        rows += [Row(lines[order[0]], ids[place], hypotheses=(" ".join(found),)) for place, found in members.items()]
    return gather(words.path, rows, (system,))


def _places(segments: Transcript, positions: NDArray[np.int64], middles: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each middle of a word, the position of its segment: the first one that ends later.

    sclite keeps the ends of segments in 32 bits, and the middles of words in 64.
    """
    start_s = segments.rows["start_s"].to_numpy()[positions]
    end_s = start_s + segments.rows["duration_s"].to_numpy()[positions]
    order = np.argsort(start_s, kind="stable")
    ends = np.maximum.accumulate(np.round(end_s[order], 6).astype(np.float32).astype(float))
    found = np.searchsorted(ends, middles, side="right").clip(max=len(order) - 1)
    places: NDArray[np.int64] = positions[order][found]
    return places


def _by_track(timed: Transcript) -> dict[str, NDArray[np.int64]]:
    """The positions of the rows on each track, ascending."""
    codes = timed.rows["track"].combine_chunks().dictionary_encode()
    numbers = codes.indices.to_numpy()
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    names = codes.dictionary.to_pylist()
    return dict(zip((names[one] for one in found.tolist()), np.split(order, starts[1:]), strict=True))


def words_by_file(words: Transcript) -> Transcript:
    """Join all words of each file and channel, in order of time, for references that have no times.

    The id is the file, with ``-channel`` where it has several.
    """
    (system, column), *_ = words.hypotheses.items()
    texts, files = column.to_pylist(), words.rows["audio"].to_pylist()
    start_s, lines = words.rows["start_s"].to_numpy(), words.rows["line"].to_pylist()
    tracks = _by_track(words)
    names = {track: files[positions[0]] for track, positions in tracks.items()}
    doubled = {name for name, group in groupby(sorted(names.values())) if len(list(group)) > 1}
    rows = []
    for track, positions in tracks.items():
        order = positions[np.argsort(start_s[positions], kind="stable")].tolist()
        name = names[track]
        key = f"{name}-{track.rpartition(' ')[2]}" if name in doubled else name
        rows.append(Row(lines[order[0]], key, hypotheses=(" ".join(texts[one] for one in order),)))
    return gather(words.path, rows, (system,))


def with_like_ids(files: Sequence[Transcript]) -> list[Transcript]:
    """Give segments ids that say the same of all files, where they are of formats with and without channels.

    Such an id is ``session-speaker-start-end``, as in SegLST. Files stay as they are where the channel would be all
    that tells two of their segments apart, and where all say a channel, or none.
    """
    timed = [file for file in files if file.kind == "segments"]
    has_channels = [_has_channels(file) for file in timed]
    if all(has_channels) or not any(has_channels):
        return list(files)
    new = {id(file): _ids_without_channel(file) for file in timed}
    if any(len(set(ids)) < len(ids) for ids in new.values()):
        return list(files)
    return [_with_ids(file, new[id(file)]) if file.kind == "segments" else file for file in files]


def _has_channels(file: Transcript) -> bool:
    return any(track.lower() != session.lower() for track, session in zip(*_lists(file, "track", "audio"), strict=True))


def _ids_without_channel(file: Transcript) -> list[str]:
    columns = _lists(file, "audio", "speaker", "start_s", "duration_s")
    return [
        f"{session}-{speaker}-{start_s:.12g}-{start_s + duration_s:.12g}"
        for session, speaker, start_s, duration_s in zip(*columns, strict=True)
    ]


def _lists(file: Transcript, *names: str) -> list[list[Any]]:
    return [file.rows[name].to_pylist() for name in names]


def _with_ids(file: Transcript, ids: list[str]) -> Transcript:
    rows = file.rows.set_column(file.rows.schema.get_field_index("id"), "id", pa.array(ids, pa.string()))
    return replace(file, rows=rows)


def has_same_segments(reference: Transcript, others: Sequence[Transcript]) -> bool:
    """Whether all are cut at the same times: then each segment is an utterance."""
    ids = pc.unique(reference.rows["id"])
    return all(
        pc.all(pc.is_in(other.rows["id"], value_set=ids)).as_py()
        and pc.all(pc.is_in(ids, value_set=pc.unique(other.rows["id"]))).as_py()
        for other in others
    )


def without_ignored(reference: Transcript, file: Transcript) -> tuple[Transcript, int]:
    """Leave out segments of hypotheses whose middle lies in a reference's segment that is not to be scored.

    Such a segment counts on its session and channel; where hypotheses name no channel, on its session if the
    references have one channel of it. A speaker of the references whose segments are all left out keeps an empty one.
    Returns what is left, and the number of those that are not.
    """
    ignored = _ignored(reference, file)
    if not ignored:
        return file, 0
    tracks = [track.lower() for track in file.rows["track"].to_pylist()]
    middles = (file.rows["start_s"].to_numpy() + file.rows["duration_s"].to_numpy() / 2).tolist()
    is_out = np.array(
        [
            any(start_s <= middle < end_s for start_s, end_s in ignored.get(track, ()))
            for track, middle in zip(tracks, middles, strict=True)
        ]
    )
    scored = reference.rows.filter(reference.rows["skip_reason"].is_null())
    speakers = set(zip(*(scored[name].to_pylist() for name in ("audio", "speaker")), strict=True))
    has_reference = np.array([one in speakers for one in zip(*_lists(file, "audio", "speaker"), strict=True)])
    kept = pa.array(~is_out | has_reference)
    texts = {name: pc.if_else(pa.array(is_out), "", column).filter(kept) for name, column in file.hypotheses.items()}
    return replace(file, rows=file.rows.filter(kept), hypotheses=texts), int(is_out.sum())


def _ignored(reference: Transcript, file: Transcript) -> dict[str, list[tuple[float, float]]]:
    """From when to when nothing is to be scored on each track of ``file``, both in lower case."""
    columns = _lists(reference, "track", "audio", "skip_reason", "start_s", "duration_s")
    has_channels = _has_channels(reference) == _has_channels(file)
    tracks: dict[str, set[str]] = {}
    found: dict[str, list[tuple[float, float]]] = {}
    for track, session, rule, start_s, duration_s in zip(*columns, strict=True):
        tracks.setdefault(session.lower(), set()).add(track)
        if rule is not None:
            place = (track if has_channels else session).lower()
            found.setdefault(place, []).append((start_s, start_s + duration_s))
    return {place: times for place, times in found.items() if has_channels or len(tracks[place]) == 1}


def joined_by_speaker(segments: Transcript) -> Transcript:
    """Join all that a speaker says in a session, in order of time: a row each, with the id ``session-speaker``.

    A reference's segments that are not to be scored stay rows of their own, last.
    """
    rows = chain(_speakers(segments), _not_scored(segments) if not segments.hypotheses else ())
    joined = gather(segments.path, rows, tuple(segments.hypotheses), may_be_empty=True)
    return replace(joined, notes=segments.notes)


def _not_scored(segments: Transcript) -> Iterator[Row]:
    rows = segments.rows.filter(segments.rows["skip_reason"].is_valid())
    return (Row(**row) for row in rows.to_pylist())


def _speakers(segments: Transcript) -> Iterator[Row]:
    kept = segments.rows["skip_reason"].is_null()
    rows = segments.rows.filter(kept)
    columns = [segments.hypotheses[name].filter(kept) for name in segments.hypotheses]
    table = rows.select(["audio", "speaker", "start_s", "line", "duration_s", "reference"])
    for number, column in enumerate(columns):
        table = table.append_column(f"hypothesis {number}", column)
    order = [("audio", "ascending"), ("speaker", "ascending"), ("start_s", "ascending"), ("line", "ascending")]
    values = table.take(pc.sort_indices(table, sort_keys=order)).to_pylist()
    for (session, speaker), group in groupby(values, key=lambda row: (row["audio"], row["speaker"])):
        members = list(group)
        texts = [" ".join(row[name] for row in members if row[name]) for name in table.column_names[6:]]
        has_reference = any(row["reference"] is not None for row in members)
        yield Row(
            members[0]["line"],
            f"{session}-{speaker}",
            " ".join(row["reference"] for row in members if row["reference"]) if has_reference else None,
            audio=session,
            duration_s=sum(row["duration_s"] for row in members),
            speaker=speaker,
            hypotheses=tuple(texts),
        )
