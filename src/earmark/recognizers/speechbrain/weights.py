"""Files into the parts of a built model, each by its kind. Torch's pickles are read as weights only, always.

SpeechBrain fills in what it finds, and says what it misses in a log; a part of random numbers goes on. Here every
weight of the model must come from a file, and be a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError, first_line
from earmark.recognizers.on_torch import check_numbers

if TYPE_CHECKING:
    import torch

_LEARNED_BUFFERS = ("running_mean", "running_var")


def fill(parts: Mapping[str, Any], files: Mapping[str, Path], place: str) -> set[int]:
    """Load each of ``parts`` from its file; the identities of the tensors that were.

    Raises RecognizerError for a file that is not what the part needs, and for one that holds more than weights.
    """
    loaded: set[int] = set()
    for name, part in parts.items():
        try:
            loaded |= _fill(part, files[name])
        except (RuntimeError, OSError, ValueError, TypeError, KeyError, AttributeError, SyntaxError, EOFError) as error:
            raise _unfit(name, files[name], place, error) from error
        except UnpicklingError as error:
            raise RecognizerError(
                f"the {name} of {place} holds more than weights, or is no file of torch",
                cause=f"{files[name].name} is read as weights only, since a pickle can run any code",
                hint="torch.save(module.state_dict(), FILE) writes one that holds weights only",
            ) from error
    return loaded


def _unfit(name: str, file: Path, place: str, error: Exception) -> RecognizerError:
    first, *more = str(error).splitlines() or [""]
    cause = f"{first} {more[0].strip()}" if more and first.endswith(":") else first_line(error)  # torch's shapes
    return RecognizerError(f"the {name} of {place} cannot be loaded from {file.name}", cause=cause[:300])


def _fill(part: Any, file: Path) -> set[int]:  # noqa: ANN401  # SpeechBrain's
    import sentencepiece
    import torch
    from speechbrain.dataio.encoder import CategoricalEncoder
    from speechbrain.processing.features import InputNormalization

    if isinstance(part, sentencepiece.SentencePieceProcessor):
        part.load(str(file))
        return set()
    if isinstance(part, CategoricalEncoder):
        part.load(file)
        part.ignore_len()  # else it warns that nobody told it how many labels to expect
        return set()
    state = torch.load(file, map_location="cpu", weights_only=True)
    if isinstance(part, InputNormalization):
        part._load_statistics_dict(state)  # noqa: SLF001  # its own loader would read the file by torch's default
        return {id(one) for one in part.state_dict(keep_vars=True).values()}
    if not isinstance(part, torch.nn.Module):
        raise TypeError(f"{type(part).__name__} is nothing that weights are loaded into")
    return _fill_module(part, state)


def _fill_module(part: torch.nn.Module, state: Any) -> set[int]:  # noqa: ANN401  # read from a file
    from speechbrain.utils.checkpoints import hook_on_loading_state_dict_checkpoint

    if not isinstance(state, dict):
        raise TypeError("it holds no weights by name")
    missing = set(part.load_state_dict(hook_on_loading_state_dict_checkpoint(state), strict=False).missing_keys)
    return {id(one) for name, one in part.state_dict(keep_vars=True).items() if name not in missing}


def check_complete(modules: Mapping[str, Any], loaded: set[int], place: str) -> None:
    """Raise RecognizerError unless every weight was loaded, and is a number, and all statistics are there."""
    _check_statistics(modules, place)
    weights = list(_weights(modules))
    check_numbers(place, ((name, weight) for name, weight in weights if id(weight) in loaded))
    if missing := [name for name, weight in weights if id(weight) not in loaded]:
        raise RecognizerError(
            f"{len(missing)} weights of {place} are in none of its files",
            cause=f"the first is {missing[0]}; it would be made up at random",
        )


def _check_statistics(modules: Mapping[str, Any], place: str) -> None:
    """Those of a whole training set are no weights to torch, and without them no utterance can be heard."""
    import torch
    from speechbrain.processing.features import InputNormalization

    for name, module in modules.items():
        for inner in module.modules() if isinstance(module, torch.nn.Module) else ():
            if isinstance(inner, InputNormalization) and inner.norm_type == "global" and not inner.glob_mean.numel():
                raise RecognizerError(
                    f"the statistics of the normalizer in {name} of {place} are in none of its files",
                    cause="norm_type: global normalizes by what a recipe gathered while it trained",
                    hint="normalizer: !ref <...> among the loadables of its Pretrainer, and normalizer.ckpt beside it",
                )


def _weights(modules: Mapping[str, Any]) -> Iterable[tuple[str, torch.Tensor]]:
    """The learned tensors of all modules, by name."""
    import torch

    for name, module in modules.items():
        if isinstance(module, torch.nn.Module):
            learned: dict[str, torch.Tensor] = dict(module.named_parameters())
            learned |= {one: it for one, it in module.named_buffers() if one.endswith(_LEARNED_BUFFERS)}
            yield from ((f"{name}.{one}", it) for one, it in learned.items())
