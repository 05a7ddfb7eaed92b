"""A SpeechBrain hparams YAML as the whole recipe, all the way: the same folder, weights and resume as of TOML."""

from __future__ import annotations

import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import UsageError
from earmark.training.events import StepMade
from earmark.verbs.evaluate import evaluate
from tests.fetching.servers import serving
from tests.training.hparams_toys import HPARAMS, write_hparams_toy
from tests.training.lm_toys import write_lm_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)
SHORT = ["number_of_epochs=2"]


class KilledError(Exception):
    pass


def train(*arguments: Any, **more: Any) -> Any:
    """The verb, which loads SpeechBrain with itself: not while tests are collected."""
    from earmark.verbs.train import train as verb

    return verb(*arguments, device="cpu", **more)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return write_hparams_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    return train(str(toy), out=tmp_path_factory.mktemp("trained") / "toy", overrides=SHORT)


def beside(toy: Path, name: str, old: str, new: str) -> str:
    """Another recipe beside the toy's."""
    assert old in toy.read_text()
    (toy.parent / name).write_text(toy.read_text().replace(old, new))
    return str(toy.parent / name)


def test_the_weights_are_those_of_the_equivalent_recipe(toy, trained, tmp_path):
    """To the bit, and so is what each heard."""
    twin = train(str(toy.parent / "toy.toml"), out=tmp_path / "toml", overrides=["epochs=2"])
    assert trained.weights_hash == twin.weights_hash
    assert trained.after.wer == twin.after.wer


def test_the_folder_has_a_model_that_stands_alone_and_what_it_was_made_of(toy, trained, tmp_path):
    """No place of data is in the model; the YAML, what it includes, what was set and versions are in the experiment."""
    out, data = Path(trained.out), toy.parent / "data.jsonl"
    assert sorted(path.name for path in Path(trained.model).iterdir()) == [
        "asr.ckpt",
        "hyperparams.yaml",
        "tokenizer.ckpt",
    ]
    assert str(data) not in (Path(trained.model) / "hyperparams.yaml").read_text()
    assert evaluate(f"speechbrain:{trained.model}", data, out=tmp_path / "run", engine="inline").num_utterances == 60
    told = json.loads((out / "experiment.json").read_text())
    assert told["recipe"] == toy.read_text()
    assert told["included"] == {"toy.yaml": (toy.parent / "toy.yaml").read_text()}
    assert told["overrides"] == SHORT
    assert told["versions"]["speechbrain"]
    assert (out / "runs" / "before" / "summary.json").is_file()


def test_speechbrains_own_interface_loads_the_model(trained, tmp_path):
    """As it loads any other one: the document that was written is one of its own."""
    from speechbrain.inference.ASR import EncoderASR

    model = EncoderASR.from_hparams(trained.model, savedir=tmp_path / "there")
    assert "encoder" in model.mods


def test_a_killed_training_ends_in_the_same_weights(toy, trained, tmp_path):
    """The same line goes on."""

    def observer(event):
        if isinstance(event, StepMade) and event.step == trained.step - 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(str(toy), out=tmp_path / "killed", overrides=SHORT, observer=observer)
    again = train(str(toy), out=tmp_path / "killed", overrides=SHORT)
    assert 0 < again.num_new_steps < trained.step
    assert again.weights_hash == trained.weights_hash


def test_it_travels_to_the_workers_of_a_cluster(toy):
    """What is shared in its document is shared there, too."""
    from earmark.training.ctc import CtcSystem
    from earmark.training.hparams import read_any_recipe

    read = read_any_recipe(str(toy))
    there = pickle.loads(pickle.dumps(read))  # as Ray does
    assert CtcSystem(there).content_hash == CtcSystem(read).content_hash


def test_what_would_run_code_runs_only_with_trust(toy, tmp_path):
    """A function that is on no list gives the size of a layer; the model is evaluated with the same trust."""
    model = (toy.parent / "toy.yaml").read_text().replace("n_neurons: 32", "n_neurons: !ref <size>")
    size = f"size: !apply:eval [\"__import__('pathlib').Path('{tmp_path}/ran').write_text('x') and 32\"]\n"
    (toy.parent / "odd.yaml").write_text(
        size.replace("!apply:eval", "!apply:builtins.eval") + model.replace("input_size: 32", "input_size: !ref <size>")
    )
    odd = beside(toy, "odd_hparams.yaml", "toy.yaml", "odd.yaml")
    with pytest.raises(UsageError, match=r"wants !apply:builtins\.eval, which is not on the list") as caught:
        train(odd, out=tmp_path / "out", overrides=["number_of_epochs=1"])
    assert "odd.yaml, line 1" in caught.value.cause
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()
    done = train(odd, out=tmp_path / "out", overrides=["number_of_epochs=1"], trust=True)
    assert (tmp_path / "ran").exists()
    assert done.after.num_utterances == 9


def test_pretrained_parts_come_from_several_places(toy, trained, tmp_path, monkeypatch):
    """Weights from a URL, letters from a folder: before the first step it hears as the trained one does."""
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_ALLOW_PRIVATE", "127.0.0.1")
    weights, letters = Path(trained.model) / "asr.ckpt", tmp_path / "letters"
    letters.mkdir()
    (letters / "tokenizer.ckpt").write_bytes((Path(trained.model) / "tokenizer.ckpt").read_bytes())
    with serving() as server:
        server.files["/asr.ckpt?token=hush"] = weights.read_bytes()
        paths = (
            f"    paths:\n        asr: {server.url}/asr.ckpt?token=hush\n        tokenizer: {letters}/tokenizer.ckpt\n"
        )
        pretrainer = (
            "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
            "    loadables:\n        asr: !ref <model[asr]>\n        tokenizer: !ref <model[tokenizer]>\n" + paths
        )
        text = (
            toy.read_text().replace("pretrainer: !ref <model[pretrainer]>\n", pretrainer).replace("labels: abc\n", "")
        )
        (toy.parent / "on.yaml").write_text(text)
        again = train(str(toy.parent / "on.yaml"), out=tmp_path / "on", overrides=["number_of_epochs=1", "lr=1e-6"])
    assert again.before.wer == trained.after.wer
    assert "hush" not in (tmp_path / "on" / "experiment.json").read_text()


def test_a_recipe_without_a_pretrainer_saves_all_modules(toy, tmp_path):
    """As SpeechBrain's recipes from nothing are."""
    plain = beside(toy, "plain.yaml", "pretrainer: !ref <model[pretrainer]>\n", "")
    done = train(plain, out=tmp_path / "out", overrides=["number_of_epochs=1"])
    assert (Path(done.model) / "encoder.ckpt").is_file()


def test_an_argument_that_the_optimizer_does_not_take_is_refused(toy, tmp_path):
    """Before the first step."""
    with pytest.raises(UsageError, match="AdamW does not take the arguments momentum"):
        train(str(toy), out=tmp_path / "out", overrides=["opt_class.momentum=0.9"])


def test_a_language_model_learns_what_it_learns_by_toml(tmp_path):
    """Beside a fixed system, whose parts are named one by one."""
    toml = write_lm_toy(tmp_path)
    text = (
        HPARAMS.replace("toy.yaml", "lm.yaml")
        .replace("labels: abc\n", "")
        .replace("max_batch_length: 4.0", "max_batch_length: 40")
    )
    head, _, _ = text.partition("data:\n")
    tail = text[text.index("dynamic_batch_sampler") :].replace("pretrainer: !ref <model[pretrainer]>\n", "")
    acoustic = tmp_path / "acoustic"
    (tmp_path / "lm_hparams.yaml").write_text(
        head.replace("number_of_epochs: 14", "number_of_epochs: 2")
        + f"data: {{source: {tmp_path}/few.jsonl, train: {{text: {tmp_path}/texts.txt}}}}\n"
        + tail
        + "decoding_function: !ref <model[decoding_function]>\n"
        + "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n    loadables:\n"
        + "".join(
            f"        {name}: !ref <model[{key}]>\n"
            for name, key in (("asr", "acoustic][asr"), ("tokenizer", "tokenizer"), ("lm", "lm_model"))
        )
        + f"    paths: {{asr: {acoustic}/asr.ckpt, tokenizer: {acoustic}/tokenizer.ckpt}}\n"
    )
    asked = ["epochs=2", "optimizer.learning_rate=0.01", "optimizer.decay=none"]
    twin = train(str(toml), out=tmp_path / "toml", overrides=asked)
    done = train(str(tmp_path / "lm_hparams.yaml"), out=tmp_path / "yaml")
    assert done.weights_hash == twin.weights_hash
    assert done.after.wer == twin.after.wer


def test_a_whisper_learns_what_it_learns_by_toml(tmp_path):
    """From the place that SpeechBrain's wrapper names."""
    from tests.training.whisper_toys import write_toy

    toml = write_toy(tmp_path)
    (tmp_path / "hparams.yaml").write_text(
        f"whisper_hub: {tmp_path}/model\nlanguage: en\nnumber_of_epochs: 2\nbatch_size: 4\nmax_grad_norm: 1.0\n"
        f"data:\n    source: {tmp_path}/data.jsonl\n"
        + "".join(f"    {one}: {{where: {{split: {one}}}}}\n" for one in ("train", "valid", "test"))
        + "lr: 0.004\nwarmup_steps: 5\ndecay: linear\nwhisper_opt_class: !name:torch.optim.AdamW {lr: !ref <lr>}\n"
        "whisper: !new:speechbrain.integrations.huggingface.whisper.Whisper\n    source: !ref <whisper_hub>\n"
        "    save_path: !ref <whisper_hub>\nmodules: {whisper: !ref <whisper>}\n"
    )
    twin = train(str(toml), out=tmp_path / "toml", overrides=["epochs=2"])
    done = train(str(tmp_path / "hparams.yaml"), out=tmp_path / "yaml")
    assert done.weights_hash == twin.weights_hash
    assert done.recognizer.startswith("whisper:")
