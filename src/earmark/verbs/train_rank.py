"""What each rank of a recipe's training does, wherever it was started: from its data to the model in the folder.

Rank 0 reads the data once, says which training the folder is of, and writes. Knows no engine and no signal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.errors import UsageError
from earmark.records import StopCheck
from earmark.store.folder import LocalFolder
from earmark.training.recipe import ReadRecipe
from earmark.training.systems import SAVED, UNITS
from earmark.verbs.train_folder import BEFORE, MODEL, check_shares, check_visible, claim, report
from earmark.verbs.training_events import RecipeBegan, TellRecipe

if TYPE_CHECKING:
    from earmark.training.fit import Fitted
    from earmark.training.lessons import Speech
    from earmark.training.ranks import Ranks
    from earmark.training.systems import TrainedSystem

_KEYS_OF_FLAGS = {
    "--audio-root ": "--set data.audio_root=", "--text-column ": "--set data.text_column=",
    "; --missing-audio fail runs the others": "", "; --missing-audio skip leaves them out": "",
}  # fmt: skip


def fitted_by(
    read: ReadRecipe, folder: LocalFolder, ranks: Ranks, stop: StopCheck, tell: TellRecipe
) -> tuple[Fitted, int]:
    """The training, as far as it came, and how many steps were made before."""
    from earmark.training.checkpoints import Checkpoints
    from earmark.training.fit import Fit
    from earmark.training.systems import system_of
    from earmark.training.weights import num_learnt

    system = system_of(read, ranks.device)
    speech: Speech = ranks.from_main(_speech(system) if ranks.is_main else None)
    check_visible(speech, ranks)
    check_shares(speech, ranks)
    if ranks.is_main:
        claim(folder, read, speech, system.content_hash)
        if not folder.folder(BEFORE).has(SAVED[read.recipe.kind].last_file):
            system.save(folder.folder(BEFORE))
    brain = system.brain(ranks.device)
    perplexity = system.tried(speech.valid, ranks).perplexity if UNITS[read.recipe.kind] == "tokens" else None
    fit = Fit(system, brain, speech, read.recipe, ranks, Checkpoints(folder, tell), tell)
    fit.restore()
    num_before = fit.step
    tell(
        RecipeBegan(
            out=folder.url, num_train=len(speech.train), train_size=float(speech.train.sizes.sum()),
            unit=UNITS[read.recipe.kind], perplexity=perplexity,
            num_valid=len(speech.valid), num_tests_learnt=_num_tests_learnt(read, speech),
            dropped=speech.train.dropped, device=str(ranks.device),
            num_ranks=ranks.num_ranks, num_parameters=num_learnt(system.modules), step=num_before,
        )
    )  # fmt: skip
    fitted = fit.run(stop)
    if ranks.is_main:
        report(folder, read, fitted, num_ranks=ranks.num_ranks, device=str(ranks.device))
        if fitted.is_ended:
            system.save(folder.folder(MODEL))
    return fitted, num_before


def _speech(system: TrainedSystem) -> Speech:
    """Raises what the system does, with the recipe's keys for the flags that other verbs have."""
    try:
        return system.speech()
    except UsageError as error:
        for flag, key in _KEYS_OF_FLAGS.items():
            error.hint = error.hint and error.hint.replace(flag, key)
        raise


def _num_tests_learnt(read: ReadRecipe, speech: Speech) -> int:
    """0 for a language model, which learns from texts."""
    from earmark.training.examples import Examples, num_learnt, part_of

    data = read.recipe.data
    return num_learnt(part_of(data, data.test), speech.train) if isinstance(speech.train, Examples) else 0
