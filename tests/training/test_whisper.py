"""What a Whisper learns from a batch, and what of it is learnt."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("speechbrain")
pytest.importorskip("transformers")

from earmark.training.loading import PaddedBatch  # noqa: E402  # without torch there is none
from earmark.training.recipe import read_recipe  # noqa: E402
from earmark.training.weights import num_learnt  # noqa: E402

WORDS = ("low", "low high")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    from tests.training.whisper_toys import RECIPE, write_model

    folder = tmp_path_factory.mktemp("toy")
    write_model(folder / "model")
    (folder / "toy.toml").write_text(RECIPE.format(folder=folder))
    return folder / "toy.toml"


def system_of(toy, *overrides):
    from earmark.training.whisper import WhisperSystem

    return WhisperSystem(read_recipe(str(toy), overrides).recipe, torch.device("cpu"))


@pytest.fixture(scope="module")
def system(toy):
    return system_of(toy)


def batch_of(system, words, lengths_s, weights):
    """Noise that is called so."""
    chance = np.random.default_rng(0)
    longest = round(16_000 * max(lengths_s))
    samples = [0.1 * chance.standard_normal(round(16_000 * one)).astype(np.float32) for one in lengths_s]
    labels = [system.spelling(word, one) for word, one in zip(words, lengths_s, strict=True)]
    most = max(map(len, labels))
    return PaddedBatch(
        ids=tuple(words),
        samples=torch.from_numpy(np.stack([np.pad(one, (0, longest - len(one))) for one in samples])),
        lengths=torch.tensor([one / max(lengths_s) for one in lengths_s]),
        labels=torch.tensor([[*one, *[0] * (most - len(one))] for one in labels]),
        label_lengths=torch.tensor(list(map(len, labels))),
        weights=torch.tensor(weights),
    )


def row_of(batch, row):
    """That row alone, without its padding."""
    length, number = round(float(batch.lengths[row]) * batch.samples.shape[1]), int(batch.label_lengths[row])
    return PaddedBatch(
        ids=batch.ids[row : row + 1],
        samples=batch.samples[row : row + 1, :length],
        lengths=torch.ones(1),
        labels=batch.labels[row : row + 1, :number],
        label_lengths=batch.label_lengths[row : row + 1],
        weights=torch.ones(1),
    )


def loss_of(brain, batch):
    return brain.compute_objectives(brain.compute_forward(batch, None), batch, None).item()


def test_the_loss_of_a_batch_is_that_of_its_rows_by_their_weights(system):
    """Neither what is padded counts, nor what a row meets there."""
    brain = system.brain(torch.device("cpu"))
    batch = batch_of(system, WORDS, (0.3, 0.8), (0.25, 0.75))
    alone = [loss_of(brain, row_of(batch, row)) for row in range(2)]
    assert loss_of(brain, batch) == pytest.approx(0.25 * alone[0] + 0.75 * alone[1], rel=1e-5)
    assert alone[0] != pytest.approx(alone[1], rel=1e-3)


@pytest.mark.parametrize("overrides", [(), ("precision=bfloat16",)], ids=["float32", "bfloat16"])
def test_what_it_hears_is_made_in_full_precision(toy, overrides):
    """The steps may be in bfloat16; an evaluation makes the same features, and the weights stay in float32."""
    system = system_of(toy, *overrides)
    brain = system.brain(torch.device("cpu"))
    brain.on_fit_start()
    heard = []
    brain.features = lambda batch, made=brain.features: heard.append(made(batch)) or heard[-1]
    batch = batch_of(system, WORDS, [0.2, 0.5], [0.5, 0.5])
    assert torch.isfinite(brain.fit_batch(batch))
    assert heard[0]["input_features"].dtype == torch.float32
    assert {one.dtype for one in system.modules["whisper"].parameters()} == {torch.float32}


def test_it_is_taught_to_begin_as_its_generation_begins(system):
    """Start, language, task and no timestamps: those that Transformers gives the decoder first."""
    given = []
    decoder = system.modules["whisper"].model.decoder
    hook = decoder.register_forward_pre_hook(lambda _, __, named: given.append(named["input_ids"]), with_kwargs=True)
    try:
        system.hypotheses(batch_of(system, ("low",), (0.3,), (1.0,)))
    finally:
        hook.remove()
    head = system.spelling.head
    assert given[0].tolist() == [list(head)]
    assert len(head) == 4
    assert system.spelling("low", 0.3) == (
        *head,
        *system.spelling.tokenizer(" low").input_ids[2:-1],
        system.spelling.end,
    )


def test_a_frozen_encoder_stays_and_the_rest_learns(toy):
    """By one step of its Brain."""
    system = system_of(toy, "model.freeze=encoder")
    model = system.modules["whisper"]
    before = {name: one.clone() for name, one in model.state_dict().items()}
    brain = system.brain(torch.device("cpu"))
    brain.on_fit_start()
    brain.step = 1
    brain.fit_batch(batch_of(system, WORDS, (0.3, 0.8), (0.5, 0.5)))
    changed = {name for name, one in model.state_dict().items() if not torch.equal(one, before[name])}
    assert changed
    assert not any(name.startswith("model.encoder.") for name in changed)
    assert "model.decoder.layers.0.fc1.weight" in changed
    assert num_learnt(system.modules) < sum(one.numel() for one in model.parameters())


def test_the_hash_is_of_the_weights_and_of_the_files(toy, system, tmp_path):
    """Another tokenizer is another model."""
    shutil.copytree(toy.parent / "model", tmp_path / "model")
    same = system_of(toy, f"model.pretrained={tmp_path / 'model'}")
    assert same.content_hash == system.content_hash
    path = tmp_path / "model" / "tokenizer.json"
    path.write_text(path.read_text() + " ")
    assert system_of(toy, f"model.pretrained={tmp_path / 'model'}").content_hash != same.content_hash


def test_what_is_frozen_and_what_it_is_told_is_in_the_identity(toy):
    """Each makes other weights."""
    own = read_recipe(str(toy)).recipe.identity()
    for one in ("model.freeze=encoder", "model.language=es", "model.task=translate"):
        assert read_recipe(str(toy), [one]).recipe.identity() != own
