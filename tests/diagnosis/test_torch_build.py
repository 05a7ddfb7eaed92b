"""A torch that is broken, silent or slow is a finding, never a crash, and takes no longer than its deadline."""

from __future__ import annotations

import pytest

from earmark.diagnosis.torch_build import torch_build


def python(folder, script: str) -> str:
    """A program that behaves as an interpreter with such a torch would."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_what_torch_says_of_itself_is_taken(tmp_path):
    """The last line counts: a library may have said something before."""
    facts = '{"version": "2.13.0", "cuda": "12.8", "hip": null, "complaint": "no driver"}'
    build = torch_build(python=python(tmp_path, f"echo hello\necho '{facts}'"))
    assert (build.version, build.made_for, build.complaint, build.fault) == ("2.13.0", "CUDA 12.8", "no driver", None)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("echo 'ImportError: libcudart.so.12' >&2\nexit 1", "it ended with 1: ImportError: libcudart.so.12"),
        ("kill -SEGV $$", "it ended with -11"),
        ("echo nonsense", "it ended with 0"),
        ("exec sleep 60", "it was not imported within 0.5 s"),
    ],
)
def test_a_torch_that_cannot_be_imported_is_a_finding(tmp_path, script, fault):
    """With the last thing that it said."""
    assert torch_build(python=python(tmp_path, script), deadline_s=0.5 if "sleep" in script else 30.0).fault == fault
