"""A language model of three letters around the toys' speech: what hears is made by chance, and stays as it is."""

from __future__ import annotations

from pathlib import Path

from tests.training.speech_toys import write_toy

YAML = """
acoustic: !include:toy.yaml
lm_model: !new:speechbrain.lobes.models.RNNLM.RNNLM
    output_neurons: 6
    embedding_dim: 8
    dropout: 0.1
    rnn_class: !name:speechbrain.nnet.RNN.GRU
    rnn_layers: 1
    rnn_neurons: 12
    dnn_blocks: 1
    dnn_neurons: 8
    return_hidden: True
decoding_function: !name:earmark.recognizers.speechbrain.fusion.ctc_beam_search
    lm_scorer: !new:speechbrain.decoders.scorer.RNNLMScorer
        language_model: !ref <lm_model>
    lm_weight: 1.0
    beam_size: 4
    blank_id: 0
    bos_id: 4
    eos_id: 5
tokenizer: !ref <acoustic[tokenizer]>
modules:
    encoder: !ref <acoustic[encoder]>
    lm_model: !ref <lm_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        asr: !ref <acoustic[asr]>
        tokenizer: !ref <acoustic[tokenizer]>
        lm: !ref <lm_model>
"""
RECIPE = """kind = "lm"
epochs = 4
checkpoint_every_steps = 5

[data]
source = "{data}"

[data.train]
text = "{text}"

[model]
hyperparams = "lm.yaml"
pretrained = "{acoustic}"

[optimizer]
learning_rate = 0.02
warmup_steps = 5

[batching]
max_batch_tokens = 40
"""


def write_lm_toy(folder: Path) -> Path:
    """The recipe ``folder/lm.toml``, 60 texts of two words, three utterances, and a system from chance."""
    from earmark.store.folder import LocalFolder
    from earmark.training.ctc import CtcSystem
    from earmark.training.recipe import read_recipe

    CtcSystem(read_recipe(str(write_toy(folder)))).save(LocalFolder(folder / "acoustic"))
    (folder / "lm.yaml").write_text(YAML)
    (folder / "texts.txt").write_text("abc\ncab\ncab\n" * 20)
    rows = (folder / "data.jsonl").read_text().splitlines(keepends=True)
    (folder / "few.jsonl").write_text("".join(rows[:3]))
    places = {"data": folder / "few.jsonl", "text": folder / "texts.txt", "acoustic": folder / "acoustic"}
    (folder / "lm.toml").write_text(RECIPE.format(**places))
    return folder / "lm.toml"
