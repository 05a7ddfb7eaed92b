from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earmark.audio.decode import decode
from earmark.errors import ManifestError, UsageError
from earmark.records import AudioRef, Utterance
from earmark.sources import open_source
from tests.toys import write_wav


def recording(name: str = "rec-1", **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "sampling_rate": 16000, "num_samples": 160000, "duration": 10.0, "channel_ids": [0],
        "sources": [{"type": "file", "channels": [0], "source": f"wav/{name}.flac"}], **changes,
    }  # fmt: skip


def supervision(name: str, start: float, duration: float, text: str | None, **changes: Any) -> dict[str, Any]:
    said = {} if text is None else {"text": text}
    return {
        "id": name, "recording_id": "rec-1", "start": start, "duration": duration, "channel": 0, **said, **changes,
    }  # fmt: skip


def cut(name: str, *supervisions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "start": 0.0, "duration": 10.0, "channel": 0, "supervisions": list(supervisions),
        "recording": recording(), "type": "MonoCut", **changes,
    }  # fmt: skip


def from_source(kind: str, source: str) -> dict[str, Any]:
    return cut("c", recording=recording(sources=[{"type": kind, "channels": [0], "source": source}]))


def write(path: Path, *rows: dict[str, Any]) -> str:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return f"lhotse:{path}"


def utterances(path: Path, *rows: dict[str, Any], **options) -> list[Utterance]:
    return list(open_source(write(path, *rows), **options).utterances())


def refused(path: Path, row: dict[str, Any], **options) -> str:
    with pytest.raises(ManifestError) as caught:
        utterances(path, cut("whole"), row, **options)
    assert str(caught.value).startswith(f"{path}:2: ")
    return str(caught.value)


@pytest.mark.parametrize("name", ["cuts.jsonl.gz", "cuts.jsonl"])
def test_a_cut_is_a_piece_of_its_recording(tmp_path, name):
    """A cut as long as its recording is the whole file; another one starts where it says; no text is no reference."""
    extra = {"snr": 3.5, "tag": "x", "gender": "F"}
    said = supervision("s1", 0, 10, "hello", speaker="spk", language="en", gender="F", custom={"snr": 3.5})
    found = utterances(
        tmp_path / name,
        cut("c1", said, custom={"snr": 1, "tag": "x"}),
        cut("c2", supervision("s2", 0, 2.5, None), start=1.25, duration=2.5),
        cut("c3"),
        language="de",
    )
    assert found == [
        Utterance("c1", AudioRef("wav/rec-1.flac", None, 10.0, 0), "hello", "en", "spk", extra),
        Utterance("c2", AudioRef("wav/rec-1.flac", 1.25, 2.5, 0), None, "de"),
        Utterance("c3", AudioRef("wav/rec-1.flac", None, 10.0, 0), None, "de"),
    ]  # fmt: skip


def test_a_cut_with_several_supervisions_is_an_utterance_for_each(tmp_path):
    """In their order, with their ids; their times count from the cut's start, and one may begin before it."""
    row = cut("c", supervision("b", 2, 1, "two"), supervision("a", -0.5, 1, "one"), start=4.0, duration=3.0)
    assert [
        (u.id, u.audio.start_s, u.audio.duration_s, u.reference) for u in utterances(tmp_path / "c.jsonl", row)
    ] == [
        ("b", 6.0, 1.0, "two"),
        ("a", 3.5, 1.0, "one"),
    ]


def test_a_supervision_that_is_shorter_than_its_cut_is_what_is_heard(tmp_path):
    """The text is of those seconds and not of the silence around them; without any, the cut is heard as a whole."""
    path = tmp_path / "c.jsonl"
    row = cut("c", supervision("s", 1.5, 2.0, "one"), start=4.0, duration=5.0)
    (one,) = utterances(path, row)
    assert (one.id, one.audio.start_s, one.audio.duration_s, one.reference) == ("c", 5.5, 2.0, "one")
    (whole,) = utterances(path, cut("c", start=4.0, duration=5.0))
    assert (whole.id, whole.audio.start_s, whole.audio.duration_s, whole.reference) == ("c", 4.0, 5.0, None)


def test_channels_find_their_file_and_their_place_in_it(tmp_path):
    """A channel may be one of a file's, or a file of its own; of a MultiCut ``--channel`` chooses."""
    files = [{"type": "file", "channels": [n], "source": f"ch{n}.wav"} for n in range(2)]
    pair = [{"type": "file", "channels": [2, 3], "source": "pair.wav"}]
    array = recording(sources=files + pair)
    several = cut("m", recording=array, channel=[0, 1, 2, 3], type="MultiCut")
    assert utterances(tmp_path / "a.jsonl", several, channel=1)[0].audio == AudioRef("ch1.wav", None, 10.0, 0)
    assert utterances(tmp_path / "b.jsonl", several, channel=3)[0].audio == AudioRef("pair.wav", None, 10.0, 1)
    one = cut("n", recording=array, channel=2)
    assert utterances(tmp_path / "c.jsonl", one)[0].audio == AudioRef("pair.wav", None, 10.0, 0)
    assert "--channel chooses one" in refused(tmp_path / "d.jsonl", several)
    assert "no source of the recording has channel 7" in refused(tmp_path / "e.jsonl", cut("x", channel=7))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (cut("c", type="MixedCut", tracks=[]), "a MixedCut is no piece of one file"),
        (cut("c", type="PaddingCut"), "a PaddingCut has no audio"),
        (cut("c", type="DataCut"), "no kind of cut"),
        ({"id": "c", "start": 0, "duration": 1, "features": {"type": "fbank"}}, "no recording, only features"),
        (cut("c", recording=None), "the cut has no recording"),
        (cut("c", recording=recording(transforms=[{"name": "Speed", "kwargs": {"factor": 1.1}}])), "changed by Speed"),
        (from_source("command", "touch pwned"), "a shell command"),
        (from_source("url", "https://x/a.wav"), "a URL"),
        (from_source("file", "s3://x/a.wav"), "a URL"),
        (from_source("memory", "AAAA"), "inside the manifest"),
        (from_source("shar", ""), "a shar archive"),
        (cut("c", recording=recording(sources=[])), "no source of the recording has channel 0"),
        (cut("c", recording={}), "no list of sources"),
        (cut("c", start="soon"), "seconds are expected"),
        (cut("c", channel="left"), "is no channel"),
        (cut("c", supervision("a", -9, 1, "x"), supervision("b", 0, 1, "y"), start=2.0), "begins 7 s before"),
        (cut("c", supervisions={}, type="MonoCut", duration=None), "no 'duration'"),
        (cut("c", {"id": "a"}, {"id": "b"}), "no 'start' or no 'duration' in 'a'"),
        (cut(""), "it has no 'id'"),
    ],
)  # fmt: skip
def test_what_is_no_piece_of_a_file_is_refused_with_the_reason(tmp_path, monkeypatch, row, reason):
    """Line and reason are told, and nothing is run or fetched."""
    monkeypatch.chdir(tmp_path)
    assert reason in refused(tmp_path / "cuts.jsonl", row)
    assert not (tmp_path / "pwned").exists()


def test_resampling_is_no_change(tmp_path):
    """Everything is resampled anyway, so a recording that asks for it is taken as it lies."""
    row = cut("c", recording=recording(transforms=[{"name": "Resample", "kwargs": {"source_sampling_rate": 8000}}]))
    assert utterances(tmp_path / "c.jsonl", row)[0].audio.uri == "wav/rec-1.flac"


@pytest.mark.parametrize("named", ["recordings", "supervisions"])
def test_recordings_and_supervisions_make_a_pair(tmp_path, named):
    """Either may be named; each supervision is an utterance, in their order."""
    write(tmp_path / "set_recordings_dev.jsonl.gz", recording(), recording("rec-2"))
    rows = [supervision("b", 2, 1, "two", recording_id="rec-2"), supervision("a", 0, 10, "one")]
    write(tmp_path / "set_supervisions_dev.jsonl.gz", *rows)
    source = open_source(f"lhotse:{tmp_path}/set_{named}_dev.jsonl.gz")
    assert list(source.utterances()) == [
        Utterance("b", AudioRef("wav/rec-2.flac", 2.0, 1.0, 0), "two"),
        Utterance("a", AudioRef("wav/rec-1.flac", None, 10.0, 0), "one"),
    ]
    assert source.root == str(tmp_path)


def test_half_a_pair_and_a_wrong_pair_are_told(tmp_path):
    """A supervision without its recording, a recording that comes twice, and a file that is not there are errors."""
    write(tmp_path / "supervisions.jsonl", supervision("a", 0, 1, "x", recording_id="lost"))
    with pytest.raises(ManifestError, match=r"recordings\.jsonl: there is no such file"):
        open_source(f"lhotse:{tmp_path}/supervisions.jsonl")
    write(tmp_path / "recordings.jsonl", recording())
    with pytest.raises(ManifestError, match=r"supervisions\.jsonl:1: no recording 'lost'"):
        list(open_source(f"lhotse:{tmp_path}/supervisions.jsonl").utterances())
    write(tmp_path / "recordings.jsonl", recording(), recording())
    with pytest.raises(ManifestError, match=r"recordings\.jsonl:2: a second recording 'rec-1'"):
        list(open_source(f"lhotse:{tmp_path}/supervisions.jsonl").utterances())


@pytest.mark.parametrize("change", [lambda data: data[:-9], lambda data: b"plain" + data, lambda data: data[:20]])
def test_a_broken_gzip_file_is_told(tmp_path, change):
    """A file that is cut short, or none, is an error and never a shorter set."""
    name = write(tmp_path / "cuts.jsonl.gz", *(cut(f"c{n}") for n in range(50)))
    (tmp_path / "cuts.jsonl.gz").write_bytes(change((tmp_path / "cuts.jsonl.gz").read_bytes()))
    with pytest.raises(ManifestError, match="not a whole gzip file"):
        list(open_source(name).utterances())


def test_a_packed_line_without_an_end_is_refused(tmp_path, monkeypatch):
    """A few bytes that unpack to more than a line may hold do not fill the memory."""
    monkeypatch.setattr("earmark.formats.lines.MAX_LINE_BYTES", 10_000)
    (tmp_path / "cuts.jsonl.gz").write_bytes(gzip.compress(b"{" + b" " * 20_000))
    with pytest.raises(ManifestError, match="a line of more than 10,000 bytes"):
        list(open_source(f"lhotse:{tmp_path}/cuts.jsonl.gz").utterances())


def test_the_text_column_is_not_asked_for(tmp_path):
    """A cut has no columns; ``none`` leaves the texts out."""
    row = cut("c", supervision("s", 0, 1, "hello"))
    assert utterances(tmp_path / "c.jsonl", row, text_column="none")[0].reference is None
    with pytest.raises(UsageError, match="--text-column does not fit"):
        open_source(f"lhotse:{tmp_path}/c.jsonl", text_column="said")


@pytest.fixture(scope="module")
def lhotse():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        return pytest.importorskip("lhotse")


@pytest.fixture
def their_cuts(lhotse, tmp_path):
    """Cuts as Lhotse makes them of two recordings, one of them with two channels: whole, cut out, and split up."""
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (48_000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "two.wav", noise, 16_000, subtype="PCM_16")
    paths = write_wav(tmp_path / "one.wav", 3.0), tmp_path / "two.wav"
    recordings = [lhotse.Recording.from_file(path) for path in paths]
    said = [
        lhotse.SupervisionSegment(
            id=f"{one.id}-{n}", recording_id=one.id, start=n + 0.125, duration=0.5, channel=n % one.num_channels,
            text=f"text {n}", speaker=f"spk{n}", language="en", gender="F", custom={"snr": n},
        )
        for one in recordings for n in range(3)
    ]  # fmt: skip
    manifests = lhotse.RecordingSet.from_recordings(recordings), lhotse.SupervisionSet.from_segments(said)
    for manifest, name in zip(manifests, ("recordings", "supervisions"), strict=True):
        manifest.to_file(tmp_path / f"set_{name}.jsonl.gz")
    whole = lhotse.CutSet.from_manifests(*manifests)
    pieces = [one.truncate(offset=0.875, duration=1.875).with_id(f"{one.id}-piece") for one in whole]
    alone = [one.with_id(f"{one.id}-alone") for one in whole.trim_to_supervisions(keep_overlapping=False)]
    return lhotse.CutSet.from_cuts([*whole, *pieces, *alone])


def heard(source, utterance):
    audio = utterance.audio
    path = str(Path(source.root, audio.uri))
    return decode(
        path, start_s=audio.start_s or 0.0, duration_s=audio.duration_s, channel=audio.channel, max_decoded_s=9
    )


@pytest.mark.parametrize("name", ["cuts.jsonl.gz", "cuts.json"])
def test_lhotse_itself_says_the_same(their_cuts, tmp_path, name):
    """Of cuts that Lhotse wrote: the same texts and facts, and the very samples that it loads."""
    their_cuts.to_file(tmp_path / name)
    with pytest.raises(UsageError, match="Lhotse") as caught:
        open_source(str(tmp_path / name))
    assert str(caught.value.hint).startswith(f"lhotse:{tmp_path / name}")
    source = open_source(f"lhotse:{tmp_path / name}")
    ours = list(source.utterances())
    theirs = [one for cut_ in their_cuts for one in cut_.trim_to_supervisions(keep_overlapping=False)]
    assert len(ours) == len(theirs) == 16
    for one, piece in zip(ours, theirs, strict=True):
        (said,) = piece.supervisions
        assert (one.reference, one.speaker, one.language) == (said.text, said.speaker, said.language)
        assert one.extra == {"gender": "F", "snr": said.custom["snr"]}
        assert np.array_equal(heard(source, one), piece.load_audio()[0])


def test_lhotse_itself_pairs_recordings_and_supervisions_so(lhotse, their_cuts, tmp_path):
    """Each supervision of its files is an utterance here, with its id and the samples that Lhotse loads for it."""
    source = open_source(f"lhotse:{tmp_path}/set_supervisions.jsonl.gz")
    ours = {one.id: heard(source, one) for one in source.utterances()}
    theirs = {one.supervisions[0].id: one.load_audio()[0] for one in list(their_cuts)[-6:]}
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
