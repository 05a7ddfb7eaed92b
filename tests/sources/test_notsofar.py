from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from earmark.audio.decode import decode
from earmark.errors import FolderError, ManifestError, UnknownNameError, UsageError
from earmark.planning.index import index_source
from earmark.sources import open_source
from tests.toys import write_wav

SEGMENTS = [
    {
        "speaker_id": "Sophie", "start_time": 0.25, "end_time": 1.5, "ct_wav_file_name": "close_talk/CT_21.wav",
        "text": "<ST/> So, <PName>Bob</PName> tried <FILL/> it",
        "word_timing": [["so", 0.3, 0.5], ["bob", 0.6, 0.9], ["tried", 0.9, 1.2], ["it", 1.3, 1.4]],
    },
    {
        "speaker_id": "Bert", "start_time": 1.0, "end_time": 1.75, "ct_wav_file_name": "close_talk/CT_22.wav",
        "text": "<BA/>", "word_timing": [["<BA/>", 1.1, 1.1]],
    },
]  # fmt: skip
METADATA = {
    "meeting_id": "MTG_30830", "MtgType": "mtg", "MeetingDurationSec": 2.0, "Room": "ROOM_20002", "NumParticipants": 2,
    "Hashtags": "#NaturalMeeting", "Topic": "plans", "ParticipantAliases": ["Sophie", "Bert"],
    "ParticipantAliasToCtDevice": {"Sophie": "CT_21", "Bert": "CT_22"},
}  # fmt: skip


def device(name: str, *, is_mc: bool, files: list[str], is_close_talk: bool = False) -> dict[str, object]:
    return {
        "device_name": name, "is_mc": is_mc, "is_close_talk": is_close_talk, "channels_num": len(files),
        "wav_file_names": ", ".join(files),
    }  # fmt: skip


DEVICES = [
    device("plaza_0", is_mc=True, files=[f"mc_plaza_0/ch{n}.wav" for n in range(7)]),
    device("plaza_0", is_mc=False, files=["sc_plaza_0/ch0.wav"]),
    device("meetup_0", is_mc=False, files=["sc_meetup_0/ch0.wav"]),
    device("CT_21", is_mc=False, files=["close_talk/CT_21.wav"], is_close_talk=True),
    device("CT_22", is_mc=False, files=["close_talk/CT_22.wav"], is_close_talk=True),
]


def write_meeting(folder: Path) -> None:
    files = [name.strip() for one in DEVICES for name in str(one["wav_file_names"]).split(",")]
    for seed, name in enumerate(files):
        write_wav(folder / name, 2.0, seed=seed)
    (folder / "gt_transcription.json").write_text(json.dumps(SEGMENTS))
    (folder / "gt_meeting_metadata.json").write_text(json.dumps(METADATA))
    (folder / "devices.json").write_text(json.dumps(DEVICES))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two meetings of the development set, as Microsoft publishes them."""
    for meeting in ("MTG_30830", "MTG_30831"):
        write_meeting(tmp_path / "benchmark-datasets" / "dev_set" / "240825.1_dev1" / "MTG" / meeting)
    return tmp_path / "benchmark-datasets"


def utterances(name: str, **options):
    return list(open_source(f"chime8_notsofar1:{name}", **options).utterances())


def test_the_default_is_the_single_channel_track(corpus):
    """Each segment comes once for each single-channel device, sorted by meeting and device, with its facts."""
    found = utterances(str(corpus))
    assert [u.audio.uri for u in found] == [
        f"{meeting}/{device}/ch0.wav"
        for meeting in ("MTG_30830", "MTG_30831")
        for device in ("sc_meetup_0", "sc_plaza_0")
        for _ in SEGMENTS
    ]
    first, second, *_ = found
    assert first.id == "MTG_30830_sc_meetup_0-Sophie-0.25-1.5"
    assert (first.reference, first.speaker, first.language) == ("So, Bob tried it", "Sophie", "en")
    assert (first.audio.start_s, first.audio.duration_s) == (0.25, 1.25)
    assert first.extra == {
        "session": "MTG_30830_sc_meetup_0", "meeting": "MTG_30830", "device": "sc_meetup_0", "MtgType": "mtg",
        "Room": "ROOM_20002", "NumParticipants": 2, "Hashtags": "#NaturalMeeting", "Topic": "plans",
        "annotated_text": SEGMENTS[0]["text"],
    }  # fmt: skip
    assert second.reference == ""


@pytest.mark.parametrize("path", ["", "dev_set", "dev_set/240825.1_dev1", "dev_set/240825.1_dev1/MTG"])
def test_any_folder_above_the_meetings_will_do(corpus, path):
    """From the corpus to the folder of meetings, each names the same data."""
    assert utterances(str(corpus / path)) == utterances(str(corpus))
    assert len(utterances(f"{corpus}:dev")) == len(utterances(f"{corpus}:240825.1_dev1@sc")) == 8


def test_arrays_close_talk_and_one_device_can_be_chosen(corpus):
    """``@mc`` takes a channel's own file, ``@close_talk`` the speaker's own microphone, a folder's name that device."""
    assert {u.audio.uri for u in utterances(f"{corpus}@mc")} == {f"MTG_3083{n}/mc_plaza_0/ch0.wav" for n in (0, 1)}
    array = utterances(f"{corpus}:dev@mc_plaza_0", channel=3)[0].audio
    assert (array.uri, array.channel) == ("MTG_30830/mc_plaza_0/ch3.wav", None)
    worn = utterances(f"{corpus}@close_talk")[:2]
    assert [u.audio.uri for u in worn] == ["MTG_30830/close_talk/CT_21.wav", "MTG_30830/close_talk/CT_22.wav"]
    assert {u.extra["device"] for u in utterances(f"{corpus}@sc_plaza_0")} == {"sc_plaza_0"}


def test_the_devices_have_fingerprints_of_their_own(corpus):
    """Other devices, another channel and another reference are other data."""
    names = [f"notsofar1:{corpus}{device}" for device in ("", "@mc", "@close_talk", "@sc_plaza_0")]
    prints = [open_source(name).fingerprint for name in names]
    prints.append(open_source(names[1], channel=1).fingerprint)
    assert len(set(prints)) == 5


def test_a_piece_decodes_to_its_own_samples(corpus):
    """The segment's times cut the device's file."""
    source = open_source(f"chime8_notsofar1:{corpus}@sc_plaza_0")
    audio = next(iter(source.utterances())).audio
    whole, rate_hz = soundfile.read(Path(source.root, audio.uri), dtype="float32")
    path = str(Path(source.root, audio.uri))
    piece = decode(path, start_s=audio.start_s, duration_s=audio.duration_s, max_decoded_s=60)
    assert (piece == whole[round(0.25 * rate_hz) : round(1.5 * rate_hz)]).all()


def test_a_listed_device_without_a_folder_is_missing_audio(corpus):
    """What ``devices.json`` lists counts, whether its files came or not."""
    lost = corpus / "dev_set" / "240825.1_dev1" / "MTG" / "MTG_30831" / "sc_plaza_0" / "ch0.wav"
    lost.unlink()
    lost.parent.rmdir()
    table = index_source(open_source(f"chime8_notsofar1:{corpus}"), missing_audio="skip")
    assert len(table) == 8
    assert len(table) - table["skip_reason"].null_count == 2


def test_an_unknown_device_lists_the_known_ones(corpus):
    """A slip in the device's name is answered with what there is; ``plaza_0`` alone would be two devices."""
    with pytest.raises(UsageError, match="plaza_0") as caught:
        open_source(f"chime8_notsofar1:{corpus}@plaza_0")
    assert caught.value.hint == "@sc, @mc, @close_talk, or one of mc_plaza_0, sc_meetup_0, sc_plaza_0"


def test_an_unknown_subset_lists_the_known_ones(corpus):
    """So does a slip in the subset's."""
    with pytest.raises(UnknownNameError) as caught:
        open_source(f"chime8_notsofar1:{corpus}:dve")
    assert caught.value.known == ["240825.1_dev1", "dev"]
    assert caught.value.near == ["dev"]


def test_several_subsets_must_be_told_apart(corpus):
    """Where two versions could be meant, both are listed, and the name to type."""
    write_meeting(corpus / "eval_set" / "240629.1_eval_small_with_GT" / "MTG" / "MTG_32000")
    with pytest.raises(UsageError, match="several subsets") as caught:
        open_source(f"chime8_notsofar1:{corpus}")
    assert caught.value.cause == "dev (240825.1_dev1), eval (240629.1_eval_small_with_GT)"
    assert caught.value.hint == f"name one: chime8_notsofar1:{corpus}:240825.1_dev1"
    assert len(utterances(f"{corpus}:eval@close_talk")) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"end_time": 0.1}, "it ends at 0.1 s"),
        ({"start_time": "x"}, "seconds are expected"),
        ({"speaker_id": None}, "no 'speaker_id'"),
        ({"ct_wav_file_name": "../../secret.wav"}, "leads out"),
    ],
)
def test_a_broken_segment_is_told_with_its_number(corpus, change, problem):
    """A segment that says nothing usable is an error of its file."""
    path = next(corpus.rglob("gt_transcription.json"))
    path.write_text(json.dumps([SEGMENTS[1], {**SEGMENTS[0], **change}]))
    with pytest.raises(ManifestError, match="segment 2") as caught:
        utterances(f"{corpus}@close_talk")
    assert problem in str(caught.value)


def test_a_blind_set_and_a_wrong_folder_are_told(corpus, tmp_path):
    """Meetings without a transcription, and folders without meetings, are errors that name what is not there."""
    next(corpus.rglob("gt_transcription.json")).unlink()
    with pytest.raises(ManifestError, match=r"gt_transcription\.json"):
        utterances(str(corpus))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no NOTSOFAR-1 meetings"):
        utterances(str(tmp_path / "empty"))
    with pytest.raises(FolderError):
        utterances(str(tmp_path / "absent"))


@pytest.fixture
def dasr(tmp_path: Path) -> Path:
    """The same meeting as chime-utils writes it: train has close-talk audio, dev has not."""
    root = tmp_path / "chime8_dasr" / "notsofar1"
    for split in ("train", "train_sc", "dev"):
        kind = "array_after_acoustic_frontend" if split == "train_sc" else "circular_array"
        session = {"train": "S30830107", "train_sc": "S30830101", "dev": "S30831107"}[split]
        far = {
            f"{session}_U01.CH{n}": {
                "is_close_talk": False, "speaker": None, "channel": n, "tot_channels": 1, "device_type": kind,
            }
            for n in range(1, 2 if split == "train_sc" else 8)
        }  # fmt: skip
        worn = {
            f"{session}_{speaker}": {
                "is_close_talk": True, "speaker": speaker, "channel": 1, "tot_channels": 1,
                "device_type": "close_talk_lapel",
            }
            for speaker in ("P201", "P202")
        }  # fmt: skip
        devices = far if split == "dev" else {**far, **worn}
        for name in devices:
            (root / "audio" / split).mkdir(parents=True, exist_ok=True)
            (root / "audio" / split / f"{name}.wav").touch()
        segments = [
            {
                "session_id": session, "speaker": speaker, "start_time": str(one["start_time"]),
                "end_time": str(one["end_time"]), "words": one["text"], "ct_wav_file_name": one["ct_wav_file_name"],
                "word_timing": [[word, str(start), str(end)] for word, start, end in one["word_timing"]],
            }
            for speaker, one in zip(("P201", "P202"), SEGMENTS, strict=True)
        ]  # fmt: skip
        for folder, content in (("devices", devices), ("transcriptions", segments)):
            (root / folder / split).mkdir(parents=True)
            (root / folder / split / f"{session}.json").write_text(json.dumps(content, indent=4))
        (root / "uem" / split).mkdir(parents=True)
        (root / "uem" / split / "all.uem").write_text(f"{session} 1 0.000 2.000\n")
    return tmp_path / "chime8_dasr"


def test_the_layout_of_dasr_is_found_and_read(dasr):
    """A split's sessions give a far-field channel, and the same words as the other layout."""
    for path in (dasr, dasr / "notsofar1"):
        source = open_source(f"chime8_notsofar1:{path}:dev", channel=2)
        first, second = source.utterances()
        assert (first.id, first.reference) == ("S30831107-P201-0.25-1.5", "So, Bob tried it")
        assert (first.audio.uri, first.audio.start_s, first.audio.duration_s) == ("S30831107_U01.CH3.wav", 0.25, 1.25)
        assert second.extra == {"session": "S30831107", "device": "U01", "annotated_text": "<BA/>"}
        assert Path(source.root, first.audio.uri).is_file()


def test_dasr_has_close_talk_and_kinds_of_devices(dasr):
    """``@close_talk`` is the speaker's microphone; ``@sc`` and ``@mc`` choose sessions by their devices."""
    worn = open_source(f"chime8_notsofar1:{dasr}:train@close_talk")
    assert [u.audio.uri for u in worn.utterances()] == ["S30830107_P201.wav", "S30830107_P202.wav"]
    counts = {
        name: len(list(open_source(f"chime8_notsofar1:{dasr}:{name}").utterances()))
        for name in ("train@mc", "train@sc", "train_sc@sc", "train_sc")
    }
    assert counts == {"train@mc": 2, "train@sc": 0, "train_sc@sc": 2, "train_sc": 2}


def test_dasr_wants_a_split_that_it_has(dasr):
    """No split, an unknown one and an unknown device are told with what there is."""
    with pytest.raises(UsageError, match="no split") as caught:
        open_source(f"chime8_notsofar1:{dasr}")
    assert (caught.value.cause, caught.value.hint) == ("it has dev, train, train_sc", f"chime8_notsofar1:{dasr}:dev")
    with pytest.raises(UnknownNameError, match="no split 'eval'"):
        open_source(f"chime8_notsofar1:{dasr}:eval")
    with pytest.raises(UsageError, match="no device 'plaza_0'"):
        open_source(f"chime8_notsofar1:{dasr}:dev@plaza_0")
