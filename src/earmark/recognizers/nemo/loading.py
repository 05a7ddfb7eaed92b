"""An archive into memory: unpacked beside, its weights read without running anything, every weight looked at.

NeMo reads weights with torch's default, which an environment variable can turn into running any pickle, so they are
read here, with ``weights_only``.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError
from earmark.fetching.archive import unpack
from earmark.recognizers.nemo.archive import TIMES_MODEL, Archive
from earmark.recognizers.nemo.endings import Endings, watched
from earmark.recognizers.nemo.family import Family
from earmark.recognizers.nemo.offline import offline
from earmark.recognizers.nemo.quiet import quiet, quietly_imported
from earmark.recognizers.nemo.settings import Resolved
from earmark.recognizers.on_torch import DAMAGED_HINT, check_numbers, prepared_device

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked. ``endings`` are those of its texts, where its search has a limit of tokens."""

    family: Family
    resolved: Resolved
    model: Any
    device: torch.device
    endings: Endings | None


def load(archive: Archive, family: Family, resolved: Resolved) -> Loaded:
    """Load the model as the settings say.

    Raises RecognizerError for a device that is not there, weights that are missing or no numbers, and whatever else
    NeMo finds wrong.
    """
    import torch

    settings = resolved.settings
    device = prepared_device(settings.device, settings.gpu_memory_limit)
    with offline(), quiet():
        asr = quietly_imported()
        try:
            model = _restored(asr, archive, family, device)
            check_numbers(archive.place, model.state_dict().items())
            model = model.to(getattr(torch, settings.dtype)).eval()
            _set_decoding(model, family, resolved)
        except _refusals() as error:
            raise _cannot_load(archive, error) from error
    return Loaded(family, resolved, model, device, watched(model) if family.kind == "multitask" else None)


def _refusals() -> tuple[type[Exception], ...]:
    """What NeMo, and what it builds and reads with, raise of a model that they cannot load; NeMo also asserts."""
    from pickle import UnpicklingError

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    of_language = (OSError, ValueError, ImportError, RuntimeError, TypeError, LookupError, AttributeError, EOFError)
    return *of_language, AssertionError, UnpicklingError, HydraException, OmegaConfBaseException


def _cannot_load(archive: Archive, error: Exception) -> RecognizerError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return RecognizerError(f"NeMo cannot load {archive.place}", cause=lines[0], hint=DAMAGED_HINT)


def _restored(asr: Any, archive: Archive, family: Family, device: torch.device) -> Any:  # noqa: ANN401  # NeMo's
    import torch
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    class Connector(SaveRestoreConnector):  # type: ignore[misc]  # NeMo has no types
        """NeMo's own, but for how weights are read."""

        @staticmethod
        def _load_state_dict_from_disk(model_weights: str, map_location: Any = "cpu") -> Any:  # noqa: ANN401  # NeMo's
            return torch.load(model_weights, map_location=map_location, weights_only=True)

    with tempfile.TemporaryDirectory(prefix="earmark-nemo-") as folder:
        unpack(archive.path, Path(folder))
        for name in TIMES_MODEL:  # NeMo would load it too, and not as it is done here
            (Path(folder) / name).unlink(missing_ok=True)
        connector = Connector()
        connector.model_extracted_dir = folder
        return getattr(asr.models, family.class_name).restore_from(
            str(archive.path), map_location=device, strict=True, save_restore_connector=connector
        )


def _set_decoding(model: Any, family: Family, resolved: Resolved) -> None:  # noqa: ANN401  # NeMo's
    """The decoder of a hybrid, and whether words get times and confidences."""
    from omegaconf import open_dict

    if family.kind == "multitask":
        _check_prompt(model.prompt, resolved)
        return
    is_branch = resolved.settings.decoder == "ctc"
    decoding = (model.cfg.aux_ctc if is_branch else model.cfg).decoding.copy()
    with open_dict(decoding):
        decoding.compute_timestamps = resolved.settings.words
        decoding.confidence_cfg = {"preserve_token_confidence": resolved.settings.words}
        if resolved.settings.words:
            decoding.preserve_alignments = None
    kind = {"decoder_type": resolved.settings.decoder} if family.kind == "hybrid" else {}
    model.change_decoding_strategy(decoding, verbose=False, **kind)


def _check_prompt(prompt: Any, resolved: Resolved) -> None:  # noqa: ANN401  # NeMo's
    """Raise what NeMo raises for a language or a task that the model has no token for: now, and not at each batch."""
    default = [turn["slots"] for turn in prompt.get_default_dialog_slots() if turn["role"] == "user"]
    prompt.encode_dialog(turns=[{"role": "user", "slots": {**(default[0] if default else {}), **resolved.prompt()}}])
