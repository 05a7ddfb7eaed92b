"""A SpeechBrain hparams YAML as a recipe: what it says is read, what it may not do is refused, nothing of it runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from earmark.errors import ManifestError, UsageError
from earmark.training.recipe import read_recipe
from tests.training.hparams_toys import WHISPER_RECIPE, write_hparams_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ruamel") is None,
    reason="ruamel.yaml is not installed: pip install 'earmark[speechbrain]'",
)


def read(path: Path, *overrides: str, trust: bool = False):
    from earmark.training.hparams import read_any_recipe

    return read_any_recipe(str(path), overrides, trust=trust)


@pytest.fixture
def toy(tmp_path):
    return write_hparams_toy(tmp_path)


def changed(toy: Path, old: str, new: str) -> Path:
    text = toy.read_text()
    assert old in text
    toy.write_text(text.replace(old, new))
    return toy


def line_of(toy: Path, start: str) -> int:
    return next(number for number, line in enumerate(toy.read_text().splitlines(), 1) if line.startswith(start))


def test_it_says_what_the_equivalent_recipe_says(toy):
    """To the last value, so that both are one training."""
    assert read(toy).recipe.identity() == read_recipe(str(toy.parent / "toy.toml")).recipe.identity()


def test_the_one_that_comes_along_says_what_its_twin_says():
    """And is found by its name."""
    data = "data.source=digits.jsonl"
    assert (
        read(Path("digits_ctc_hparams"), data).recipe.identity() == read_recipe("digits_ctc", [data]).recipe.identity()
    )


def test_what_is_set_comes_before_the_file_and_before_what_is_included(toy):
    """By keys with dots; what refers to a key that is set has the new value, also in an included file."""
    found = read(
        toy, "lr=1e-5", "dynamic_batch_sampler.max_batch_ex=3", "model.n_mels=40", "data.train.where.split=[a]"
    )
    assert found.recipe.optimizer.learning_rate == 1e-5
    assert found.recipe.batching.max_batch_size == 3
    assert found.recipe.data.train.where == {"split": ("a",)}
    assert found.document.tree["modules"]["encoder"].kwargs["input_shape"] == [None, None, 40]
    assert b"input_size: 40" in found.document.files[-1][1]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("lrr=1", r"--set lrr: there is no such key"),
        ("lr", "sets nothing"),
        ("lr=many", "--set lr: 'many' is not a number"),
        ("lr=!new:os.system {}", "gives a tag of YAML"),
        ("model.n_mel=3", "cannot use"),
        ("seed.x=3", "cannot use"),
        ("dynamic_batch_sampler.max_batch=3", r"--set dynamic_batch_sampler\.max_batch: there is no such key"),
        ("opt_class.betas=[1, b]", "'b' is not a number"),
        ("data.sorce=x", r"--set data\.sorce: there is no such key"),
        ("blank_index=3", "3 is not 0"),
        ("sample_rate=8000", "8000 is not 16000"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(toy, override, said):
    """By the name that was set."""
    with pytest.raises(UsageError, match=said):
        read(toy, override)


def test_keys_that_nobody_knows_are_listed_with_lines_and_near_ones(toy):
    """All at once; a key to which another one refers is a variable, and known."""
    toy.write_text(toy.read_text() + "number_of_epoch: 3\nneurons: 4\ndouble: !ref <neurons> * 2\n")
    with pytest.raises(ManifestError, match="number_of_epoch: there is no such key") as caught:
        read(toy)
    assert caught.value.line == line_of(toy, "number_of_epoch:")
    assert "did you mean number_of_epochs" in caught.value.hint
    assert f"double (line {line_of(toy, 'double')})" in caught.value.hint
    assert "neurons (" not in caught.value.hint


@pytest.mark.parametrize(
    "evil", ["!apply:os.system [ls]", "!new:subprocess.Popen [ls]", "!name:shutil.rmtree", "!applyref:os.system [ls]"]
)
@pytest.mark.parametrize("key", ["evil", "__evil", "lr_annealing"])
def test_what_would_run_code_is_refused_with_its_line(toy, key, evil):
    """Wherever it stands, also where SpeechBrain keeps what it runs and forgets."""
    toy.write_text(toy.read_text() + f"{key}: {evil}\n")
    with pytest.raises(UsageError, match="not on the list of what a model may build") as caught:
        read(toy)
    name = re.search(r"[\w.]+\.\w+", evil)[0]
    assert name in caught.value.what
    assert f"hparams.yaml, line {line_of(toy, key)}" in caught.value.cause
    assert "--trust" in caught.value.hint


def test_a_tag_of_python_is_refused_even_with_trust(toy):
    """It would run while it is read."""
    toy.write_text(toy.read_text() + "evil: !!python/object/apply:os.system [ls]\n")
    with pytest.raises(UsageError) as caught:
        read(toy, trust=True)
    assert "can run any code" in caught.value.cause


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("modules: !ref <model[modules]>", "modules: {encoder: 1, decoder: 2}", "no system that is trained here"),
        ("!name:torch.optim.AdamW", "!name:torch.optim.RMSprop", "not on the list"),
        ("opt_class: !name:torch.optim.AdamW", "opt_class: !new:torch.optim.AdamW", "no optimizer that is known here"),
        ("labels: abc", "", "a CTC system is told its letters"),
        ("decay: none", "lr_annealing: !new:speechbrain.nnet.schedulers.NewBobScheduler {}", "no schedule that is"),
        ("decay: none", "lr_annealing: 0.5", "no schedule that is"),
        ("seed: 0", "precision: fp16", "'fp16' is none of fp32, bf16"),
        ("seed: 0", "precision: [bf16]", "is none of fp32, bf16"),
        ("seed: 0", "test_only: True", "True is not False, which it always is here"),
        ("seed: 0", "test_csv: [one.csv, other.csv]", "it is a list, and one source is taken"),
        ("    lr: !ref <lr>", "    lr: 3.0", "it is 3.0, and lr is 0.01"),
        ("seed: 0", "seed: !PLACEHOLDER", "cannot use"),
    ],
)  # fmt: skip
def test_what_is_not_trained_is_refused(toy, old, new, said):
    """Before anything is begun, with what to type instead."""
    with pytest.raises(UsageError, match=said) as caught:
        read(changed(toy, old, new))
    assert caught.value.hint


def test_a_system_of_another_kind_is_told_what_was_looked_for(toy):
    """And what it has."""
    with pytest.raises(ManifestError) as caught:
        read(changed(toy, "modules: !ref <model[modules]>", "modules: {encoder: 1, decoder: 2}"))
    assert "they are 'encoder', 'decoder'; looked for encoder without decoder" in caught.value.cause
    assert caught.value.line == line_of(toy, "modules:")
    assert "earmark train digits_ctc_hparams" in caught.value.hint


def test_optimizers_schedules_and_batches_are_those_of_speechbrain(toy):
    """Adam with its arguments, the rate of Noam, batches of so many utterances."""
    toy.write_text(
        toy.read_text()
        .replace("torch.optim.AdamW", "torch.optim.Adam")
        .replace("    weight_decay: 0.01", "    betas: (0.9, 0.98)\n    eps: 1.0e-9")
        .replace("warmup_steps: 5\ndecay: none", "lr_annealing: !new:speechbrain.nnet.schedulers.NoamScheduler\n"
                 "    lr_initial: !ref <lr>\n    n_warmup_steps: 7")
        .replace("    max_batch_length: 4.0", "    max_batch_length: 4.0\n    num_buckets: 8")
        + "dynamic_batching: False\nbatch_size: 4\navoid_if_longer_than: 10.0\nprecision: bf16\noutput_folder: out\n"
    )  # fmt: skip
    found = read(toy)
    rule = found.recipe.optimizer
    assert (rule.rule, rule.arguments, rule.weight_decay) == ("Adam", {"betas": (0.9, 0.98), "eps": 1e-9}, 0.0)
    assert (rule.decay, rule.warmup_steps, rule.learning_rate) == ("noam", 7, 0.01)
    assert (found.recipe.batching.max_batch_size, found.recipe.batching.max_batch_s) == (4, 40.0)
    assert found.recipe.precision == "bfloat16"
    assert found.not_read == ("output_folder",)


def test_the_rate_of_newbob_falls_where_an_epoch_does_too_little(toy):
    """Whatever the recipe calls the schedule: its class says what it is."""
    newbob = (
        "lr_annealing_model: !new:speechbrain.nnet.schedulers.NewBobScheduler\n    initial_value: !ref <lr>\n"
        "    improvement_threshold: 0.01\n    annealing_factor: 0.8\n    patient: 1"
    )
    rule = read(changed(toy, "decay: none", newbob)).recipe.optimizer
    assert (rule.decay, rule.learning_rate, rule.warmup_steps) == ("newbob", 0.01, 5)
    assert (rule.annealing_factor, rule.improvement_threshold, rule.annealing_patience) == (0.8, 0.01, 1)
    second = "decay: none\nnoam: !new:speechbrain.nnet.schedulers.NoamScheduler {lr_initial: 1.0, n_warmup_steps: 5}"
    with pytest.raises(UsageError, match="noam is the schedule already"):
        read(changed(toy, "lr_annealing_model", f"{second}\nlr_annealing_model"))


def test_a_whisper_recipe_as_speechbrain_has_them_is_read_as_it_is(tmp_path):
    """With what its script prepares and loads, and the schedule that only its checkpointer refers to."""
    (tmp_path / "whisper.yaml").write_text(WHISPER_RECIPE)
    found = read(tmp_path / "whisper.yaml", "data_folder=there", "precision=bf16")
    rule, data = found.recipe.optimizer, found.recipe.data
    assert (rule.decay, rule.warmup_steps, rule.learning_rate, rule.accumulate) == ("noam", 50, 1e-5, 2)
    assert (found.recipe.model.pretrained, found.recipe.model.freeze) == ("hf:openai/whisper-tiny", "encoder")
    assert (data.train.source, data.normalizer, found.recipe.evaluation.normalizer) == (
        "there/train.csv",
        "whisper-en",
        "whisper-en",
    )
    assert (found.recipe.batching.max_batch_size, found.recipe.precision) == (8, "bfloat16")
    assert {"train_splits", "eval_precision", "train_loader_kwargs", "test_search"} <= {*found.not_read}


@pytest.mark.parametrize("override", ["evaluation.normalizer=basic", "data.normalizer=none"])
def test_a_normalizer_that_is_named_comes_before_the_transcripts_rule(tmp_path, override):
    """SpeechBrain's word for all of it says only what nobody else says."""
    (tmp_path / "whisper.yaml").write_text(WHISPER_RECIPE)
    found = read(tmp_path / "whisper.yaml", "data_folder=there", "precision=bf16", override).recipe
    rules = {"evaluation": found.evaluation.normalizer, "data": found.data.normalizer}
    section, named = override.replace(".normalizer", "").split("=")
    assert rules == {"evaluation": "whisper-en", "data": "whisper-en"} | {section: named}


def test_a_number_that_a_schedule_refers_to_is_no_schedule(tmp_path):
    """Whatever it is called; and a class that is none is refused, where only a checkpointer refers to it."""
    newbob = "!new:speechbrain.nnet.schedulers.NewBobScheduler\n    initial_value: !ref <lr_whisper>\n"
    noam = WHISPER_RECIPE[WHISPER_RECIPE.index("!new:speechbrain.nnet.schedulers") :].partition("checkpointer")[0]
    factor = f"{newbob}    annealing_factor: !ref <lr_annealing_factor>\nlr_annealing_factor: 0.8\n"
    (tmp_path / "whisper.yaml").write_text(WHISPER_RECIPE.replace(noam, factor))
    rule = read(tmp_path / "whisper.yaml", "data_folder=there", "precision=bfloat16").recipe.optimizer
    assert (rule.decay, rule.annealing_factor) == ("newbob", 0.8)
    (tmp_path / "other.yaml").write_text(WHISPER_RECIPE.replace(noam, "!new:own.Scheduler {}\n"))
    with pytest.raises(UsageError, match="no schedule that is known here"):
        read(tmp_path / "other.yaml", "data_folder=there", "precision=bf16", trust=True)


def test_a_whisper_is_told_where_it_begins(tmp_path):
    """SpeechBrain's wrapper gives place and what is frozen; a name that is no folder here is the hub's."""
    (tmp_path / "whisper.yaml").write_text(
        "train_csv: train.csv\ntest_csv: test.csv\nlanguage: en\nwhisper_hub: openai/whisper-tiny\n"
        "whisper: !new:speechbrain.lobes.models.huggingface_transformers.whisper.Whisper\n"
        "    source: !ref <whisper_hub>\n    freeze_encoder: True\n    save_path: there\n"
        "modules: {whisper: !ref <whisper>}\n"
    )
    recipe = read(tmp_path / "whisper.yaml").recipe
    assert (recipe.kind, recipe.model.pretrained, recipe.model.freeze) == (
        "whisper",
        "hf:openai/whisper-tiny",
        "encoder",
    )
    assert (recipe.model.language, recipe.data.train.source, recipe.data.test.source) == ("en", "train.csv", "test.csv")
    with pytest.raises(UsageError, match="is frozen, and learns nothing"):
        read(tmp_path / "whisper.yaml", "whisper.freeze=true")


def test_what_is_written_is_read_again_as_it_was(toy):
    """Also with tuples, attributes, texts that look like others, and things that two places share."""
    from earmark.recognizers.speechbrain.document import read_document
    from earmark.recognizers.speechbrain.writing import written

    more = toy.parent / "more.yaml"
    more.write_text(
        "lin: !new:torch.nn.Linear [3, 4]\ntuple: (3, a)\nattribute: !ref <lin.in_features>\nsmall: 1e-5\n"
        "yes: 'true'\nnumber: '12'\nnone: null\nboth: [!ref <lin>, !ref <lin>, {'a b': !ref <lin>}]\n"
        "call: !applyref:operator.add {_args: [1], _kwargs: {b: 2}}\nname: !name:torch.nn.GRU\nempty: {}\n"
        "tag: '!ref <lin>'\nendless: .inf\n"
    )
    for path in (more, toy.parent / "toy.yaml"):
        tree = read_document(path, "toy").tree
        (toy.parent / "again.yaml").write_text(written(tree))
        again = read_document(toy.parent / "again.yaml", "toy").tree
        assert plain(again, {}) == plain(tree, {})


def plain(value, seen):
    """The same for two documents only if they say the same, and share the same things."""
    if hasattr(value, "kwargs"):
        if id(value) in seen:
            return ("again", seen[id(value)])
        seen[id(value)] = len(seen)
        return (value.kind, value.name, plain(value.args, seen), plain(value.kwargs, seen))
    if isinstance(value, dict):
        return {name: plain(value[name], seen) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return (type(value), [plain(one, seen) for one in value])
    return value
