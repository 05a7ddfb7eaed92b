from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.errors import ManifestError, MissingColumnError, UsageError
from earmark.records import AudioRef, Utterance
from earmark.sources import open_source
from tests.toys import write_wav


def utterances(path: Path, content: str | dict, **options) -> list[Utterance]:
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    return list(open_source(f"speechbrain:{path}", **options).utterances())


def test_a_csv_of_a_recipe(tmp_path):
    """Placeholders stand for the audio root, and the usual columns are known."""
    text = (
        "ID,duration,wav,spk_id,wrd\n"
        "u1,2.5,$data_folder/test/a.flac,s1,WELL YES\n"
        'u2,3,"$data_folder/test/b.flac",s1,"A, B"\n'
    )
    assert utterances(tmp_path / "test.csv", text, audio_root="/corpus") == [
        Utterance("u1", AudioRef("test/a.flac", None, 2.5), "WELL YES", None, "s1"),
        Utterance("u2", AudioRef("test/b.flac", None, 3.0), "A, B", None, "s1"),
    ]
    assert open_source(f"speechbrain:{tmp_path}/test.csv", audio_root="/corpus").root == "/corpus"


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_start_and_stop_are_samples_of_the_file(tmp_path, rate_hz):
    """Each file's own rate turns them into seconds; the length of the whole is no length of the piece."""
    write_wav(tmp_path / "a.wav", 2.0, rate_hz=rate_hz)
    text = f"ID,duration,wav,start,stop,wrd\nu1,2.0,a.wav,{rate_hz // 2},{rate_hz},one\nu2,2.0,a.wav,,,two\n"
    first, second = utterances(tmp_path / "m.csv", text)
    assert first.audio == AudioRef("a.wav", 0.5, 0.5)
    assert second.audio == AudioRef("a.wav", None, 2.0)


def test_a_json_of_a_recipe(tmp_path):
    """``length`` is the duration, ``words`` the text, and a piece may stand inside ``wav``."""
    write_wav(tmp_path / "b.wav", 2.0)
    content = {
        "u1": {"wav": "{data_root}/a.wav", "length": 1.5, "words": "ONE", "spk_id": "s1"},
        "u2": {"wav": {"file": "{data_root}/b.wav", "start": 8000, "stop": 24000}, "length": 2.0, "words": "TWO"},
        "u3": {"wav": {"file": "{data_root}/b.wav", "start": 8000}, "words": "THREE"},
    }
    assert utterances(tmp_path / "m.json", content, audio_root=str(tmp_path)) == [
        Utterance("u1", AudioRef("a.wav", None, 1.5), "ONE", None, "s1"),
        Utterance("u2", AudioRef("b.wav", 0.5, 1.0), "TWO"),
        Utterance("u3", AudioRef("b.wav", 0.5, None), "THREE"),
    ]


def test_the_rate_is_part_of_the_fingerprint(tmp_path):
    """The same samples at another rate are other seconds, so other data."""
    content = {"u": {"wav": {"file": "a.wav", "start": 0, "stop": 8000}, "words": "x"}}
    prints = set()
    for rate_hz in (8_000, 16_000):
        write_wav(tmp_path / "a.wav", 1.0, rate_hz=rate_hz)
        utterances(tmp_path / "m.json", content)
        prints.add(open_source(f"speechbrain:{tmp_path}/m.json").fingerprint)
    assert len(prints) == 2


def test_wrd_goes_before_other_texts(tmp_path):
    """A recipe's own name counts first; ``--text-column`` chooses another."""
    text = "ID,wav,transcript,wrd\nu,a.wav,the other,the words\n"
    assert utterances(tmp_path / "m.csv", text)[0].reference == "the words"
    assert utterances(tmp_path / "m.csv", text, text_column="transcript")[0].reference == "the other"
    assert utterances(tmp_path / "m.csv", text, text_column="none")[0].reference is None
    with pytest.raises(MissingColumnError, match="no reference text"):
        utterances(tmp_path / "m.csv", "ID,wav\nu,a.wav\n")


def test_a_placeholder_needs_the_audio_root(tmp_path):
    """Nothing is guessed: the flag that says it is named."""
    with pytest.raises(UsageError, match=r"nothing says what \$data_folder is") as caught:
        utterances(tmp_path / "m.csv", "ID,wav,wrd\nu,$data_folder/a.wav,x\n")
    assert caught.value.hint == "--audio-root FOLDER"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"u": {"wav": "a.wav", "words": "x"}, "u": {"wav": "b.wav", "words": "y"}}', "'u' comes twice"),
        ('{"u": {"wav": "a.wav", "words": "x"}', "m.json:1:37: not valid JSON"),
        ("[]", "not a JSON object of utterances by id"),
        ("{}", "holds no utterance"),
        ('{"u": "a.wav"}', "'u' is not a JSON object"),
        ('{"u": {"wav": {"files": ["a.wav", "b.wav"]}, "words": "x"}}', "'u': several files at once"),
        ('{"u": {"wav": null, "words": "x"}}', "'u': no path in 'wav'"),
        ('{"u": {"wav": {"file": "a.wav", "start": 9, "stop": 3}, "words": "x"}}', "stops at sample 3"),
        ('{"u": {"wav": {"file": "a.wav", "start": "x"}, "words": "x"}}', "'u': 'start' holds 'x'"),
    ],
)
def test_a_broken_json_is_told(tmp_path, content, problem):
    """Two utterances of one id among them, of which Python would keep the last."""
    with pytest.raises(ManifestError) as caught:
        utterances(tmp_path / "m.json", content)
    assert problem in str(caught.value)


def test_other_files_are_refused(tmp_path):
    """An ending that is neither, and a file that is not there."""
    with pytest.raises(UsageError, match="cannot tell the format"):
        open_source(f"speechbrain:{tmp_path}/m.tsv")
    with pytest.raises(ManifestError, match="there is no such file"):
        open_source(f"speechbrain:{tmp_path}/m.csv")


def test_a_plain_manifest_with_samples_names_this_source(tmp_path):
    """Who gives such a file without the prefix is told the prefix."""
    (tmp_path / "m.csv").write_text("ID,duration,wav,start,stop,wrd\nu,1,a.wav,0,16000,x\n")
    with pytest.raises(ManifestError, match="speechbrain:FILE, which counts samples"):
        list(open_source(str(tmp_path / "m.csv")).utterances())


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("speechbrain:", "did you mean speechbrain:{folder}/test.csv?"),
        ("", "speechbrain:{folder}/test.csv; folder:{folder} reads it as a plain folder"),
    ],
)
def test_a_folder_of_descriptors_leads_to_one(tmp_path, prefix, hint):
    """By its name in full."""
    for name in ("dev", "test"):
        (tmp_path / f"{name}.csv").write_text("ID,duration,wav,wrd\na,1,$data_root/a.wav,hi\n")
    with pytest.raises(UsageError) as caught:
        list(open_source(f"{prefix}{tmp_path}").utterances())
    assert caught.value.hint == hint.format(folder=tmp_path)
