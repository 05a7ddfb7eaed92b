from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import ManifestError, MissingColumnError
from earmark.formats.ids import DerivedIds
from earmark.formats.lines import excerpt
from earmark.records import AudioRef, Utterance
from earmark.sources import open_source


def utterances_of(path: Path, text: str | bytes, **options) -> list[Utterance]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(open_source(str(path), **options).utterances())


def refused(path: Path, text: str | bytes, **options) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        utterances_of(path, text, **options)
    return caught.value


def test_our_own_columns(tmp_path):
    """Every column of our own manifest lands in its field, and the others in extra."""
    row = {
        "id": "u1", "audio": "a.wav", "text": "hello", "start": 1, "duration": 2.5, "channel": 1, "speaker": 7,
        "language": "de", "snr": 3.5, "tags": ["x", {"y": None}], "bad": float("nan"), "is_far": True,
    }  # fmt: skip
    extra = {"snr": 3.5, "tags": '["x", {"y": null}]', "bad": None, "is_far": True}
    expected = Utterance("u1", AudioRef("a.wav", 1.0, 2.5, 1), "hello", "de", "7", extra)
    assert utterances_of(tmp_path / "m.jsonl", json.dumps(row)) == [expected]


def test_a_nemo_manifest(tmp_path):
    """NeMo's names are known, an offset makes a piece, and its ids come from path and time."""
    text = (
        '{"audio_filepath": "d/a.wav", "duration": 5, "text": "one"}\n'
        '{"audio_filepath": "d/a.wav", "duration": 2.5, "offset": 0, "text": "two"}\n'
        '{"audio_filepath": "d/a.wav", "offset": 7.25, "text": null}\n'
    )
    assert utterances_of(tmp_path / "m.json", text) == [
        Utterance("d/a", AudioRef("d/a.wav", None, 5.0), "one"),
        Utterance("d/a@0+2.5", AudioRef("d/a.wav", 0.0, 2.5), "two"),
        Utterance("d/a@7.25", AudioRef("d/a.wav", 7.25), None),
    ]


def test_a_speechbrain_csv(tmp_path):
    """SpeechBrain's names are known in their own case, and spaces after commas do not count."""
    text = 'ID, duration, wav, spk_id, wrd\nu1, 2.5, /data/a.wav, s1, "WELL, YES"\nu2, 3, /data/b.wav, s1,\n'
    assert utterances_of(tmp_path / "m.csv", text) == [
        Utterance("u1", AudioRef("/data/a.wav", None, 2.5), "WELL, YES", None, "s1"),
        Utterance("u2", AudioRef("/data/b.wav", None, 3.0), None, None, "s1"),
    ]


def test_a_start_with_a_stop_is_refused(tmp_path):
    """SpeechBrain's start and stop are samples, which nobody can tell from seconds."""
    error = refused(tmp_path / "m.csv", "ID,wav,start,stop,duration,wrd\nu,a.wav,16000,32000,1.0,X\n")
    assert "unit" in str(error)
    assert utterances_of(tmp_path / "m.csv", "id,wav,start,end,duration,wrd\nu,a.wav,1,2,1.0,X\n")[0].extra == {
        "end": "2"
    }


def test_common_voice(tmp_path):
    """A Common Voice table has no quotes, and its audio lies in clips/ beside it."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "c.mp3").touch()
    text = 'client_id\tpath\tsentence\tlocale\nspk\tc.mp3\t"No, he said.\ten\n'
    expected = Utterance("c", AudioRef("c.mp3"), '"No, he said.', "en", "spk")
    assert utterances_of(tmp_path / "test.tsv", text) == [expected]
    source = open_source(str(tmp_path / "test.tsv"))
    assert source.root == str(tmp_path / "clips")
    assert open_source(str(tmp_path / "test.tsv"), audio_root="/elsewhere").root == "/elsewhere"


def test_parquet_keeps_types(tmp_path):
    """A Parquet table of several row groups reads in order, with its numbers and nulls."""
    table = pa.table(
        {"audio": [f"{n}.wav" for n in range(9)], "text": ["x", None] * 4 + ["y"], "snr": [float(n) for n in range(9)]}
    )
    pq.write_table(table, tmp_path / "m.parquet", row_group_size=2)
    utterances = list(open_source(str(tmp_path / "m.parquet")).utterances())
    assert [u.id for u in utterances] == [str(n) for n in range(9)]
    assert [u.reference for u in utterances[:2]] == ["x", None]
    assert utterances[8].extra == {"snr": 8.0}


def test_a_record_in_the_audio_column_is_refused(tmp_path):
    """A record without the bytes of audio is neither a path nor audio."""
    pq.write_table(pa.table({"audio": [{"array": [0.5], "path": "a"}], "text": ["x"]}), tmp_path / "m.parquet")
    with pytest.raises(ManifestError, match="holds an object"):
        list(open_source(str(tmp_path / "m.parquet")).utterances())


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet" * 9])
def test_a_broken_parquet_is_a_manifest_error(tmp_path, damage):
    """What is no Parquet file is told in one sentence."""
    assert "\n" not in str(refused(tmp_path / "m.parquet", damage))


def test_a_broken_line_is_shown_with_a_caret(tmp_path):
    """Bad JSON is told with file, line and column, and the caret stands under the column."""
    path = tmp_path / "m.jsonl"
    error = refused(path, '{"audio": "a.wav", "text": "x"}\n\n{"audio": "a.wav" "text": "x"}\n')
    assert (error.line, error.column) == (3, 19)
    assert str(error).startswith(f"{path}:3:19: not valid JSON")
    line, caret = error.excerpt.split("\n")
    assert caret.index("^") == line.index('"text"')


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_caret_points_at_the_column_of_any_line(before, after):
    """However long the line, the excerpt is short and the caret stands under the wanted character."""
    line, caret = excerpt("a" * before + "X" + "b" * after + "\n", before + 1).split("\n")
    assert line[caret.index("^")] == "X"
    assert len(line) <= 106


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1, 2]", "JSON array"),
        ('"text"', "not a JSON object"),
        ('{"audio": "b.wav", "text": {"a": 1}}', "'text' holds an object"),
        ('{"audio": "b.wav", "text": true}', "'text' holds true or false"),
        ('{"audio": "b.wav", "text": "x", "duration": "long"}', "'duration' holds 'long'"),
        ('{"audio": "b.wav", "text": "x", "duration": -1}', "'duration' holds -1"),
        ('{"audio": "b.wav", "text": "x", "duration": NaN}', "'duration' holds nan"),
        ('{"audio": "b.wav", "text": "x", "duration": 1%s}' % ("0" * 400), "'duration' holds 1000"),
        ('{"audio": "b.wav", "text": "x", "channel": 0.5}', "'channel' holds 0.5"),
        ('{"audio": "", "text": "x"}', "no audio path"),
        ('{"text": "x"}', "no audio path"),
        ('{"audio": "b.wav", "text": "\\ud800"}', "surrogate"),
        ('{"audio": "b.wav", "text": %s}' % ("9" * 5000), "digits"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path, line, said):
    """A value that cannot be understood is an error with the line that it stands on."""
    good = '{"audio": "a.wav", "text": "x", "duration": 1, "channel": 0}\n'
    row = line if said == "JSON array" else good + line
    error = refused(tmp_path / "m.jsonl", row + "\n")
    assert said in str(error)
    assert error.line == (1 if said == "JSON array" else 2)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("m.jsonl", b'{"audio": "a", "text": "x"}\n{"text": '),
        ("m.csv", b"audio,text\na.wav,"),
        ("m.tsv", b"audio\ttext\na\t"),
    ],
)
def test_bytes_that_are_no_utf8_are_refused(tmp_path, name, start):
    """Latin-1 is not guessed at: the line and the column are told."""
    error = refused(tmp_path / name, start + "café\n".encode("latin-1"))
    assert "not UTF-8" in str(error)
    assert (error.line, error.column) == (2, len(start.split(b"\n")[1]) + 4)


def test_a_byte_order_mark_is_left_out(tmp_path):
    """Files that begin with a byte order mark read as without."""
    assert utterances_of(tmp_path / "m.jsonl", b'\xef\xbb\xbf{"audio": "a.wav", "text": "x"}')[0].reference == "x"
    assert utterances_of(tmp_path / "m.csv", b"\xef\xbb\xbfaudio,text\r\na.wav,x\r\n")[0].reference == "x"


@pytest.mark.parametrize(
    ("name", "text"), [("m.jsonl", ""), ("m.jsonl", "\n \n"), ("m.csv", ""), ("m.csv", "audio,text\n")]
)
def test_a_manifest_without_rows_holds_no_utterance(tmp_path, name, text):
    """An empty manifest is an error, not a perfect score."""
    assert "holds no utterance" in str(refused(tmp_path / name, text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("audio,text\na.wav,x\nb.wav\n", 3),
        ("audio,text\na.wav,x,y\n", 2),
        ("audio,audio\na,b\n", 1),
        ('audio,text\na,"x', 2),
    ],
)
def test_a_crooked_table_is_refused(tmp_path, text, line):
    """Too few or too many cells, doubled columns and an open quote are told with their line."""
    assert refused(tmp_path / "m.csv", text).line == line


def test_the_text_column_is_guessed_named_or_none(tmp_path):
    """The first known name wins; another must be named; "none" leaves references out; a wrong name is refused."""
    path = tmp_path / "m.csv"
    assert utterances_of(path, "audio,sentence,text\na.wav,no,yes\n")[0].reference == "yes"
    assert utterances_of(path, "audio,said\na.wav,yes\n", text_column="said")[0].reference == "yes"
    nothing = utterances_of(path, "audio,text\na.wav,yes\n", text_column="none")[0]
    assert (nothing.reference, nothing.extra) == (None, {"text": "yes"})
    with pytest.raises(MissingColumnError, match="no reference text") as caught:
        utterances_of(path, "audio,sentence_txt,age\na.wav,hello,30\n")
    assert caught.value.columns == ["audio", "sentence_txt", "age"]
    assert caught.value.hint.startswith("--text-column sentence_txt;")
    with pytest.raises(MissingColumnError):
        utterances_of(path, "audio,text\na.wav,hello\n", text_column="txt")


def test_rows_of_one_manifest_may_differ(tmp_path):
    """A later row may lack the text, or bring a column of its own; another column is not taken for the text."""
    rows = (
        '{"audio": "a.wav", "text": "x"}\n'
        '{"channel": 1, "audio": "b.wav", "sentence": "no", "start": 2}\n'
        '{"audio": "c.wav", "text": "y"}\n'
    )
    first, second, third = utterances_of(tmp_path / "m.jsonl", rows)
    assert (first.reference, third.reference) == ("x", "y")
    assert second == Utterance("b[1]@2", AudioRef("b.wav", 2.0, None, 1), None, extra={"sentence": "no"})


def test_numbers_as_text_become_text(tmp_path):
    """A reference or an id that is a JSON number is its digits."""
    (utterance,) = utterances_of(tmp_path / "m.jsonl", '{"id": 7, "audio": "a.wav", "text": 42}')
    assert (utterance.id, utterance.reference) == ("7", "42")


def test_options_fill_what_rows_do_not_say(tmp_path):
    """Channel and language of the options hold where the row is silent."""
    text = "audio,text,channel,language\na.wav,x,,\nb.wav,x,1,fr\n"
    first, second = utterances_of(tmp_path / "m.csv", text, channel=0, language="en")
    assert (first.audio.channel, first.language) == (0, "en")
    assert (second.audio.channel, second.language) == (1, "fr")


def test_each_option_that_changes_utterances_changes_the_fingerprint(tmp_path):
    """Text column, channel, language and limit are in the fingerprint; the audio root is not."""
    path = tmp_path / "m.csv"
    path.write_text("audio,text,other\na.wav,x,y\nb.wav,x,y\n")
    options = [
        {},
        {"text_column": "other"},
        {"channel": 0},
        {"language": "en"},
        {"limit": "1"},
        {"limit": "1", "seed": 1},
    ]
    assert len({open_source(str(path), **option).fingerprint for option in options}) == len(options)
    assert open_source(str(path), audio_root="/x").fingerprint == open_source(str(path)).fingerprint


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a.wav", "a.flac", "a", "d.x/a", "a.wav.flac", "a#2", ".wav", "d/.wav"]),
            st.sampled_from([None, 0.0, 1.0, 1.0000001]),
            st.sampled_from([None, 0]),
        )
    )
)
def test_derived_ids_are_unique_and_repeatable(rows):
    """Rows of different names never share an id; the same rows get the same ids again."""
    runs = []
    for _ in range(2):
        ids = DerivedIds()
        runs.append([ids.next(AudioRef(uri, start_s, 2.0), channel) for uri, start_s, channel in rows])
    assert runs[0] == runs[1]
    by_id: dict[str, set] = {}
    for row, name in zip(rows, runs[0], strict=True):
        by_id.setdefault(name, set()).add(row)
    # Names that differ in nothing but suffixes can come to the same in odd cases; then the data are refused.
    assert all(len({uri.partition(".")[0] for uri, *_ in same}) == 1 for same in by_id.values())


def test_the_same_piece_twice_has_the_same_id_twice():
    """So that it is refused, whatever came between and whichever name kept its suffix."""
    ids = DerivedIds()
    names = [ids.next(AudioRef(uri, 0.0, 2.0), None) for uri in ("a.wav", "a.flac", "a.wav", "a.flac")]
    assert names == ["a@0+2", "a.flac@0+2"] * 2


def test_rows_are_read_as_they_are_asked_for(tmp_path):
    """A broken line far below is not met before the rows above it are out."""
    path = tmp_path / "m.jsonl"
    path.write_text('{"audio": "a.wav", "text": "x"}\nbroken\n')
    utterances = open_source(str(path)).utterances()
    assert next(utterances).id == "a"
    with pytest.raises(ManifestError):
        next(utterances)


def test_the_real_manifest(open_data):
    """The open data are 74 utterances of 9.1 minutes, and every one's audio is there."""
    source = open_source(str(open_data / "manifest.jsonl"))
    utterances = list(source.utterances())
    assert len(utterances) == 74
    assert round(sum(u.audio.duration_s or 0.0 for u in utterances) / 60, 1) == 9.1
    assert all(Path(source.root, u.audio.uri).is_file() for u in utterances)
