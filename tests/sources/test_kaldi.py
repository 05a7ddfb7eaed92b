from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.records import AudioRef, Utterance
from earmark.sources import open_source


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("wav_scp", "wav.scp")).write_text(text)
    return folder


def utterances(folder: Path, **options) -> list[Utterance]:
    return list(open_source(f"kaldi:{folder}", **options).utterances())


def test_a_folder_of_whole_files(tmp_path):
    """Without segments each recording is an utterance, with its speaker, its language and the length that is stated."""
    write(
        tmp_path,
        wav_scp="b wav/b.wav\na\twav/a file.wav\n",
        text="a HELLO  THERE\nb\n",
        utt2spk="a s1\nb s2\n",
        utt2lang="a en\n",
        utt2dur="a 1.5\nb 2\n",
    )
    assert utterances(tmp_path, language="de") == [
        Utterance("b", AudioRef("wav/b.wav", None, 2.0), "", "de", "s2"),
        Utterance("a", AudioRef("wav/a file.wav", None, 1.5), "HELLO  THERE", "en", "s1"),
    ]


@pytest.mark.parametrize("end", ["-1", "-1.0", "-1.00", "-1."])
def test_a_folder_of_segments(tmp_path, end):
    """Segments are pieces of recordings, in their own order; -1 is the recording's end; one without text has none."""
    write(
        tmp_path,
        wav_scp="call1 /data/call1.wav\ncall2 call2.wav\n",
        segments=f"s1-call1-2 call1 2.5 4.0\ns1-call1-1 call1 0 2.5\ns2-call2 call2 1.0 {end}\n",
        text="s1-call1-1 one\ns1-call1-2 two\n",
        reco2dur="call1 60\n",
    )
    assert utterances(tmp_path, channel=1) == [
        Utterance("s1-call1-2", AudioRef("/data/call1.wav", 2.5, 1.5, 1), "two"),
        Utterance("s1-call1-1", AudioRef("/data/call1.wav", 0.0, 2.5, 1), "one"),
        Utterance("s2-call2", AudioRef("call2.wav", 1.0, None, 1), None),
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("sph2pipe -f wav a.sph |", "a shell command, which earmark does not run"),
        ("touch pwned |", "a shell command"),
        ("raw.ark:1234", "a place in a Kaldi archive"),
        ("raw.ark:12[0:99]", "a place in a Kaldi archive"),
        ("-", "no file is named"),
        ("", "no file is named"),
    ],
)
def test_what_is_no_file_is_refused_and_never_run(tmp_path, monkeypatch, entry, reason):
    """A pipe is an error with its line, and nothing is started."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, wav_scp=f"b b.wav\na {entry}\n", text="a x\nb y\n")
    with pytest.raises(ManifestError, match=reason) as caught:
        utterances(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/wav.scp:2: ")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("segments", "u1 a 0\n", "segments:1: an id, a recording, a start and an end are expected"),
        ("segments", "u1 nowhere 0 1\n", "segments:1: no recording 'nowhere'"),
        ("segments", "u1 a 2 1\n", "segments:1: it ends at 1 s, and starts at 2 s"),
        ("segments", "u1 a x 1\n", "segments:1: 'x' is no number of seconds"),
        ("segments", "a a 0 1\na a 1 2\n", "segments:2: a second line for 'a', the first is line 1"),
        ("wav.scp", "a a.wav\na b.wav\n", "wav.scp:2: a second line for 'a'"),
        ("text", "a x\na y\n", "text:2: a second line for 'a'"),
        ("text", "a x\nz y\n", "text:2: 1 of its ids not in wav.scp, first: 'z'"),
        ("utt2dur", "a long\n", "utt2dur or reco2dur:1: 'long' is no number of seconds"),
    ],
)
def test_broken_lines_are_told_by_file_and_line(tmp_path, name, text, problem):
    """Each file's errors are its own, and two files with one id never pass."""
    write(tmp_path, wav_scp="a a.wav\n", text="a x\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifestError) as caught:
        utterances(tmp_path)
    assert problem in str(caught.value)


def test_a_segment_may_say_its_channel(tmp_path):
    """As extract-segments takes it, from 0; else it is the one of ``--channel``."""
    write(tmp_path, wav_scp="r r.wav\n", segments="a r 0 1 1\nb r 1 2\n", text="a x\nb y\n")
    assert [one.audio.channel for one in utterances(tmp_path, channel=3)] == [1, 3]
    (tmp_path / "segments").write_text("a r 0 1 left\nb r 1 2\n")
    with pytest.raises(ManifestError, match=r"segments:1: 'left' is no channel"):
        utterances(tmp_path)


def test_the_texts_must_be_there_unless_they_are_not_wanted(tmp_path):
    """A folder without ``text`` is refused, and read with ``--text-column none``."""
    write(tmp_path, wav_scp="a a.wav\n")
    with pytest.raises(ManifestError, match="no such file") as caught:
        utterances(tmp_path)
    assert caught.value.hint == "--text-column none if there is no such text"
    assert utterances(tmp_path, text_column="none") == [Utterance("a", AudioRef("a.wav"))]
    with pytest.raises(UsageError, match="--text-column does not fit"):
        utterances(tmp_path, text_column="said")
    with pytest.raises(FolderError):
        utterances(tmp_path / "absent")


def test_relative_paths_start_at_the_folder_or_where_the_user_says(tmp_path):
    """Kaldi's own start where its scripts run, which nothing in the folder says."""
    write(tmp_path, wav_scp="a corpus/a.wav\n", text="a x\n")
    assert open_source(f"kaldi:{tmp_path}").root == str(tmp_path)
    assert open_source(f"kaldi:{tmp_path}", audio_root="/egs/s5").root == "/egs/s5"


def test_each_file_is_part_of_the_fingerprint(tmp_path):
    """One more file, or another line, is other data."""
    write(tmp_path, wav_scp="a a.wav\n", text="a x\n")
    prints = [open_source(f"kaldi:{tmp_path}").fingerprint]
    for name, text in (("utt2spk", "a s1\n"), ("segments", "a a 0 1\n"), ("text", "a y\n")):
        (tmp_path / name).write_text(text)
        prints.append(open_source(f"kaldi:{tmp_path}").fingerprint)
    assert len(set(prints)) == 4


ID = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=8)
WORDS = st.lists(ID, max_size=4).map(" ".join)


@given(st.dictionaries(ID, WORDS, min_size=1, max_size=5), st.sampled_from([" ", "\t", "   "]))
def test_whatever_ids_and_words_are_they_come_back(texts, blank):
    """In the order of the recordings, which need not be that of the texts."""
    with tempfile.TemporaryDirectory() as folder:
        write(
            Path(folder),
            wav_scp="".join(f"{key}{blank}{number}.wav\n" for number, key in enumerate(texts)),
            text="".join(f"{key}{blank}{words}\n" for key, words in reversed(texts.items())),
        )
        found = utterances(Path(folder))
    assert [(u.id, u.reference) for u in found] == list(texts.items())
