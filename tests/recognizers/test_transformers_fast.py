"""What is done for speed, and what is let run or limited: the answers are those without it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import RecognizerError, UsageError
from earmark.recognizers.transformers import Transformers, compiling, loading
from earmark.records import Waveform
from tests.contracts.test_recognizers import check_batches
from tests.recognizers.tiny import tiny_model, tiny_models  # noqa: F401  # a fixture

OWN_CODE = '''
"""A model that its checkpoint brings: it counts who imports it, and is a wav2vec2 of another name."""

from pathlib import Path

from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

with Path("{witness}").open("a") as witness:
    witness.write("ran\\n")


class OwnConfig(Wav2Vec2Config):
    model_type = "own"


class OwnForCTC(Wav2Vec2ForCTC):
    config_class = OwnConfig
'''


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    tiny_model("wav2vec2 layer")
    from tests.recognizers.models import demo_clips

    return [Waveform(row.id, row.samples) for row in demo_clips()]


# Convolutions


@pytest.mark.parametrize("kind", ["wav2vec2 layer", "hubert layer"])
def test_convolutions_with_channels_last_are_the_librarys(kind, clips):
    """But for rounding, alone and in a batch; and they are what is asked."""
    import torch
    import transformers

    folder = tiny_model(kind)
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    library = getattr(transformers, name).from_pretrained(folder).eval()
    shortest = min(len(clip.samples) for clip in clips)
    with Transformers(model=str(folder)) as recognizer, torch.inference_mode():
        assert recognizer._way is not None
        ours = loading.load(recognizer._checkpoint, recognizer._resolved).model
        assert "forward" in vars(ours.base_model.feature_extractor)
        for rows in (clips[:1], clips[:5]):
            samples = torch.stack([torch.from_numpy(clip.samples[:shortest]) for clip in rows])
            theirs = library.base_model.feature_extractor(samples)
            found = ours.base_model.feature_extractor(samples)
            assert found.shape == theirs.shape
            assert torch.allclose(found, theirs, atol=2e-5)
            assert not torch.equal(found, torch.zeros_like(found))


def test_features_of_a_window_are_the_extractors(clips):
    """Of sound that fills a part of it, nearly all of it, and all of it; and the mask."""
    import torch

    from earmark.recognizers.transformers.features import window_inputs

    with Transformers(model=str(tiny_model("whisper"))) as recognizer:
        loaded = loading.load(recognizer._checkpoint, recognizer._resolved)
    sound = np.resize(np.concatenate([clip.samples for clip in clips]), loaded.extractor.n_samples)
    lengths = [1_600, 16_001, 40_000, len(sound) - 600, len(sound) - 161, len(sound) - 1, len(sound)]
    batch = [sound[:length] for length in lengths]
    asked = {"sampling_rate": 16_000, "return_attention_mask": True, "return_tensors": "pt"}
    theirs = loaded.extractor(batch, **asked)
    ours = window_inputs(loaded, batch)
    assert torch.allclose(ours["input_features"], theirs.input_features, atol=1e-5)
    assert torch.equal(ours["attention_mask"], theirs.attention_mask.long())


def test_an_encoder_row_by_row_gives_what_it_gave(clips):
    """The same states for a batch, for its generation, and in its signature."""
    import inspect

    import torch
    import transformers

    from earmark.recognizers.transformers.features import window_inputs

    folder = tiny_model("whisper")
    library = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    with Transformers(model=str(folder)) as recognizer, torch.inference_mode():
        loaded = loading.load(recognizer._checkpoint, recognizer._resolved)
        inputs = window_inputs(loaded, [clip.samples for clip in clips[:4]])
        ours, theirs = loaded.model.get_encoder(), library.get_encoder()
        assert "forward" in vars(ours)
        assert inspect.signature(ours.forward) == inspect.signature(theirs.forward)
        found, wanted = ours(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state
        assert torch.allclose(found, wanted, atol=1e-5)
        assert torch.equal(loaded.model.generate(**inputs), library.generate(**inputs))


def test_convolutions_of_another_kind_are_left_alone(clips):
    """Group norm in the first of them, and models that have none."""
    for kind in ("wav2vec2 group", "parakeet ctc"):
        with Transformers(model=str(tiny_model(kind))) as recognizer:
            model = loading.load(recognizer._checkpoint, recognizer._resolved).model
            assert "forward" not in vars(getattr(model.base_model, "feature_extractor", object))


# Compiling


@pytest.mark.soak  # a compiler at work
@pytest.mark.filterwarnings("ignore:Dynamo detected a call")  # the library's, of functions that it caches
def test_a_compiled_model_says_the_same(clips, monkeypatch):
    """Of a batch that is filled up. The graph is captured, and no C++ made of it."""
    monkeypatch.setattr(compiling, "_BACKEND", "eager")
    folder = str(tiny_model("whisper"))
    with Transformers(model=folder) as plain, Transformers(model=folder, compile=True) as compiled:
        assert compiled.transcribe(clips[:3]) == plain.transcribe(clips[:3])
        assert compiled.spec != plain.spec


def test_of_a_model_in_one_pass_all_is_compiled(monkeypatch):
    """Once, for any length."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'earmark[transformers]'")
    graphs = []

    class Toy(torch.nn.Linear):
        device = torch.device("cpu")

    def captured(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(compiling, "_BACKEND", captured)
    toy = Toy(4, 2)
    rows = torch.arange(12.0).reshape(3, 4)
    plain = toy(rows), toy(rows[:2])
    found = compiling.compiled(toy, "ctc")
    assert all(torch.equal(one, other) for one, other in zip((found(rows), found(rows[:2])), plain, strict=True))
    assert len(graphs) == 1


def test_compiling_for_a_processor_wants_a_compiler(monkeypatch):
    """It is said when the model loads, and not once for each utterance."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    folder = str(tiny_model("wav2vec2 layer"))
    with pytest.raises(RecognizerError, match="cannot be compiled"), Transformers(model=folder, compile=True):
        pytest.fail("it loaded")


def test_rows_are_filled_up_to_a_power_of_two():
    """With the last one, which is left out of the answer."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'earmark[transformers]'")
    rows = torch.arange(10).reshape(5, 2)
    assert [len(compiling.filled_up({"x": rows[:number]})["x"]) for number in (1, 2, 3, 4, 5)] == [1, 2, 4, 4, 8]
    assert torch.equal(compiling.filled_up({"x": rows[:3]})["x"], rows[[0, 1, 2, 2]])


# A transducer's repairs


def test_a_transducer_without_the_end_token_would_be_caught(clips, monkeypatch):
    """Without that repair rows of a batch that are done go on to say things, as the library lets them."""
    import transformers

    right = transformers.ParakeetForTDT.generate

    def endless(self: Any, *given: Any, **named: Any) -> Any:
        self.generation_config.eos_token_id = None
        return right(self, *given, **named)

    chosen = sorted(clips, key=lambda clip: len(clip.samples))[::4]
    with Transformers(model=str(tiny_model("parakeet tdt"))) as recognizer:
        check_batches(recognizer, chosen)
        monkeypatch.setattr(transformers.ParakeetForTDT, "generate", endless)
        with pytest.raises(AssertionError):
            check_batches(recognizer, chosen)


# Code of a checkpoint


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """A checkpoint of a class that it brings itself, and the file in which its code leaves a mark."""
    folder = Path(shutil.copytree(tiny_model("wav2vec2 layer"), tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "architectures": ["OwnForCTC"],
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCTC": "own.OwnForCTC"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    witness = tmp_path / "witness"
    (folder / "own.py").write_text(OWN_CODE.replace("{witness}", str(witness)))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    modules = set(sys.modules)
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "code"))
    yield folder, witness
    for name in set(sys.modules) - modules:
        if name.startswith("transformers_modules"):
            del sys.modules[name]


def test_code_of_a_checkpoint_runs_where_it_is_trusted_and_only_there(own_code, clips):
    """Its own class answers as the class that it is made of; untrusted, not a line of it runs."""
    folder, witness = own_code
    with pytest.raises(UsageError, match="brings itself, as code") as refused:
        _ = Transformers(model=str(folder)).spec
    assert refused.value.hint is not None
    assert "--trust" in refused.value.hint
    assert not witness.exists()
    with Transformers(model=str(folder), trust=True) as trusted:
        assert trusted.spec.batching == "single"
        found = trusted.transcribe(clips[:2])
    assert witness.exists()
    with Transformers(model=str(tiny_model("wav2vec2 layer"))) as native:
        assert found == native.transcribe(clips[:2])


def test_code_is_a_part_of_the_identity(own_code):
    """Another line of it may give another answer."""
    folder, _ = own_code
    before = Transformers(model=str(folder), trust=True).spec.content_hash
    (folder / "own.py").write_text((folder / "own.py").read_text() + "\n# changed\n")
    assert Transformers(model=str(folder), trust=True).spec.content_hash != before


def test_code_that_does_not_load_is_an_error_of_the_model(own_code):
    """With what Transformers says of it."""
    folder, _ = own_code
    (folder / "own.py").write_text("raise ValueError('it is broken')\n")
    with pytest.raises(RecognizerError, match="cannot load") as refused, Transformers(model=str(folder), trust=True):
        pytest.fail("it loaded")
    assert "it is broken" in (refused.value.cause or "")


# The memory of a GPU


def test_the_limit_is_no_part_of_the_identity():
    """It changes no answer."""
    folder = str(tiny_model("wav2vec2 layer"))
    assert Transformers(model=folder, gpu_memory_limit=0.5).spec == Transformers(model=folder).spec
    with pytest.raises(UsageError, match="gpu_memory_limit"):
        Transformers(model=folder, gpu_memory_limit=2)
