from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import pickle
import subprocess
import sys

import pytest

from earmark.errors import MissingExtraError, UnknownNameError
from earmark.text import NORMALIZERS, load_normalizer
from earmark.text.base import NormalizerIdentity, hash_rules

NAMES = ["none", "basic", "basic-marks", "whisper-en", "open-asr-en", "open-asr-ml", "spanish"]
TEXTS = ["", " ", "\n", "Mr. Smith's 2nd £5.50 coloured [laughter] (sic) naïve café, don’t", "हिन्दी", "\ud800", "\x00"]

# A pinned hash that has to be changed is the reminder to raise the rules' revision.
PINNED = {
    "none": ("1", "aa5bc61f44d5f633935d04cbccf2654c56806fc924b0083a6cb6b7545369ad64"),
    "basic": ("whisper_normalizer-0.1.15", "7a3fee8a6d47669b32b754dc72a16d69febf8960218f9daaa75a5edc7de887be"),
    "whisper-en": ("whisper_normalizer-0.1.15", "b1753ffd35a39a60586fa4e568300da390f8fa73da08831248b53c7d8b2fe577"),
    "basic-marks": ("whisper_normalizer-0.1.15", "c8d967785557030dde5b4ee1d0f1bc1d99be76b3b0c5764b5e7e8513409cd30f"),
    "open-asr-en": ("open_asr_leaderboard-d1e99b2", "b6a00b2528d3486062d64bff2e836905065345b1e9a9a346dab7ca822d7032b0"),
    "open-asr-ml": ("open_asr_leaderboard-d1e99b2", "c260e223eb097ceaa90e5468035c6103835cbb99b502b52f8e9db76c1bfff886"),
    "spanish": ("1", "bc1d772c9bea276e92d0e7dea863a8979a30ef934a9f9cdd0e1a55391b795e39"),
}


def test_all_are_listed():
    """The registry lists every normalizer of ours."""
    assert set(NAMES) <= set(NORMALIZERS.entries())


@pytest.mark.parametrize("name", NAMES)
def test_identity_is_pinned(name):
    """Name, version and hash are those that results of this version carry."""
    version, content_hash = PINNED[name]
    assert NormalizerIdentity.of(load_normalizer(name)) == NormalizerIdentity(name, version, content_hash)


def test_identity_goes_into_json():
    """The identity is a JSON object of name, version and hash."""
    identity = NormalizerIdentity.of(load_normalizer("whisper-en"))
    assert json.loads(json.dumps(dataclasses.asdict(identity))).keys() == {"name", "version", "hash"}


def test_hash_does_not_hang_on_the_run():
    """Another process, with another order of hashing, gives the same content hash."""
    program = "from earmark.text import load_normalizer; print(load_normalizer('whisper-en').content_hash)"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == load_normalizer("whisper-en").content_hash


def test_hash_covers_content_and_not_order():
    """Rules in another order hash alike; rules with another value do not."""
    assert hash_rules({"a": 1, "b": {"c": "é"}}) == hash_rules({"b": {"c": "é"}, "a": 1})
    assert hash_rules({"a": 1, "b": {"c": "é"}}) != hash_rules({"a": 1, "b": {"c": "e"}})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS)
def test_survives_pickle(name, text):
    """A normalizer that travelled by pickle gives the same answers, as strings."""
    normalizer = load_normalizer(name)
    answer = pickle.loads(pickle.dumps(normalizer))(text)
    assert isinstance(answer, str)
    assert answer == normalizer(text)


@pytest.mark.parametrize("name", NAMES)
def test_pickle_is_small(name):
    """A normalizer travels as its name, without its tables."""
    assert len(pickle.dumps(load_normalizer(name))) < 200


@pytest.mark.parametrize("text", TEXTS)
def test_none_changes_nothing(text):
    """The normalizer called none gives back what it got."""
    assert load_normalizer("none")(text) == text


def test_unknown_name_says_the_near_ones():
    """A misspelt name is refused with the right one."""
    with pytest.raises(UnknownNameError) as caught:
        load_normalizer("whisper_en")
    assert caught.value.near[0] == "whisper-en"


def test_listing_names_loads_no_rules():
    """Importing earmark.text imports none of the normalizers."""
    program = "import sys, earmark.text; print([name for name in sys.modules if name.startswith('earmark.text.')])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("language", ["de", "fr", "it", "es", "pt"])
def test_leaderboard_languages_are_known_by_the_version_of_num2words(language):
    """With num2words the identity holds its version; without it, the extra to install is named."""
    name = f"open-asr-{language}"
    if importlib.util.find_spec("num2words") is None:
        with pytest.raises(MissingExtraError) as caught:
            load_normalizer(name)
        assert caught.value.extra == "open-asr"
        return
    normalizer = pickle.loads(pickle.dumps(load_normalizer(name)))
    assert normalizer.name == name
    assert normalizer.version == f"open_asr_leaderboard-d1e99b2+num2words-{importlib.metadata.version('num2words')}"
    assert normalizer.content_hash != load_normalizer("open-asr-ml").content_hash
