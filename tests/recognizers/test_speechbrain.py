"""Pretrained folders of SpeechBrain, made on the spot: what they say, what they are, and what they may not do."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import MissingExtraError, OutOfMemoryError, RecognizerError, UsageError
from earmark.recognizers import load_recognizer
from earmark.recognizers.speechbrain import SpeechBrain, loading
from earmark.records import Waveform
from tests.fetching.servers import Repository, hub
from tests.recognizers.tiny import SPEECHBRAIN_KINDS, tiny_model, tiny_models  # noqa: F401  # a fixture

CTC, SEQ2SEQ, WHISPER = SPEECHBRAIN_KINDS
INTERFACES = {CTC: "EncoderASR", SEQ2SEQ: "EncoderDecoderASR", WHISPER: "WhisperASR"}
DEMO_DATA = "src/earmark/demo/manifest.jsonl"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads that wait for each other cost many times what they gain."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    """Four of the demo's clips, of four lengths."""
    tiny_model(CTC)
    from tests.recognizers.models import demo_clips

    return [Waveform(row.id, row.samples) for row in demo_clips()[:4]]


def python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, with nothing of the user's settings."""
    kept = {name: one for name, one in os.environ.items() if not name.startswith(("HF_", "EARMARK_", "SB_"))}
    command = [sys.executable, "-c", script, *arguments]
    variables = {**kept, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=variables)


def made(kind: str, **options: Any) -> SpeechBrain:
    return SpeechBrain(model=str(tiny_model(kind)), **options)


@pytest.fixture
def copy(tmp_path):
    """Gives a copy of a tiny model, without some of its files, that a test may spoil."""

    def copied(kind: str, *without: str, name: str = "copy") -> Path:
        folder = tiny_model(kind)
        from tests.recognizers.speechbrain_models import copy_without

        return copy_without(folder, tmp_path / name, *without)

    return copied


# What they say


def own_words(kind: str, clips: list[Waveform], folder: Path) -> list[str]:
    """What SpeechBrain says of each waveform alone, with the model read by its own reader."""
    import speechbrain.inference.ASR
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        interface = getattr(speechbrain.inference.ASR, INTERFACES[kind])
        asr = interface.from_hparams(source=str(tiny_model(kind)), savedir=str(folder))
    return [asr.transcribe_batch(torch.from_numpy(one.samples)[None], torch.ones(1))[0][0].strip() for one in clips]


@pytest.mark.parametrize("kind", SPEECHBRAIN_KINDS)
def test_it_says_what_the_library_says_of_one(kind, clips, tmp_path, monkeypatch):
    """The very texts of transcribe_batch at batch size one, of a batch of all lengths asked here."""
    monkeypatch.chdir(tiny_model(kind))  # where its own reader finds the folder of the backbone
    with made(kind) as recognizer:
        found = [one.text for one in recognizer.transcribe(clips)]
    assert found == own_words(kind, clips, tmp_path / "own")
    assert len(set(found)) == len(clips)


@pytest.mark.parametrize("kind", [CTC, SEQ2SEQ])
def test_other_lengths_in_a_batch_would_change_its_words(kind, clips):
    """So it asks for equal lengths: convolutions and the limit of the search see the padding of its neighbours."""
    with made(kind) as recognizer:
        assert recognizer.spec.batching == "equal_length"
        alone = [recognizer.transcribe([clip])[0].text for clip in clips]
        assert [one.text for one in recognizer._heard([clip.samples for clip in clips])] != alone
        cut = [clip.samples[: min(len(one.samples) for one in clips)] for clip in clips]
        assert recognizer._heard(cut) == [recognizer._heard([one])[0] for one in cut]


def test_a_loud_neighbour_would_change_the_words_of_whisper(clips):
    """Its features are clipped at what the loudest of the batch allows, so each is asked alone."""
    with made(WHISPER) as recognizer:
        assert recognizer.spec.batching == "single"
        quiet, loud = clips[0].samples * np.float32(0.01), clips[1].samples
        [alone] = recognizer._heard([quiet])
        assert recognizer._heard([quiet, loud])[0] != alone


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("norm_type: sentence", "norm_type: batch"),
        ("InputNormalization\n    norm_type: sentence", "InputNormalization [True, True, batch]"),
    ],
)
def test_what_normalizes_over_a_batch_is_asked_alone(copy, clips, old, new):
    """In equal lengths too: one text of a batch would depend on what is said in the others."""
    length = min(len(one.samples) for one in clips)
    alike = [Waveform(one.utterance_id, one.samples[:length]) for one in clips]
    with spoiled(copy(CTC), old, new) as recognizer:
        assert recognizer.spec.batching == "single"
        alone = [recognizer.transcribe([one])[0] for one in alike]
        assert recognizer.transcribe(alike) == alone
        assert recognizer._heard([one.samples for one in alike]) != alone


def test_batch_norm_without_statistics_of_its_own_is_asked_alone(copy):
    """It takes those of the batch; with them, as usual, it does not."""
    change = ("log_softmax: !new", "    norm: !new:torch.nn.BatchNorm1d\n        num_features: 31\n{}log_softmax: !new")
    for more, batching in (("", "equal_length"), ("        track_running_stats: False\n", "single")):
        folder = copy(CTC, name=batching)
        recognizer = spoiled(folder, "    log_softmax: !ref <log_softmax>", "    norm: !ref <norm>")
        document = folder / "hyperparams.yaml"
        document.write_text(document.read_text().replace(change[0], change[1].format(more).replace("    norm", "norm")))
        assert recognizer.spec.batching == batching


@pytest.mark.parametrize("kind", [SEQ2SEQ, WHISPER])
def test_a_text_that_ended_by_its_limit_is_told(kind, clips, monkeypatch):
    """It goes on where there is more room, and one that ended by itself does not."""
    with made(kind) as recognizer:
        search, asr = recognizer._loaded.search, recognizer._loaded.asr
        tokens: list[int] = []
        right = asr.transcribe_batch

        def remembered(*given: Any) -> Any:
            found = right(*given)
            tokens.extend(int(one) for one in found[1][0][2:-1])
            return found

        with monkeypatch.context() as patched:
            patched.setattr(asr, "transcribe_batch", remembered)
            assert all(one.is_unfinished for one in recognizer.transcribe(clips[:2]))  # random, it finds no end
        cut = []
        for end, _ in Counter(tokens).most_common(4):
            monkeypatch.setattr(search, "eos_index", end)
            texts = recognizer.transcribe(clips)
            with monkeypatch.context() as patched:
                patched.setattr(search, "max_decode_ratio", 2 * search.max_decode_ratio)
                longer = recognizer.transcribe(clips)
            cut += [one.is_unfinished for one in texts]
            assert cut[-len(texts) :] == [one.text != two.text for one, two in zip(texts, longer, strict=True)]
        assert {*cut} == {True, False}


def test_a_text_that_filled_the_positions_of_whisper_is_told(clips, monkeypatch):
    """They are fewer than its share of the frames."""
    with made(WHISPER) as recognizer:
        monkeypatch.setattr(recognizer._loaded.search, "max_decode_ratio", 1.0)
        assert recognizer.transcribe(clips[:1])[0].is_unfinished


def test_what_has_no_limit_says_nothing_of_one(clips):
    """An encoder alone has a token for each of its frames."""
    with made(CTC) as recognizer:
        assert recognizer.transcribe(clips[:1])[0].is_unfinished is None


@pytest.mark.parametrize("kind", SPEECHBRAIN_KINDS)
@pytest.mark.parametrize("num_samples", [0, 700])
def test_the_very_short_says_the_same_in_any_company(kind, num_samples, clips):
    """It is filled with silence to what the model takes, not to what its neighbours are."""
    short = Waveform("short", clips[0].samples[:num_samples])
    with made(kind) as recognizer:
        assert recognizer.transcribe([short, clips[0]])[0] == recognizer.transcribe([short])[0]


def test_nothing_longer_than_whispers_window_is_cut_in_silence():
    """SpeechBrain would drop the rest."""
    with made(WHISPER) as recognizer, pytest.raises(RecognizerError, match="do not fit into 30 s"):
        recognizer.transcribe([Waveform("long", np.zeros(31 * 16_000, np.float32))])


def test_normalized_transcripts_are_texts(copy, clips):
    """SpeechBrain gives lists of words for them."""
    folder = copy(WHISPER)
    document = folder / "hyperparams.yaml"
    document.write_text(document.read_text().replace("transcripts: False", "transcripts: True"))
    (folder / "backbone" / "normalizer.json").write_text("{}")  # other spellings of words
    with SpeechBrain(model=str(folder)) as recognizer:
        assert isinstance(recognizer.transcribe(clips[:1])[0].text, str)


def test_autocast_is_as_asked(clips):
    """Half precision is SpeechBrain's mixed precision."""
    with made(CTC, dtype="bfloat16") as recognizer:
        assert recognizer.transcribe(clips[:1])[0].text


# What they are


def test_what_can_change_an_answer_is_in_the_identity():
    """Each option but the device, the trust and the memory."""
    plain = made(SEQ2SEQ).spec
    assert plain.options == {"dtype": "float32", "beams": 4}
    assert made(SEQ2SEQ, beams=4).spec == plain
    assert made(SEQ2SEQ, beams=2).spec != plain
    assert made(SEQ2SEQ, dtype="bfloat16").spec != plain
    assert made(SEQ2SEQ, device="cpu", trust=True, gpu_memory_limit=0.5).spec == plain
    assert [one.role for one in plain.sources] == ["model"]
    with pytest.raises(UsageError, match="takes no beams"):
        _ = made(CTC, beams=2).spec


@pytest.mark.parametrize(
    "options", [{"dtype": "int8"}, {"device": "tpu"}, {"beams": 0}, {"beams": True}, {"gpu_memory_limit": 2}]
)
def test_a_value_that_no_model_takes_is_refused(options):
    """When the recognizer is made."""
    with pytest.raises(UsageError):
        SpeechBrain(model="./nowhere", **options)


def test_only_files_that_count_are_in_the_identity(copy):
    """Not where it lies, nor what lies beside it; but its document, and each of its parts."""
    folder = copy(SEQ2SEQ)
    truth = made(SEQ2SEQ).spec
    (folder / "optimizer.ckpt").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    assert SpeechBrain(model=str(folder)).spec == truth
    (folder / "lm.ckpt").write_bytes((folder / "lm.ckpt").read_bytes() + b"\0")
    assert SpeechBrain(model=str(folder)).spec != truth


def test_each_file_that_the_document_names_is_in_the_identity(tmp_path):
    """Whatever its name ends in, weights and included documents; the rest of the folder is not."""
    (tmp_path / "hyperparams.yaml").write_text(
        "conf: !include:conf.yml\nlayer: !new:torch.nn.Linear [1, 1]\nmodules: {encoder: !ref <layer>}\n"
        "tokenizer: !ref <layer>\ndecoding_function: 1\n"
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        "    loadables: {asr: !ref <layer>, lm: !ref <layer>}\n    paths: {asr: 'weights[1].pt'}\n"
    )
    for name in ("weights[1].pt", "lm.ckpt", "conf.yml", "weights1.pt", "other.yaml"):
        (tmp_path / name).write_text("a: 1")
    found = [SpeechBrain(model=str(tmp_path)).spec.content_hash]
    for name in ("weights[1].pt", "lm.ckpt", "conf.yml", "weights1.pt", "other.yaml"):
        (tmp_path / name).write_text("a: 2")
        found.append(SpeechBrain(model=str(tmp_path)).spec.content_hash)
    assert len(set(found[:4])) == 4
    assert found[3] == found[4] == found[5]


def test_the_driver_loads_neither_torch_nor_speechbrain():
    """What a model is, is read from its files."""
    script = (
        "import sys; from earmark.recognizers import load_recognizer;"
        "spec = load_recognizer('speechbrain:' + sys.argv[1]).spec; print(spec.batching);"
        "sys.exit(bool({'torch', 'transformers', 'speechbrain', 'hyperpyyaml'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(tiny_model(WHISPER))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "single\n"


# Several places


def test_parts_come_from_several_places_and_each_is_recorded(copy, tmp_path, clips):
    """A language model and a tokenizer from elsewhere give the text that they give at home."""
    folder = copy(SEQ2SEQ, "lm.ckpt", "tokenizer.ckpt")
    lm = copy(SEQ2SEQ, "asr.ckpt", "hyperparams.yaml", name="lm")
    (tmp_path / "pieces.model").write_bytes((lm / "tokenizer.ckpt").read_bytes())
    with pytest.raises(UsageError, match="cannot use") as missing:
        _ = SpeechBrain(model=str(folder)).spec
    assert "its lm is missing" in str(missing.value.cause)
    recognizer = SpeechBrain(model=str(folder), lm=str(lm), tokenizer=str(tmp_path / "pieces.model"))
    sources = {one.role: one for one in recognizer.spec.sources}
    assert sources.keys() == {"model", "lm", "tokenizer"}
    assert sources["lm"].name == str(lm / "lm.ckpt")
    assert recognizer.spec != made(SEQ2SEQ).spec
    with pickle.loads(pickle.dumps(recognizer)) as travelled, made(SEQ2SEQ) as whole:
        assert travelled.transcribe(clips[:1]) == whole.transcribe(clips[:1])


def test_a_part_that_a_model_does_not_have_is_refused():
    """By the list of what it has."""
    with pytest.raises(UsageError, match="has no lm") as refused:
        _ = made(CTC, lm="./lm.ckpt").spec
    assert refused.value.cause == "its parts are asr, tokenizer"
    with pytest.raises(UsageError, match="made from no model of Transformers"):
        _ = made(CTC, backbone="./x").spec


def test_two_models_with_files_of_the_same_names_are_two(copy, clips):
    """SpeechBrain collects both under one name, and loads the first twice."""
    folder = copy(SEQ2SEQ, name="other")
    import torch

    state = torch.load(folder / "lm.ckpt", weights_only=True)
    torch.save({name: one * -3 for name, one in state.items()}, folder / "lm.ckpt")
    with made(SEQ2SEQ) as first, SpeechBrain(model=str(folder)) as second:
        said = [[one.text for one in recognizer.transcribe(clips)] for recognizer in (first, second, first)]
    assert said[0] == said[2] != said[1]


@pytest.mark.soak  # likewise; what is needed of a repository is tested with Transformers, too
def test_of_repositories_only_what_is_needed_is_fetched(copy, tmp_path):
    """A model on the hub, its language model in another repository, its backbone in a third; no weights of that."""
    seq2seq, whisper = copy(SEQ2SEQ, name="a"), copy(WHISPER, name="b")
    document = (seq2seq / "hyperparams.yaml").read_text() + "    paths:\n        lm: owner/lm/lm.ckpt\n"
    document += "        asr: owner/asr/weights.pt\n"
    files = {path.name: path.read_bytes() for path in seq2seq.iterdir()} | {"hyperparams.yaml": document.encode()}
    files["weights.pt"] = files.pop("asr.ckpt")
    lm = {"lm.ckpt": files.pop("lm.ckpt")}
    backbone = {path.name: path.read_bytes() for path in (whisper / "backbone").iterdir()}
    backbone |= {"model.safetensors": b"x", "pytorch_model.bin": b"x"}
    own = {path.name: path.read_bytes() for path in whisper.iterdir() if path.is_file()}
    own["hyperparams.yaml"] = own["hyperparams.yaml"].replace(b"whisper_hub: backbone", b"whisper_hub: owner/base")
    commit = "c" * 40
    repositories = {
        f"models/owner/{name}": Repository({commit: content}, {"main": commit})
        for name, content in (("asr", {**files, "example.wav": b"x"}), ("lm", lm), ("base", backbone), ("whisper", own))
    }
    with hub(repositories) as server:
        variables = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "EARMARK_CACHE": str(tmp_path / "cache"),
            "EARMARK_ALLOW_PRIVATE": "127.0.0.1",
        }
        done = python(FROM_THE_HUB, **variables)
        asked = {request.path.rpartition("/")[2] for request in server.requests}
    assert done.returncode == 0, done.stderr
    assert not asked & {"model.safetensors", "pytorch_model.bin", "example.wav"}
    assert json.loads(done.stdout) == {
        "hf:owner/asr": [["lm", commit], ["model", commit]],
        "owner/whisper": [["backbone", commit], ["model", commit]],
    }


FROM_THE_HUB = """
import json
import numpy
from earmark.recognizers import load_recognizer
from earmark.records import Waveform
found = {}
for name in ("hf:owner/asr", "owner/whisper"):
    with load_recognizer(name) as recognizer:
        recognizer.transcribe([Waveform("one", numpy.zeros(8000, numpy.float32))])
        found[name] = [(one.role, one.revision) for one in recognizer.spec.sources]
print(json.dumps(found))
"""


# What may not be, and what can be wrong


def spoiled(folder: Path, old: str, new: str) -> SpeechBrain:
    document = folder / "hyperparams.yaml"
    assert old in document.read_text()
    document.write_text(document.read_text().replace(old, new))
    return SpeechBrain(model=str(folder))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("modules:", "evil: !apply:os.system [touch pwned]\nmodules:"),
        ("modules:", "evil: !new:subprocess.Popen [[touch, pwned]]\nmodules:"),
        ("modules:", "evil: !!python/object/apply:os.system [touch pwned]\nmodules:"),
        ("modules:", "evil: (!!python/object/apply:os.system ['touch pwned'],)\nmodules:"),
        ("modules:", "evil: !applyref:os.system [touch pwned]\nmodules:"),
    ],
)
def test_a_hostile_document_runs_nothing(copy, monkeypatch, tmp_path, old, new):
    """It is refused when its spec is read."""
    monkeypatch.chdir(tmp_path)
    recognizer = spoiled(copy(CTC), old, new)
    with pytest.raises(UsageError):
        _ = recognizer.spec
    assert not (tmp_path / "pwned").exists()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("part", ["asr.ckpt", "normalizer.ckpt", "tokenizer.ckpt"])
def test_a_checkpoint_that_is_more_than_weights_is_never_run(copy, monkeypatch, tmp_path, part):
    """Whatever torch is told by the environment, and with trust too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    folder = copy(SEQ2SEQ)
    import torch

    torch.save({"weight": Bomb()}, folder / part)
    with pytest.raises(RecognizerError), SpeechBrain(model=str(folder), trust=True):
        pytest.fail("it loaded")
    assert not (tmp_path / "pwned").exists()


def test_trust_builds_what_is_not_on_the_list(copy, clips):
    """And is no part of the identity, since the document is."""
    change = ("log_softmax: !new:speechbrain.nnet.activations.Softmax\n    apply_log: True",
              "log_softmax: !new:torch.nn.LogSigmoid")  # fmt: skip
    folder = copy(CTC)
    with pytest.raises(UsageError, match="LogSigmoid, which is not on the list"):
        _ = spoiled(folder, *change).spec
    with load_recognizer(f"speechbrain:{folder}", trust=True) as recognizer:
        assert recognizer.transcribe(clips[:1])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("cnn_blocks: 1", "cnn_blockz: 1", "cannot build speechbrain.lobes.models.CRDNN.CRDNN"),
        ("neurons: !ref <n_mels> + 12", "neurons: 33", "the asr of"),
        ("        asr: !ref <asr>\n", "", "are in none of its files"),
        ("[[!ref <model>, !ref <output>]]", "[[!ref <model>]]", "are in none of its files"),
        ("activation: !name:torch.nn.LeakyReLU", "activation: !ref <tokenizer.load>", "wants the method load"),
        ("activation: !name:torch.nn.LeakyReLU", "activation: /etc/passwd", "is not in its folder"),
    ],
)
def test_a_model_whose_parts_do_not_fit_says_which(copy, old, new, problem):
    """Instead of going on with random numbers."""
    recognizer = spoiled(copy(CTC), old, new)
    with pytest.raises((RecognizerError, UsageError), match=problem), recognizer:
        pytest.fail("it loaded")


@pytest.mark.parametrize(
    ("kind", "part", "content"),
    [
        (CTC, "asr.ckpt", b"no weights"),
        (CTC, "asr.ckpt", b""),
        (CTC, "tokenizer.ckpt", b"no labels"),
        (SEQ2SEQ, "tokenizer.ckpt", b"no pieces"),
        (SEQ2SEQ, "normalizer.ckpt", b"no statistics"),
    ],
)
def test_a_file_that_is_no_such_part_is_told_by_its_name(copy, kind, part, content):
    """One sentence, no traceback of the library."""
    folder = copy(kind)
    (folder / part).write_bytes(content)
    with pytest.raises(RecognizerError, match=f"the {part.split('.')[0]} of"), SpeechBrain(model=str(folder)):
        pytest.fail("it loaded")


def test_weights_that_are_no_numbers_are_found_when_it_loads(copy):
    """By name."""
    folder = copy(CTC)
    import torch

    state = torch.load(folder / "asr.ckpt", weights_only=True)
    name = next(name for name, one in state.items() if name.endswith("weight"))
    state[name].view(-1)[0] = float("nan")
    torch.save(state, folder / "asr.ckpt")
    with pytest.raises(RecognizerError, match="are no numbers"), SpeechBrain(model=str(folder)):
        pytest.fail("it loaded")


def test_statistics_that_are_missing_are_found_when_it_loads(copy):
    """Without them not one utterance could be heard."""
    recognizer = spoiled(copy(CTC), "norm_type: sentence", "norm_type: global")
    with pytest.raises(RecognizerError, match="statistics of the normalizer in encoder") as refused, recognizer:
        pytest.fail("it loaded")
    assert "normalizer.ckpt" in str(refused.value.hint)


def test_a_backbone_cannot_name_a_kernel_to_be_downloaded(copy):
    """A kernel is code; Transformers would fetch the one that the settings name."""
    folder = copy(WHISPER)
    path = folder / "backbone" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "attn_implementation": "evil/kernel"}))
    with SpeechBrain(model=str(folder)) as recognizer:
        assert recognizer._loaded.asr.mods.whisper.model.config._attn_implementation == "sdpa"


def test_a_device_that_is_not_there_is_an_error():
    """Never a run on the processor that nobody asked for."""
    folder = tiny_model(CTC)
    import torch

    device = f"cuda:{torch.cuda.device_count()}" if torch.cuda.is_available() else "cuda"
    with pytest.raises(RecognizerError, match="no device"), SpeechBrain(model=str(folder), device=device):
        pytest.fail("it loaded")


def test_memory_that_does_not_suffice_is_the_workers_to_mend(clips, monkeypatch):
    """It is said in earmark's word, on which the worker splits the batch; any other fault is not."""
    with made(CTC) as recognizer:
        import torch

        def full(error: Exception) -> None:
            def transcribe(*_: object) -> None:
                raise error

            monkeypatch.setattr(recognizer._loaded.asr, "transcribe_batch", transcribe)

        full(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
        with pytest.raises(OutOfMemoryError, match="1 utterances do not fit"):
            recognizer.transcribe(clips[:1])
        full(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
        with pytest.raises(OutOfMemoryError):
            recognizer.transcribe(clips[:1])
        full(RuntimeError("shapes do not match"))
        with pytest.raises(RuntimeError, match="shapes"):
            recognizer.transcribe(clips[:1])
    with pytest.raises(RecognizerError, match="not loaded"):
        recognizer.transcribe(clips[:1])


def test_a_torchaudio_for_another_torch_is_explained(monkeypatch, tmp_path):
    """With what to type; SpeechBrain itself ends in a loader's words."""
    tiny_model(CTC)
    for name in [name for name in sys.modules if name.startswith("speechbrain.inference")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(sys.modules["speechbrain"], "inference", raising=False)

    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "speechbrain.inference":
                raise OSError("Could not load this library: /x/torchaudio/lib/_torchaudio.abi3.so")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(RecognizerError, match="torchaudio cannot be loaded") as refused:
        loading.import_speechbrain()
    assert "unlink" in str(refused.value.hint)


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    """When the recognizer is made, before anything is fetched."""
    from importlib import metadata

    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr("earmark.recognizers.packages.version", missing)
    with pytest.raises(MissingExtraError, match="speechbrain"):
        SpeechBrain(model="./nowhere")


# The whole way


def earmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python("from earmark.__main__ import main; main()", *arguments)


@pytest.mark.soak  # it loads the library three times
def test_an_evaluation_says_nothing_of_its_own_and_passes_the_audit(tmp_path):
    """From the command line, found by its folder: SpeechBrain logs nothing between our lines."""
    done = earmark(
        "eval", str(tiny_model(SEQ2SEQ)), "--data", DEMO_DATA, "--out", str(tmp_path / "run"), "--limit", "3",
        "--engine", "inline", "--audit", "2", "--format", "json", "--progress", "none",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["num_scored"], summary["num_failed"]) == (3, 0)
    assert "speechbrain" not in done.stderr.replace(str(tmp_path), "").lower().replace("speechbrain-seq2seq", "")
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())["recognizer"]
    assert (spec["name"], spec["batching"], spec["options"]["beams"]) == ("speechbrain", "equal_length", 4)
