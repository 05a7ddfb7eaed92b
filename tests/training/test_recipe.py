from __future__ import annotations

import pytest

from earmark.errors import ManifestError, UnknownNameError, UsageError
from earmark.training.recipe import PACKAGED, read_recipe
from tests.training.speech_toys import RECIPE


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(RECIPE.format(data="data.jsonl"))
    return path


def test_what_the_file_says_is_read(toy):
    """With defaults where it says nothing, and paths that start from its folder."""
    read = read_recipe(str(toy))
    assert (read.recipe.epochs, read.recipe.optimizer.learning_rate, read.recipe.seed) == (14, 0.01, 0)
    assert read.recipe.data.train.where == {"split": ("train",)}
    assert read.beside("toy.yaml") == toy.parent / "toy.yaml"


def test_an_unknown_key_is_refused_with_its_line_and_the_near_one(toy):
    """A mistyped key would silently train something else."""
    toy.write_text(toy.read_text().replace("learning_rate", "learning_rat"))
    with pytest.raises(ManifestError, match=r"optimizer\.learning_rat: there is no such key") as caught:
        read_recipe(str(toy))
    assert caught.value.line == toy.read_text().splitlines().index("learning_rat = 0.01") + 1
    assert "learning_rate" in caught.value.hint


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["epoch=3"], "--set epoch: there is no such key"),
        (["epochs=many"], "--set epochs: 'many' is not a whole number"),
        (["epochs=true"], "is not a whole number"),
        (["kind=rnnt"], "'rnnt' is none of ctc"),
        (["epochs.x=3"], "goes into epochs, which is no section"),
        (["epochs"], "sets nothing"),
        (["model.pretrained=x"], "one of hyperparams and pretrained"),
        (["model.labels=aab"], "not letters, each once"),
        (["data.train.where.split=3", "optimizer.accumulate=0"], "one from 1"),
        (["data.min_s=40"], "leave no utterance"),
        (["model.language=en"], "language, task and freeze are for a Whisper"),
        (["model.freeze=decoder"], "'decoder' is none of encoder"),
        (["kind=lm"], "labels go with the hyperparams of a CTC model"),
        (["data.train.text=x.txt"], "has a text, and says what of another source"),
        (["augmentation.speeds=1.1"], "1.1 is no list"),
        (["augmentation.speeds=['fast']"], "'fast' is not a number"),
        (["augmentation.speeds=[1.0, 3]"], "are not from 0.5 to 2.0"),
        (["augmentation.noise_snr_db=[30, 10]"], "the least and the most"),
        (["augmentation.noise_snr_db=[nan, nan]"], "are not numbers of decibels"),
        (["augmentation.noise_snr_db=[10, inf]"], "are not numbers of decibels"),
        (["model.parts.lm=3"], "3 is not a text"),
        (["kind=whisper", "model.parts.lm=x"], "a Whisper has no parts from other places"),
        (["model.parts.tokenizer=x"], "labels go with the hyperparams of a CTC model"),
        (["optimizer.rule=LBFGS"], "'LBFGS' is none of AdamW"),
        (["optimizer.arguments.eps=small"], "'small' is not a number"),
        (["optimizer.decay=noam", "optimizer.warmup_steps=0"], "decay noam goes with warmup_steps"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(toy, overrides, problem):
    """Before anything is begun."""
    with pytest.raises(UsageError, match=problem):
        read_recipe(str(toy), overrides)


def test_what_is_set_comes_before_the_file(toy):
    """As TOML where it is that, as a text where it is not."""
    read = read_recipe(str(toy), ["epochs=3", "data.train.where.speaker=[1, 2]", "data.source=other.csv"])
    assert read.recipe.epochs == 3
    assert read.recipe.data.train.where == {"split": ("train",), "speaker": ("1", "2")}
    assert read.recipe.data.source == "other.csv"


def test_the_identity_has_what_changes_the_weights_and_nothing_else(toy):
    """Another learning rate is another training; another place of the data, or more checkpoints, is none."""
    own = read_recipe(str(toy)).recipe.identity()
    assert read_recipe(str(toy), ["checkpoint_every_steps=9", "data.source=there.csv"]).recipe.identity() == own
    for one in ("optimizer.learning_rate=0.1", "seed=1", "batching.max_batch_s=8", "epochs=7", "data.max_s=9"):
        assert read_recipe(str(toy), [one]).recipe.identity() != own


def test_what_a_schedule_does_not_read_is_not_in_the_identity(toy):
    """So a training that was begun before there was NewBob goes on."""
    own = read_recipe(str(toy)).recipe.identity()
    assert {*own["optimizer"]} == {
        "learning_rate", "weight_decay", "warmup_steps", "decay", "accumulate", "most_gradient_norm",
    }  # fmt: skip
    assert read_recipe(str(toy), ["optimizer.annealing_factor=0.9"]).recipe.identity() == own
    newbob = [
        read_recipe(str(toy), ["optimizer.decay=newbob", f"optimizer.annealing_factor={one}"]) for one in (0.8, 0.9)
    ]
    assert newbob[0].recipe.identity() != newbob[1].recipe.identity()


@pytest.mark.parametrize("name", sorted(path.stem for path in PACKAGED.glob("*.toml")))
def test_the_recipes_that_come_along_are_found_by_name(name):
    """And the documents of their models lie beside them."""
    read = read_recipe(name, ["data.source=data.jsonl"])
    file = read.recipe.model.hyperparams
    assert file is None or read.beside(file).is_file()


def test_no_file_and_no_name():
    """The known names are listed."""
    with pytest.raises(UnknownNameError, match="no recipe 'digit_ctc'") as caught:
        read_recipe("digit_ctc")
    assert caught.value.near[0] == "digits_ctc"
