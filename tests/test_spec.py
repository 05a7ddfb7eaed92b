"""The identity of a run: what is in it changes the fingerprint, what is not in it does not."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.spec import AudioSpec, BatchingSpec, DataSpec, ModelSource, RecognizerSpec, RunSpec, SegmentationSpec

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
seconds = st.floats(0.1, 1e6)
options = st.dictionaries(words, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words)
specs = st.builds(
    RunSpec,
    recognizer=st.builds(
        RecognizerSpec,
        name=words,
        version=words,
        content_hash=words,
        options=options,
        batching=st.sampled_from(["any", "masked", "equal_length", "single"]),
        max_audio_s=st.none() | seconds,
    ),
    data=st.builds(DataSpec, name=words, fingerprint=words, audio_sample=words, num_utterances=st.integers(0, 10**9)),
    batching=st.builds(
        BatchingSpec, max_batch_s=seconds, max_batch_size=st.none() | st.integers(1, 999), quadratic_per_s=seconds
    ),
    audio=st.builds(AudioSpec, max_decoded_s=seconds),
    segmentation=st.builds(
        SegmentationSpec,
        name=st.sampled_from(["energy", "vad", "none"]),
        version=words,
        content_hash=words,
        options=options,
    ),
)

BASE = RunSpec(
    recognizer=RecognizerSpec(name="model", version="1", options={"beam": 5}, batching="masked"),
    data=DataSpec(name="data", fingerprint="f", audio_sample="s", num_utterances=3),
)


def with_field(spec: RunSpec, path: str, value: object) -> RunSpec:
    """The spec with one field changed, ``"recognizer.version"``."""
    part, _, name = path.partition(".")
    if not name:
        return dataclasses.replace(spec, **{part: value})
    return dataclasses.replace(spec, **{part: dataclasses.replace(getattr(spec, part), **{name: value})})


@given(specs)
def test_a_spec_comes_back_from_its_json(spec):
    """Equal, with the same fingerprint and the same bytes."""
    again = RunSpec.from_json(spec.to_json())
    assert again == spec
    assert again.fingerprint() == spec.fingerprint() == json.loads(spec.to_json())["fingerprint"]
    assert again.to_json() == spec.to_json()
    assert again.differences(spec) == {}


def test_what_a_newer_one_keeps_of_what_was_asked_is_left_alone():
    """It is no identity, so hosts of one run may have versions that differ in it."""
    text = BASE.to_json().replace('"asked": {', '"asked": {"unheard_of": 1, ')
    assert "unheard_of" in text
    assert RunSpec.from_json(text) == BASE


@given(specs, specs)
def test_a_fingerprint_and_the_differences_agree(one, other):
    """Two specs differ in a named field exactly when their fingerprints do."""
    assert bool(one.differences(other)) == (one.fingerprint() != other.fingerprint())


few_options = st.dictionaries(st.just("beam"), st.sampled_from([None, False, True, 0, 1, 1.0, 0.0, "", "1"]))


@given(few_options, few_options)
def test_a_fingerprint_and_the_differences_agree_on_what_python_calls_equal(one, other):
    """A folder is taken for the same run exactly when its parts are: 1 and True, 1 and 1.0, None and nothing."""
    first, second = (with_field(BASE, "recognizer.options", options) for options in (one, other))
    assert bool(first.differences(second)) == (first.fingerprint() != second.fingerprint())


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("1", 1), (None, "None"), (None, False)])
def test_options_of_another_type_differ_by_name_too(one, other):
    """Python calls some of them equal; a run must not be taken for another, nor refused without a reason."""
    first, second = (with_field(BASE, "recognizer.options", {"beam": value}) for value in (one, other))
    assert first.fingerprint() != second.fingerprint()
    assert list(first.differences(second)) == ["recognizer.options.beam"]


@pytest.mark.parametrize("path", ["recognizer.options", "batching.max_batch_s"])
def test_a_whole_number_is_the_same_as_its_float(path):
    """A JSON writer or a shell may turn one into the other."""
    values = ({"beam": 5}, {"beam": 5.0}) if path == "recognizer.options" else (240, 240.0)
    one, other = (with_field(BASE, path, value) for value in values)
    assert one.fingerprint() == other.fingerprint()
    assert one.differences(other) == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recognizer.name", "other"),
        ("recognizer.version", "2"),
        ("recognizer.content_hash", "c"),
        ("recognizer.options", {"beam": 6}),
        ("recognizer.options", {"beam": 5, "length_penalty": 1.0}),
        ("recognizer.batching", "equal_length"),
        ("recognizer.max_audio_s", 30.0),
        ("data.fingerprint", "g"),
        ("data.audio_sample", "t"),
        ("data.num_utterances", 4),
        ("batching.max_batch_s", 10.0),
        ("batching.max_batch_size", 1),
        ("batching.quadratic_per_s", 0.5),
        ("audio.sample_rate_hz", 8_000),
        ("audio.max_decoded_s", 60.0),
        ("format_version", 2),
    ],
)
def test_each_field_of_the_identity_changes_the_fingerprint_and_is_named(path, value):
    """Whatever can change an answer."""
    other = with_field(BASE, path, value)
    assert other.fingerprint() != BASE.fingerprint()
    assert all(name.startswith(path) for name in BASE.differences(other))
    assert BASE.differences(other)


LIMITED = with_field(BASE, "recognizer.max_audio_s", 30.0)


@pytest.mark.parametrize(
    "other",
    [
        SegmentationSpec(name="none"),
        SegmentationSpec(name="vad"),
        SegmentationSpec(version="2"),
        SegmentationSpec(content_hash="c"),
        SegmentationSpec(options={"margin_s": 1.0}),
    ],
)
def test_what_cuts_long_audio_counts_where_something_can_be_cut(other):
    """So not for a recognizer that takes any length."""
    changed = with_field(LIMITED, "segmentation", other)
    assert changed.fingerprint() != LIMITED.fingerprint()
    assert all(name.startswith("segmentation.") for name in LIMITED.differences(changed))
    assert with_field(BASE, "segmentation", other).fingerprint() == BASE.fingerprint()


def test_the_segmenter_is_named_on_both_sides():
    """Also where one of them is the default, which is in no identity."""
    uncut = with_field(LIMITED, "segmentation", SegmentationSpec(name="none"))
    assert uncut.differences(LIMITED) == {"segmentation.name": ("none", "energy")}
    assert LIMITED.differences(uncut) == {"segmentation.name": ("energy", "none")}


def test_the_class_of_a_model_is_no_identity():
    """A run that is older than the field goes on; what is said of it comes back from its JSON."""
    named = with_field(BASE, "recognizer.architecture", "WhisperForConditionalGeneration")
    assert (named.fingerprint(), named.differences(BASE)) == (BASE.fingerprint(), {})
    assert RunSpec.from_json(named.to_json()).recognizer.architecture == "WhisperForConditionalGeneration"
    facts = json.loads(named.to_json())
    del facts["recognizer"]["architecture"]
    assert RunSpec.from_json(json.dumps(facts)).recognizer.architecture is None


def test_a_recognizer_says_where_its_model_is():
    """By the source that is the model; of a server by the name there and the URL; else nothing."""
    sources = tuple(
        ModelSource(role=role, name=f"./{role}", kind="local", revision=None, sha256="0") for role in ("lm", "model")
    )
    assert with_field(BASE, "recognizer.sources", sources).recognizer.place == "./model"
    served = {"model": "whisper-1", "url": "https://example.org/v1"}
    assert with_field(BASE, "recognizer.options", served).recognizer.place == "whisper-1 at https://example.org/v1"
    assert BASE.recognizer.place is None


def test_runs_that_are_older_than_segmenters_keep_their_fingerprint():
    """Cutting by energy is what they did: it is in no identity, and their JSON says nothing of it."""
    assert not any(name.startswith("segmentation") for name in LIMITED.identity())
    assert LIMITED.fingerprint() == "3751a97517570b9a39b2eaa646026ec2c029b6b6e142c6b8a996434ce121bc0f"
    facts = json.loads(LIMITED.to_json())
    del facts["segmentation"]
    assert RunSpec.from_json(json.dumps(facts)) == LIMITED


def test_where_the_data_were_read_from_changes_nothing():
    """The name is for people."""
    other = with_field(BASE, "data.name", "elsewhere")
    assert other.fingerprint() == BASE.fingerprint()
    assert BASE.differences(other) == {}


@pytest.mark.parametrize("kind", ["any", "single"])
def test_the_batching_rule_counts_only_where_batches_can_change_a_text(kind):
    """A recognizer whose answers do not depend on the batch is the same run with another budget."""
    spec = with_field(BASE, "recognizer.batching", kind)
    assert with_field(spec, "batching.max_batch_s", 10.0).fingerprint() == spec.fingerprint()


def test_the_order_of_options_changes_nothing():
    """They are a mapping."""
    one = with_field(BASE, "recognizer.options", {"a": 1, "b": 2})
    assert one.fingerprint() == with_field(BASE, "recognizer.options", {"b": 2, "a": 1}).fingerprint()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"recognizer": null}', '{"recognizer": {"name": 1}}'])
def test_what_is_no_spec_raises_what_is_promised(text):
    """KeyError, TypeError or ValueError."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        RunSpec.from_json(text)


@pytest.mark.parametrize("rule", [{"max_batch_s": 0.0}, {"max_batch_s": float("nan")}, {"max_batch_size": 0}])
def test_a_batching_rule_that_holds_nothing_is_bad_usage(rule):
    """Zero, less, or no number at all."""
    with pytest.raises(UsageError, match="holds nothing"):
        BatchingSpec(**rule)


def mixed(name: str, sha256: str, content_hash: str) -> RunSpec:
    source = ModelSource(role="lm", name=name, kind="url", revision=None, sha256=sha256)
    recognizer = dataclasses.replace(BASE.recognizer, content_hash=content_hash, sources=(source,))
    return dataclasses.replace(BASE, recognizer=recognizer)


def test_where_a_models_files_came_from_is_recorded_and_no_identity():
    """The same bytes from elsewhere are the same run; what is written down comes back."""
    here, there = mixed("./lm.bin", "1" * 64, "c"), mixed("https://example.com/lm.bin", "1" * 64, "c")
    assert here.fingerprint() == there.fingerprint()
    assert not here.differences(there)
    assert RunSpec.from_json(there.to_json()).recognizer.sources == there.recognizer.sources


def test_other_bytes_are_told_by_the_part_that_they_are_of():
    """A hash over everything would not say what changed."""
    differences = mixed("x", "1" * 64, "c").differences(mixed("x", "2" * 64, "d"))
    assert differences["recognizer.sources.lm"] == ("1" * 64, "2" * 64)
    assert set(differences) == {"recognizer.sources.lm", "recognizer.content_hash"}


def test_a_spec_from_before_sources_is_still_read():
    """Runs of older versions go on."""
    fields = json.loads(BASE.to_json())
    del fields["recognizer"]["sources"]
    assert RunSpec.from_json(json.dumps(fields)).fingerprint() == BASE.fingerprint()
