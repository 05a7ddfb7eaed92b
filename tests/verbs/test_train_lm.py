"""The language model of a recognizer that stays as it is: taught, killed, taken up again, heard with."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import ManifestError, RecognizerError, RunMismatchError, UsageError
from earmark.training.events import EpochEnded, RecipeBegan, StepMade
from earmark.training.recipe import read_recipe
from tests.fetching.servers import serving
from tests.training.lm_toys import write_lm_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)


class KilledError(Exception):
    pass


def train(*arguments: Any, **more: Any) -> Any:
    """The verb, which loads SpeechBrain with itself: not while tests are collected."""
    from earmark.verbs.train import train as verb

    return verb(*arguments, device="cpu", **more)


def system(recipe: str, *overrides: str) -> Any:
    from earmark.training.lm import LmSystem

    return LmSystem(read_recipe(recipe, overrides))


def perplexity(found: Any) -> float:
    """Of the texts that are held out, as its language model is now."""
    import torch

    from earmark.training.ranks import Ranks

    value: float = found.tried(found.speech().valid, Ranks(torch.device("cpu"))).perplexity
    return value


def epochs_in(out: str | Path) -> list[dict[str, Any]]:
    return json.loads((Path(out) / "epochs.json").read_text())


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> str:
    return str(write_lm_toy(tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    """A training that nobody disturbed, and what it told."""
    told: list[Any] = []
    return train(toy, out=tmp_path_factory.mktemp("trained") / "lm", observer=told.append), told


def test_texts_become_less_surprising(trained):
    """By the perplexity of each epoch; the best is kept, and two runs of the same speech are compared."""
    done, told = trained
    began = next(one for one in told if isinstance(one, RecipeBegan))
    assert (began.num_train + began.num_valid, began.unit) == (60, "tokens")
    found = [one.perplexity for one in told if isinstance(one, EpochEnded)]
    assert found[-1] < 0.7 * found[0]
    assert found[-1] > 1
    assert began.perplexity == pytest.approx(6, rel=0.2)  # by chance, of six tokens
    assert began.perplexity > found[0]
    assert found[done.best_epoch - 1] == min(found)
    assert [one["perplexity"] for one in epochs_in(done.out)] == found
    assert len(done.comparison.runs) == 2


def test_what_hears_stays_as_it_is(toy, trained):
    """Its files are copied into the folder before and after, and only the language model differs."""
    done, _ = trained
    acoustic = Path(toy).parent / "acoustic"
    before, after = Path(done.out) / "before", Path(done.model)
    for name in ("asr.ckpt", "tokenizer.ckpt"):
        assert (acoustic / name).read_bytes() == (before / name).read_bytes() == (after / name).read_bytes()
    assert (before / "lm.ckpt").read_bytes() != (after / "lm.ckpt").read_bytes()


def test_a_killed_training_ends_in_the_same_weights(toy, trained, tmp_path):
    """Killed within an epoch, after a checkpoint."""
    done, _ = trained

    def observer(event):
        if isinstance(event, StepMade) and event.step == done.step - 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(toy, out=tmp_path / "killed", observer=observer)
    again = train(toy, out=tmp_path / "killed")
    assert 0 < again.num_new_steps < done.step
    assert again.weights_hash == done.weights_hash


def test_a_perplexity_that_no_float_holds_is_none_and_not_told(toy, capsys):
    """Infinity would be no JSON in epochs.json; the epochs are still in order, and their lines say the rest."""
    import torch

    from earmark.cli.recipe_progress import recipe_observer
    from earmark.training.ranks import Ranks

    found = system(toy)
    with torch.no_grad():
        for weights in found.modules["lm"].parameters():
            weights.mul_(1e4)
    tried = found.tried(found.speech().valid, Ranks(torch.device("cpu")))
    assert tried.perplexity is None
    assert 1e3 < tried.order[0] < float("inf")
    with recipe_observer("plain") as observer:
        observer(
            EpochEnded(
                epoch=1, num_epochs=2, step=3, losses=(900.0,), wer=tried.wer, cer=tried.cer,
                perplexity=tried.perplexity, is_best=True, padding_share=0.0, waiting_share=0.0,
            )
        )  # fmt: skip
    assert capsys.readouterr().err.startswith("epoch  1 of 2: loss 900.000, the best so far (")


def test_another_text_is_refused_in_the_folder(toy, trained, tmp_path):
    """It would be another model."""
    done, _ = trained
    (tmp_path / "other.txt").write_text("cab\n" * 60)
    with pytest.raises(RunMismatchError, match="holds another run"):
        train(toy, out=done.out, overrides=[f"data.train.text={tmp_path}/other.txt"])


def test_parts_come_from_several_places(toy, trained, tmp_path, monkeypatch):
    """A trained language model to begin with from a URL, the tokenizer from another folder, the rest from its own."""
    done, _ = trained
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_ALLOW_PRIVATE", "127.0.0.1")
    with serving() as server:
        server.files["/save/lm.ckpt"] = (Path(done.model) / "lm.ckpt").read_bytes()
        places = [f"model.parts.lm={server.url}/save/lm.ckpt", f"model.parts.tokenizer={Path(done.out) / 'before'}"]
        found = perplexity(system(toy, *places))
    assert found == min(one["perplexity"] for one in epochs_in(done.out))


def test_a_whole_folder_is_trained_on(toy, trained):
    """It says itself how it is built, and its own language model is where the training begins."""
    done, _ = trained
    recipe = Path(toy).with_name("on.toml")
    recipe.write_text(Path(toy).read_text().replace('hyperparams = "lm.yaml"\n', ""))
    found = perplexity(system(str(recipe), f"model.pretrained={done.model}"))
    assert found == min(one["perplexity"] for one in epochs_in(done.out))


def test_weights_of_something_else_are_refused(toy):
    """Chance would take their place."""
    with pytest.raises(RecognizerError, match=r"weights of .*lm\.yaml are in none of its files"):
        system(toy, f"model.parts.lm={Path(toy).parent}/acoustic/asr.ckpt")


def test_a_text_with_other_letters_is_refused(toy, tmp_path):
    """Before anything is begun, with the line."""
    (tmp_path / "other.txt").write_text("abc\nabd\n")
    with pytest.raises(ManifestError, match="'d' in the text is no label") as caught:
        train(toy, out=tmp_path / "out", overrides=[f"data.train.text={tmp_path}/other.txt"])
    assert caught.value.line == 2
    assert not (tmp_path / "out" / "training.json").exists()


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("output_neurons: 6", "output_neurons: 5", "has 5 outputs, and there are 6 tokens"),
        ("bos_id: 4", "bos: 4", "does not say with which tokens a text begins"),
        ("        lm: !ref <lm_model>\n", "", "loads no lm"),
        ("        asr: !ref <acoustic[asr]>\n", "", "do not fit each other"),
    ],
)
def test_a_language_model_that_does_not_fit_is_refused(toy, tmp_path, was, becomes, problem):
    """Before anything is begun."""
    folder = Path(toy).parent
    document = (folder / "lm.yaml").read_text()
    assert was in document
    (folder / "wrong.yaml").write_text(document.replace(was, becomes))
    with pytest.raises(UsageError, match=problem):
        system(toy, "model.hyperparams=wrong.yaml")


def test_a_system_of_other_sizes_is_refused_with_both(toy):
    """The weights of what hears are not those of the document."""
    folder = Path(toy).parent
    (folder / "wider.yaml").write_text((folder / "toy.yaml").read_text().replace("n_neurons: 4", "n_neurons: 5"))
    (folder / "wrong.yaml").write_text((folder / "lm.yaml").read_text().replace("toy.yaml", "wider.yaml"))
    with pytest.raises(UsageError, match="do not fit each other") as caught:
        system(toy, "model.hyperparams=wrong.yaml")
    assert "size mismatch for 1.w.weight" in caught.value.cause
    assert "[4, 32]" in caught.value.cause


def test_a_part_that_there_is_not(toy):
    """Those that there are, are told."""
    with pytest.raises(UsageError, match="has no part normaliser") as caught:
        system(toy, "model.parts.normaliser=x.ckpt")
    assert "asr" in caught.value.cause


def test_yaml_that_would_run_code_is_refused(toy, tmp_path):
    """As in a folder that is evaluated."""
    folder = Path(toy).parent
    (folder / "evil.yaml").write_text((folder / "lm.yaml").read_text() + f"evil: !apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(UsageError, match="not on the list"):
        system(toy, "model.hyperparams=evil.yaml")
    assert not (tmp_path / "made").exists()
