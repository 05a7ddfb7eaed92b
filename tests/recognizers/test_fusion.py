"""The search of a CTC encoder with a language model, beside all texts that there are."""

from __future__ import annotations

import itertools
import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("speechbrain")

from earmark.errors import RecognizerError  # noqa: E402  # without torch there is none

BLANK, BOS, EOS = 0, 3, 4


@pytest.fixture(scope="module", params=["recurrent", "transformer"])
def scorer(request):
    """A loud language model of two letters, beginning and end, that nobody trained."""
    from speechbrain.decoders.scorer import RNNLMScorer, TransformerLMScorer
    from speechbrain.lobes.models.RNNLM import RNNLM
    from speechbrain.lobes.models.transformer.TransformerLM import TransformerLM

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(1)
        if request.param == "transformer":
            lm = TransformerLM(5, d_model=8, nhead=2, num_encoder_layers=1, d_ffn=16)
            made = TransformerLMScorer(lm)
        else:
            lm = RNNLM(5, embedding_dim=4, rnn_layers=1, rnn_neurons=6, dnn_neurons=6, return_hidden=True)
            made = RNNLMScorer(lm)
    with torch.no_grad():
        for weight in lm.parameters():
            weight.mul_(3)
    return made


def searched(log_probs, lengths, scorer, *, lm_weight: float) -> list[list[int]]:
    from earmark.recognizers.speechbrain.fusion import ctc_beam_search

    with torch.inference_mode():
        return ctc_beam_search(
            log_probs, lengths, lm_scorer=scorer, lm_weight=lm_weight, beam_size=20, blank_id=BLANK, bos_id=BOS,
            eos_id=EOS,
        )  # fmt: skip


def best_of_all(log_probs, scorer, lm_weight: float) -> list[int]:
    """The likeliest of all texts of at most as many letters as there are frames, each looked at."""
    num_frames = len(log_probs)
    texts = [list(one) for length in range(num_frames + 1) for one in itertools.product((1, 2), repeat=length)]

    def score(text: list[int]) -> float:
        heard = -torch.nn.functional.ctc_loss(
            log_probs[:, None], torch.tensor([text or [1]]), torch.tensor([num_frames]), torch.tensor([len(text)]),
            BLANK, reduction="sum",
        )  # fmt: skip
        with torch.no_grad():
            found = scorer.lm(torch.tensor([[BOS, *text, EOS]]))
            said = (found[0] if isinstance(found, tuple) else found).log_softmax(dim=-1)[0]
        return float(heard + lm_weight * sum(said[place, one] for place, one in enumerate([*text, EOS])))

    return max(texts, key=score)


@pytest.mark.parametrize("lm_weight", [0.0, 0.7, 2.0])
def test_the_likeliest_text_of_all_is_found(scorer, lm_weight):
    """By the encoder, the language model, and the weight between them; in rows of other lengths as alone."""
    chance = torch.Generator().manual_seed(0)
    log_probs = (2 * torch.randn(6, 5, 3, generator=chance)).log_softmax(dim=-1)
    num_frames = [5, 4, 5, 3, 5, 4]
    found = searched(log_probs, torch.tensor(num_frames) / 5, scorer, lm_weight=lm_weight)
    wanted = [best_of_all(one[:number], scorer, lm_weight) for one, number in zip(log_probs, num_frames, strict=True)]
    assert found == wanted


def test_the_language_model_decides_where_two_letters_sound_alike(scorer):
    """And with no weight the encoder does, however little."""
    log_probs = torch.tensor([[[0.02, 0.50, 0.48]]]).log()
    assert searched(log_probs, torch.ones(1), scorer, lm_weight=0.0) == [[1]]
    likelier = best_of_all(log_probs[0], scorer, 50.0)
    assert likelier != [1]
    assert searched(log_probs, torch.ones(1), scorer, lm_weight=50.0) == [likelier]


def test_a_language_model_of_fewer_letters_is_refused(scorer):
    """Both numbers are told."""
    with pytest.raises(RecognizerError, match="has 5 outputs, which do not fit") as caught:
        searched(torch.zeros(1, 2, 6).log_softmax(dim=-1), torch.ones(1), scorer, lm_weight=1.0)
    assert "the encoder has 6 labels" in caught.value.cause
