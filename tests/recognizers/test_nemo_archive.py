"""An archive of NeMo is looked at before anything of it is opened, and what breaks a rule is refused. Needs no NeMo."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from earmark.errors import ArchiveError, EarmarkError, FolderError, UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers.nemo.archive import CONFIG, WEIGHTS, read_archive
from earmark.recognizers.nemo.configuration import check_configuration
from earmark.recognizers.nemo.family import family_of
from earmark.recognizers.nemo.recognizer import archive_named
from earmark.recognizers.nemo.settings import Settings, resolved
from tests.fetching.servers import Repository, hub

CTC: dict[str, Any] = {
    "target": "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
    "sample_rate": 16_000,
    "preprocessor": {"_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor"},
    "tokenizer": {"type": "bpe", "dir": "/made/here", "model_path": "nemo:a_tokenizer.model"},
}
HYBRID = CTC | {"target": "nemo.collections.asr.models.EncDecHybridRNNTCTCBPEModel"}
CANARY = CTC | {
    "target": "nemo.collections.asr.models.aed_multitask_models.EncDecMultiTaskModel",
    "tokenizer": {
        "type": "agg",
        "langs": {one: {"type": "bpe", "model_path": "nemo:a_tokenizer.model"} for one in ("spl_tokens", "en", "es")},
    },
    "decoding": {"strategy": "beam"},
}


# Ten of the one before, ten times over.
LAUGHS = b"a: &a [x]\n" + b"\n".join(
    b"%c: &%c [%s]" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 10)) for letter in range(98, 108)
)
# Nine of the one before, eleven times over, and nothing at the end.
EMPTINESS = b"a: &a []\n" + b"\n".join(
    b"%c: &%c [%s]" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 109)
)
BLEU = {"_target_": "nemo.collections.asr.metrics.BLEU", "constraint": ".task == translate"}
TOKENIZERS = "nemo.collections.common.tokenizers"
CANARY_TOKENIZER = {"_target_": f"{TOKENIZERS}.canary_tokenizer.CanaryTokenizer"}


def archive(path: Path, config: Mapping[str, Any] | bytes = CTC, *more: str, mode: str = "w", **files: bytes) -> Path:
    """An archive with the files of a model, ``more`` empty ones, and ``files``."""
    content = config if isinstance(config, bytes) else yaml.safe_dump(dict(config)).encode()
    given = {f"./{CONFIG}": content, f"./{WEIGHTS}": b"x", "./a_tokenizer.model": b"x", **dict.fromkeys(more, b"")}
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, body in {**given, **files}.items():
            add(tar, name, body)
    return path


def add(tar: tarfile.TarFile, name: str, body: bytes = b"", **fields: Any) -> None:
    header = tarfile.TarInfo(name)
    header.size = len(body)
    for field, value in fields.items():
        setattr(header, field, value)
    tar.addfile(header, io.BytesIO(body))


@contextlib.contextmanager
def refusing(kind: type[EarmarkError], words: str) -> Iterator[pytest.ExceptionInfo[EarmarkError]]:
    """The block raises ``kind``, which says ``words``."""
    with pytest.raises(kind) as refused:
        yield refused
    assert words in f"{refused.value.what} / {refused.value.cause}"


def looked_at(path: Path, *, trust: bool = False) -> Any:
    found = read_archive(str(path), path)
    check_configuration(found, trust=trust)
    return found


def changed(**values: Any) -> dict[str, Any]:
    return {**CTC, **values}


# The archive


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_model_is_told_by_its_configuration(tmp_path, mode):
    """Plain and packed; nothing is written."""
    path = archive(tmp_path / "model.nemo", mode=mode)
    found = looked_at(path)
    assert found.names == (CONFIG, WEIGHTS, "a_tokenizer.model")
    assert family_of(found).kind == "ctc"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "fields", "problem"),
    [
        ("/etc/earmark", {}, "absolute path"),
        ("../out", {}, "leads out"),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link to"),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": WEIGHTS}, "a link to"),
        ("device", {"type": tarfile.CHRTYPE}, "a device"),
        (WEIGHTS, {}, "twice"),
        (WEIGHTS.upper(), {}, "twice"),
    ],
)
def test_an_archive_that_could_write_elsewhere_is_refused(tmp_path, name, fields, problem):
    """By the same rules as any that is unpacked, and before it is."""
    path = archive(tmp_path / "model.nemo")
    with tarfile.open(path, "a") as tar:
        add(tar, name, **fields)
    with refusing(ArchiveError, problem):
        looked_at(path)


def test_a_bomb_is_refused(tmp_path):
    """Sixty million zeros in sixty thousand bytes, which nobody unpacks to find out."""
    path = archive(tmp_path / "model.nemo", CTC, mode="w:gz", zeros=bytes(60_000_000))
    with refusing(ArchiveError, "as only an attack does"):
        looked_at(path)


@pytest.mark.parametrize("num_bytes", [0, 100, 3_000])
def test_what_is_cut_off_is_refused(tmp_path, num_bytes):
    """Wherever it ends."""
    path = archive(tmp_path / "model.nemo")
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(UsageError):
        looked_at(path)


def test_a_pointer_and_a_missing_file_are_told(tmp_path):
    """Each with what to type."""
    path = tmp_path / "model.nemo"
    with refusing(FolderError, "No such file"):
        looked_at(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with refusing(FolderError, "Git LFS pointer") as told:
        looked_at(path)
    assert told.value.hint.startswith("git lfs pull")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_one_configuration_and_one_file_of_weights_are_wanted(tmp_path, name):
    """Neither none nor two, in whatever folder of it."""
    with tarfile.open(tmp_path / "less.nemo", "w") as tar:
        for one in {CONFIG, WEIGHTS} - {name}:
            add(tar, one, b"a: 1")
    with refusing(UsageError, "no archive of a NeMo model"):
        looked_at(tmp_path / "less.nemo")
    with refusing(UsageError, "2 times"):
        looked_at(archive(tmp_path / "more.nemo", CTC, f"mp_rank_00/{name}"))


# Its configuration


@pytest.mark.parametrize(
    "content",
    [
        b"!!python/object/apply:os.system ['touch owned']",
        b"target: [",
        b"- a list",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"a: &a [*a]",
        LAUGHS,
        EMPTINESS,
        b"a: ${b}\nb: ${a}",
    ],
    ids=["tag", "broken", "list", "deep", "no text", "endless", "laughs", "emptiness", "circle"],
)
def test_a_configuration_that_is_no_plain_values_is_refused(tmp_path, content, monkeypatch):
    """Nothing is built by a tag, and what never ends is given up."""
    monkeypatch.chdir(tmp_path)
    with refusing(UsageError, "configuration"):
        looked_at(archive(tmp_path / "model.nemo", content))
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"encoder": {"_target_": "os.system", "_args_": ["touch owned"]}},
        {"a": [{"b": {"_target_": "subprocess.run"}}]},
        {"encoder": {"_target_": "nemo.collections.asr.parts.utils.manifest_utils.read_manifest"}},
        {"encoder": {"_target_": "nemo.utils.model_utils.import_class_by_path"}},
        {"encoder": {"_target_": "torch.hub.load"}},
        {"encoder": {"_target_": "torch.nn.Linear"}},
        {"spec_augment": {"_target_": f"{TOKENIZERS}.huggingface.auto_tokenizer.AutoTokenizer"}},
        {"spec_augment": {"_target_": f"{TOKENIZERS}.sentencepiece_tokenizer.SentencePieceTokenizer"}},
        {"spec_augment": CANARY_TOKENIZER},
        {"tokenizer": {**CTC["tokenizer"], "custom_tokenizer": {"_target_": f"{TOKENIZERS}.AutoTokenizer"}}},
        {"tokenizer": {**CTC["tokenizer"], "custom_tokenizer": CANARY_TOKENIZER}, "a": "${tokenizer.custom_tokenizer}"},
        {"encoder": {"_target_": "nemo.collections.asr.modules.x\nos.System"}},
        {"encoder": {"_target_": "${encoder_class}"}, "encoder_class": "os.system"},
        {"encoder": {"cls": "builtins.exec", "params": {}}},
    ],
)
def test_a_class_that_is_not_known_to_be_harmless_is_not_built(tmp_path, values):
    """Wherever in the configuration it stands, and whichever way NeMo would be told of it."""
    with refusing(UsageError, "not known to be harmless") as refused:
        looked_at(archive(tmp_path / "model.nemo", changed(**values)))
    assert refused.value.hint.endswith("--trust")
    if "${" not in str(values):
        looked_at(archive(tmp_path / "model.nemo", changed(**values)), trust=True)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"a": "${oc.env:HOME}"}, "is computed"),
        ({"a": "${oc.create:{_target_: os.system}}"}, "is computed"),
        ({"n": "oc.env", "train_ds": {"a": "${${n}:HOME}"}}, "is computed"),
        ({"n": "oc.create", "a": "${${n}:${b}}", "b": "{_target_: os.system}"}, "is computed"),
        ({"train_ds": {"a": "$", "b": "{oc.env:HOME}", "c": "${train_ds.a}${train_ds.b}"}}, "is computed"),
        ({"encoder": {"a": "${preprocessor._target_}s"}}, "is computed"),
        ({"encoder": {"a": "${nothing}"}}, "is computed"),
        ({"encoder": {"a": "/etc/passwd"}}, "not in it"),
        ({"encoder": {"a": ["../../secret"]}}, "not in it"),
        ({"encoder": {"a": "owner/name"}}, "not in it"),
        ({"encoder": {"a": "https://example.org"}}, "not in it"),
        ({"encoder": {"a": "nemo:a_tokenizer.model"}}, "not in it"),
        ({"encoder": {"a": "lies_here"}}, "not in it"),
        ({"encoder": {"a": "${train_ds.a}"}, "train_ds": {"a": "/etc/passwd"}}, "not in it"),
        ({"encoder": "${train_ds}", "train_ds": {"a": {"b": "/etc/passwd"}}}, "not in it"),
        ({"tokenizer": {"type": "bpe", "model_path": "nemo:../../etc/passwd"}}, "no such file"),
        ({"tokenizer": {"type": "bpe", "model_path": "/etc/passwd"}}, "not in it"),
        ({"tokenizer": {"type": "bpe", "model_path": "tokenizer.model"}}, "not in it"),
        ({"tokenizer": {"type": "bpe", "dir": "."}}, "no tokenizer"),
        ({"tokenizer": {"type": "wpe", "vocab_path": "nemo:a_tokenizer.model"}}, "not supported"),
        ({"tokenizer": {"type": "agg", "langs": {"en": {"type": "wpe"}}}}, "not supported"),
        ({"tokenizer": "bpe"}, "refused"),
        ({"decoding": {"greedy": {"ngram_lm_model": "/home/me/lm.nemo"}}}, "not in it"),
        ({"decoding": {"beam": {"kenlm_path": "lm.arpa"}}}, "not in it"),
        ({"multitask_metrics_cfg": {"metrics": {"bleu": {**BLEU, "bleu_tokenizer": "flores200"}}}}, "from elsewhere"),
        ({"multitask_metrics_cfg": {"bleu_tokenizer": "ja-mecab", "metrics": {"bleu": BLEU}}}, "from elsewhere"),
    ],
)
def test_a_configuration_that_reads_what_is_not_in_the_archive_is_refused(tmp_path, values, problem, monkeypatch):
    """Not the environment, not a file of this machine, also not of the working directory, and nothing from the hub."""
    monkeypatch.chdir(tmp_path)
    Path("lies_here").touch()
    with refusing(UsageError, problem):
        looked_at(archive(tmp_path / "model.nemo", changed(**values)), trust=True)


def test_paths_of_training_are_let_be(tmp_path):
    """Every real archive has some, and no file of them is opened; a token of a vocabulary may look like one."""
    values = {
        "train_ds": {"manifest_filepath": "${train_ds.at}/train.json", "at": "/data", "rate": "${sample_rate}"},
        "tokenizer": {**CTC["tokenizer"], "dir": "/data", "custom_tokenizer": CANARY_TOKENIZER},
        "labels": ["a", "/", "//", ".."],
        "decoder": {"vocabulary": ["and/or"], "num_classes": "${sample_rate}"},
        "decoding": {"segment_seperators": [".", "?", "...", "/"]},
        "multitask_metrics_cfg": {"metrics": {"bleu": {**BLEU, "bleu_tokenizer": "13a"}}},
    }
    looked_at(archive(tmp_path / "model.nemo", changed(**values)))


def test_what_published_models_are_made_of_is_built(tmp_path):
    """By the name of the module, and by the shorter one of its package."""
    asr = "nemo.collections.asr"
    names = [
        *(
            f"{asr}.modules.{name}"
            for name in ("ConformerEncoder", "ConvASREncoder", "RNNTJoint", "SpectrogramAugmentation")
        ),
        f"{asr}.modules.conformer_encoder.ConformerEncoder",
        f"{asr}.modules.transformer.get_nemo_transformer",
        f"{asr}.modules.transformer.transformer_encoders.TransformerEncoder",
        f"{asr}.parts.submodules.token_classifier.TokenClassifier",
        f"{asr}.metrics.WER",
        "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
    ]
    looked_at(archive(tmp_path / "model.nemo", changed(parts=[{"_target_": name} for name in names])))


# What it is, and how it is asked


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("nemo.collections.tts.models.FastPitchModel", "FastPitchModel"),
        ("nemo.collections.asr.models.EncDecSpeakerLabelModel", "EncDecSpeakerLabelModel"),
        ("os.system", "os.system"),
        (None, "None"),
    ],
)
def test_a_model_that_is_not_for_speech_recognition_is_refused(tmp_path, target, found):
    """Its class is named, and those that are known."""
    config = {name: value for name, value in changed(target=target).items() if value is not None}
    with refusing(UsageError, "no model for speech recognition") as refused:
        family_of(read_archive("it", archive(tmp_path / "model.nemo", config)))
    assert found in refused.value.cause
    assert "EncDecCTCModelBPE" in refused.value.cause


def test_a_model_for_another_sample_rate_is_refused(tmp_path):
    """It would hear everything at another speed."""
    with refusing(UsageError, "8000 Hz"):
        family_of(looked_at(archive(tmp_path / "model.nemo", changed(sample_rate=8_000))))


@pytest.mark.parametrize(
    ("config", "options", "problem"),
    [
        (CTC, {"decoder": "rnnt"}, "one decoder"),
        (CTC, {"language": "en"}, "takes no language"),
        (CANARY, {"language": "fr"}, "does not know the language 'fr'"),
        (CANARY, {"task": "translate", "target_language": "de"}, "does not know the language 'de'"),
        (CANARY, {"target_language": "es"}, "for a translation"),
        (CANARY, {"words": True}, "no times"),
        (changed(decoding={"strategy": "beam"}), {"words": True}, "no times"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(tmp_path, config, options, problem):
    """Before the model is loaded."""
    found = looked_at(archive(tmp_path / "model.nemo", config))
    with refusing(UsageError, problem):
        resolved(found, family_of(found), Settings(**options))


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "int8"}, {"decoder": "tdt"}, {"task": "sing"}, {"device": "tpu"}, {"language": "../en"},
        {"punctuation": 1}, {"gpu_memory_limit": 2},
    ],
)  # fmt: skip
def test_a_value_that_no_model_takes_is_refused(options):
    """Where it is said."""
    with pytest.raises(UsageError):
        Settings(**options)


def test_what_the_archive_says_is_in_the_options(tmp_path):
    """A hybrid has a decoder, Canary a language and a task; what cannot change an answer is not in them."""
    hybrid = looked_at(archive(tmp_path / "hybrid.nemo", HYBRID))
    chosen = resolved(hybrid, family_of(hybrid), Settings(device="cpu", trust=True)).options()
    assert (chosen["decoder"], chosen["strategy"]) == ("rnnt", "greedy_batch")
    assert not {"device", "trust", "gpu_memory_limit"} & chosen.keys()
    canary = looked_at(archive(tmp_path / "canary.nemo", CANARY))
    asked = resolved(canary, family_of(canary), Settings(language="es", task="translate"))
    assert asked.prompt() == {"task": "ast", "source_lang": "es", "target_lang": "en", "pnc": "yes"}
    assert asked.options()["strategy"] == "beam"


# Where it is


def test_the_archive_of_a_folder_and_of_a_repository_is_found(tmp_path, monkeypatch):
    """Where there is one; none and several are refused, and the hub is asked for no more than its list."""
    archive(tmp_path / "model.nemo")
    options = FetchOptions(cache=tmp_path / "cache", allow_private=True)
    assert archive_named(str(tmp_path), options) == str(tmp_path / "model.nemo")
    commit = "a" * 40
    files = {"one": ["m.nemo", "README.md"], "two": ["1.nemo", "2.nemo"]}
    held = {
        f"models/o/{name}": Repository({commit: dict.fromkeys(names, b"x")}, {"main": commit})
        for name, names in files.items()
    }
    with hub(held) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert archive_named("o/one", options) == "hf:o/one/m.nemo"
        assert archive_named("hf:o/two/2.nemo", options) == "hf:o/two/2.nemo"
        with refusing(UsageError, "2 archives") as refused:
            archive_named("hf:o/two", options)
        assert not [one for one in server.requests if one.path.endswith(".nemo")]
    assert refused.value.hint == "name one: hf:o/two/1.nemo"
    (tmp_path / "model.nemo").unlink()
    with refusing(UsageError, "no archive"):
        archive_named(str(tmp_path), options)


def test_to_look_at_a_model_loads_neither_nemo_nor_torch(tmp_path):
    """The driver does no more."""
    path = archive(tmp_path / "model.nemo")
    code = (
        "import sys; from earmark.recognizers.nemo import Nemo; assert Nemo(model=sys.argv[1]).spec.content_hash; "
        "sys.exit(', '.join({'torch', 'nemo', 'omegaconf'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    if "MissingExtraError" in done.stderr:
        pytest.skip("nemo is not installed: pip install 'earmark[nemo]'")
    assert done.returncode == 0, done.stderr
