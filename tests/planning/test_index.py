"""From a source to the table of utterances: each one numbered, found, and with a length."""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import schema
from earmark.audio.decode import decode
from earmark.errors import DuplicateIdError, ManifestError, MissingAudioError, UsageError
from earmark.planning.identity import audio_sample, data_fingerprint, is_same_audio
from earmark.planning.index import MISSING_AUDIO_RULE, index_source
from earmark.planning.plan import make_plan, shards
from earmark.records import AudioRef, Utterance
from tests.toys import ToySource, toy_source, toy_spec, write_wav


def source_of(folder: Path, *items: Utterance) -> ToySource:
    return ToySource(str(folder), items)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    write_wav(tmp_path / "a.wav", 2.0)
    return tmp_path


def test_every_fact_of_an_utterance_is_in_its_row(audio):
    """In the order of the source, numbered from 0, with the other columns as JSON."""
    whole = Utterance("one", AudioRef("a.wav", duration_s=2.0))
    piece = Utterance(
        "two", AudioRef("a.wav", start_s=0.5, duration_s=1.0, channel=1), "ein wört", "de", "eva", {"snr": 3, "x": "ü"}
    )
    table = index_source(source_of(audio, whole, piece))
    assert table.schema.equals(schema.UTTERANCES)
    nothing = dict.fromkeys(schema.UTTERANCES.names)
    first, second = table.to_pylist()
    assert first == {**nothing, "index": 0, "id": "one", "audio": "a.wav", "stated_duration_s": 2.0, "duration_s": 2.0}
    assert json.loads(second.pop("extra")) == {"snr": 3, "x": "ü"}
    assert second == {
        "index": 1, "id": "two", "audio": "a.wav", "start_s": 0.5, "stated_duration_s": 1.0, "duration_s": 1.0,
        "channel": 1,
        "reference": "ein wört", "language": "de", "speaker": "eva", "skip_reason": None,
    }  # fmt: skip


def test_an_unknown_length_is_read_from_the_header(audio):
    """Of a whole file all of it, of a piece what is left from its start, never less than nothing."""
    starts = (None, 0.0, 0.5, 2.5)
    items = [Utterance(f"u{number}", AudioRef("a.wav", start_s=start)) for number, start in enumerate(starts)]
    assert index_source(source_of(audio, *items))["duration_s"].to_pylist() == [2.0, 2.0, 1.5, 0.0]


def test_a_length_that_nobody_knows_is_0(audio):
    """The worker will say what is wrong with the file."""
    (audio / "a.wav").write_bytes(b"no audio")
    whole, piece = Utterance("u", AudioRef("a.wav")), Utterance("v", AudioRef("a.wav", start_s=1.0))
    assert index_source(source_of(audio, whole, piece))["duration_s"].to_pylist() == [0.0, 0.0]


def planned_samples(folder: Path, audio: AudioRef) -> int:
    """How many samples a worker decodes of the only utterance, after indexing and planning."""
    source = source_of(folder, Utterance("u", audio))
    table = index_source(source)
    plan = make_plan(table, schema.SEGMENTS.empty_table(), toy_spec())
    [shard] = shards(table, plan, source.root, plan["batch"].to_numpy() < 0, num_workers=1)
    planned = shard.batches[0].segments[0].audio
    duration_s = planned.duration_s if planned.start_s is not None else None
    samples = decode(planned.uri, start_s=planned.start_s or 0.0, duration_s=duration_s, max_decoded_s=60.0)
    return len(samples)


def test_a_piece_without_a_length_reaches_to_the_end_of_the_file(audio):
    """To the last sample."""
    write_wav(audio / "odd.wav", 12_345 / 11_025, rate_hz=11_025)
    assert planned_samples(audio, AudioRef("a.wav", start_s=0.5)) == 24_000
    assert planned_samples(audio, AudioRef("odd.wav", start_s=0.0)) == len(
        decode(str(audio / "odd.wav"), max_decoded_s=60.0)
    )


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_piece_reaches_to_the_end_of_a_wav_that_does_not_say_where_that_is(audio, size):
    """A recorder that wrote into a pipe left a length of nothing, or of everything."""
    data = bytearray((audio / "a.wav").read_bytes())
    for place in (4, data.index(b"data") + 4):
        data[place : place + 4] = struct.pack("<I", size)
    (audio / "a.wav").write_bytes(data)
    assert planned_samples(audio, AudioRef("a.wav", start_s=0.5)) == 24_000


def test_a_piece_reaches_to_the_end_of_a_flac_that_does_not_say_where_that_is(audio):
    """An encoder that wrote into a pipe left the number of samples out."""
    samples, rate_hz = soundfile.read(audio / "a.wav")
    soundfile.write(audio / "a.flac", samples, rate_hz)
    data = bytearray((audio / "a.flac").read_bytes())
    data[21] &= 0xF0  # the 36 bits of the number of samples, in the 34 bytes of stream information from the eighth on
    data[22:26] = bytes(4)
    (audio / "a.flac").write_bytes(data)
    assert planned_samples(audio, AudioRef("a.flac", start_s=0.5)) == 24_000


@pytest.mark.parametrize("policy", ["error", "fail", "skip"])
def test_missing_audio_is_treated_as_asked(audio, policy):
    """Refused with numbers and the first path, left for its worker, or skipped by a named rule."""
    items = [Utterance(f"u{number}", AudioRef(name)) for number, name in enumerate(("a.wav", "b.wav", "c.wav"))]
    items[2] = dataclasses.replace(items[2], audio=AudioRef("c.wav", duration_s=3.0))
    source = source_of(audio, *items)
    if policy == "error":
        with pytest.raises(MissingAudioError) as refused:
            index_source(source, missing_audio=policy)
        assert (refused.value.num_missing, refused.value.num_utterances) == (2, 3)
        assert refused.value.first == str(audio / "b.wav")
        assert "relative paths start at" in refused.value.cause
        return
    table = index_source(source, missing_audio=policy)
    assert table["duration_s"].to_pylist() == [2.0, 0.0, 3.0]
    reason = MISSING_AUDIO_RULE if policy == "skip" else None
    assert table["skip_reason"].to_pylist() == [None, reason, reason]


def test_a_missing_absolute_path_is_not_blamed_on_the_folder(audio):
    """It is named as it is."""
    with pytest.raises(MissingAudioError) as refused:
        index_source(source_of(audio, Utterance("u", AudioRef(str(audio / "no.wav")))))
    assert refused.value.first == str(audio / "no.wav")


def test_a_folder_is_no_audio_file(audio):
    """Though it is there."""
    (audio / "b.wav").mkdir()
    with pytest.raises(MissingAudioError):
        index_source(source_of(audio, Utterance("u", AudioRef("b.wav"))))


def test_ids_must_differ(audio):
    """The error counts the surplus and names the first."""
    items = [Utterance(word, AudioRef("a.wav")) for word in "abcbcb"]
    with pytest.raises(DuplicateIdError) as refused:
        index_source(source_of(audio, *items))
    assert (refused.value.num_duplicates, refused.value.first) == (3, "b")


def test_a_source_of_nothing_is_refused(audio):
    """There is nothing to evaluate."""
    with pytest.raises(UsageError, match="no utterances in toy"):
        index_source(source_of(audio))


def test_what_the_source_raises_goes_up(audio):
    """With its place."""

    @dataclass(frozen=True)
    class Broken(ToySource):
        def utterances(self) -> Iterator[Utterance]:
            yield from self.items
            raise ManifestError("m.jsonl", "no JSON", line=2)

    with pytest.raises(ManifestError, match=r"m\.jsonl:2"):
        index_source(Broken(str(audio), (Utterance("u", AudioRef("a.wav")),)))


@pytest.mark.parametrize("field", ["id", "reference", "speaker"])
def test_a_text_that_no_file_can_hold_is_said_so(audio, field):
    """Half a surrogate pair, which JSON may spell, is bad input and no traceback."""
    facts = {"id": "u", "audio": AudioRef("a.wav"), "reference": "x", field: "a\ud800b"}
    with pytest.raises(UsageError):
        index_source(source_of(audio, Utterance(**facts)))


def test_two_hundred_thousand_utterances_are_indexed_in_order(audio):
    """In several chunks, each file looked for once."""

    @dataclass(frozen=True)
    class Long(ToySource):
        @property
        def fingerprint(self) -> str:
            return "long"

        def utterances(self) -> Iterator[Utterance]:
            reference = AudioRef("a.wav")
            return (Utterance(f"u{number}", reference, "text") for number in range(200_000))

    table = index_source(Long(str(audio), ()))
    assert table["index"].to_pylist() == list(range(200_000))
    assert table["id"][199_999].as_py() == "u199999"
    assert set(table["duration_s"].to_pylist()) == {2.0}


def spoil(source: ToySource, numbers: Iterable[int]) -> None:
    """Other samples of the same length in the files of some utterances."""
    for number in numbers:
        item = source.items[number]
        write_wav(Path(source.root, item.audio.uri), item.audio.duration_s, seed=1000 + number)


def test_the_sample_tells_clean_audio_from_noisy(tmp_path):
    """The same names and lengths with other samples are other data; a copy elsewhere is the same."""
    clean = toy_source(tmp_path / "clean", 40)
    table = index_source(clean)
    sample = audio_sample(table, clean.root)
    shutil.copytree(tmp_path / "clean", tmp_path / "other")
    other = dataclasses.replace(clean, root=str(tmp_path / "other"))
    assert audio_sample(table, other.root) == sample
    spoil(other, range(40))
    assert not is_same_audio(sample, audio_sample(table, other.root))


def test_the_sample_of_few_files_covers_them_all(tmp_path):
    """Any other file among few changes it; and while at least half are as they were it is the same data, mended."""
    source = toy_source(tmp_path, 5)
    table = index_source(source)
    samples = [audio_sample(table, source.root)]
    for number in range(5):
        spoil(source, [number])
        samples.append(audio_sample(table, source.root))
    assert len(set(samples)) == 6
    assert [is_same_audio(samples[0], sample) for sample in samples] == [True, True, True, False, False, False]


def test_a_missing_file_is_a_fact_of_the_sample(tmp_path):
    """It is not skipped over: samples of different numbers of files are never the same."""
    source = toy_source(tmp_path, 3)
    table = index_source(source)
    sample = audio_sample(table, source.root)
    (tmp_path / source.items[0].audio.uri).unlink()
    missing = audio_sample(table, source.root)
    assert missing != sample
    assert is_same_audio(sample, missing)
    assert not is_same_audio(sample, audio_sample(table.slice(0, 2), source.root))


texts = st.text("ab", max_size=2)
seconds = st.none() | st.sampled_from([0.0, 1.0])
utterances = st.builds(
    Utterance,
    texts,
    st.builds(AudioRef, texts, seconds, seconds, st.none() | st.integers(0, 1)),
    language=st.none() | texts,
    reference=texts,
    speaker=texts,
)


def rows_of(items: Sequence[Utterance]) -> pa.Table:
    """The table of schema.UTTERANCES without looking for any file."""
    rows = [
        {
            "index": index, "id": item.id, "audio": item.audio.uri, "start_s": item.audio.start_s,
            "stated_duration_s": item.audio.duration_s, "channel": item.audio.channel, "language": item.language,
            "reference": item.reference, "speaker": item.speaker,
        }
        for index, item in enumerate(items)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema.UTTERANCES)


def decisive(item: Utterance) -> tuple[object, ...]:
    return (item.id, item.audio, item.language)


@settings(max_examples=300)
@given(st.lists(utterances, max_size=3), st.lists(utterances, max_size=3))
def test_the_fingerprint_of_data_tells_apart_all_that_can_change_an_answer(one, other):
    """Where one text ends and the next begins, nothing and 0; and not references or speakers."""
    are_same = [decisive(item) for item in one] == [decisive(item) for item in other]
    assert (data_fingerprint(rows_of(one)) == data_fingerprint(rows_of(other))) == are_same


@pytest.mark.parametrize("column", ["id", "audio", "start_s", "stated_duration_s", "channel", "language"])
def test_each_fact_that_can_change_an_answer_changes_the_fingerprint(column):
    """By itself, and also where it was not stated before."""
    nothing = rows_of([Utterance("u", AudioRef("a.wav"))]).to_pylist()[0]
    values = {"id": ("v", "w"), "audio": ("b.wav", "c.wav"), "language": ("de", "es")}.get(column, (0, 1))
    rows = [nothing, *({**nothing, column: value} for value in values)]
    assert len({data_fingerprint(pa.Table.from_pylist([row], schema.UTTERANCES)) for row in rows}) == 3


def test_a_length_that_only_a_header_says_is_no_part_of_the_data(audio):
    """Mending the file changes it, and the run goes on; a length that the data state is a decision of theirs."""
    silent, stated = Utterance("u", AudioRef("a.wav")), Utterance("u", AudioRef("a.wav", duration_s=2.0))
    before = index_source(source_of(audio, silent))
    write_wav(audio / "a.wav", 3.0)
    after = index_source(source_of(audio, silent))
    assert [table["duration_s"].to_pylist() for table in (before, after)] == [[2.0], [3.0]]
    assert data_fingerprint(before) == data_fingerprint(after)
    assert data_fingerprint(before) != data_fingerprint(index_source(source_of(audio, stated)))


@given(st.lists(utterances, min_size=2, max_size=4))
def test_the_fingerprint_of_data_is_of_its_rows_not_of_its_chunks(items):
    """However the table came together, or was cut out of another."""
    whole = rows_of(items)
    apart = pa.concat_tables([rows_of(items[:1]), rows_of(items[1:])])
    assert data_fingerprint(apart) == data_fingerprint(whole)
    assert data_fingerprint(whole.slice(1)) == data_fingerprint(rows_of(items[1:]))
