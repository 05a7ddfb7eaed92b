"""Which files hold which split, by names and by a README."""

from __future__ import annotations

import pytest

from earmark.errors import UnknownNameError, UsageError
from earmark.sources.hub_layout import layout


def head(configs: str) -> str:
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# A set\n"


@pytest.mark.parametrize(
    ("path", "config", "split"),
    [
        ("data/test-00000-of-00001.parquet", "default", "test"),
        ("data/test-00000-of-00001-0a1b2c3d.parquet", "default", "test"),
        ("es_419/validation-00000-of-00001.parquet", "es_419", "validation"),
        ("es_419/test/0000.parquet", "es_419", "test"),
        ("test.parquet", "default", "test"),
        ("train_0001.parquet", "default", "train"),
        ("librispeech/test.clean-00000-of-00001.parquet", "librispeech", "test.clean"),
        ("testimony/0000.parquet", "default", "testimony"),
        ("anything.parquet", "default", "train"),
        ("a/b/dev-00000-of-00001.PARQUET", "a/b", "dev"),
    ],
)
def test_names_say_configuration_and_split(path, config, split):
    """The ways in which data sets of the hub are laid out."""
    assert layout([path, "README.md", "audio/x.wav"]).configs == {config: {split: (path,)}}


FILES = ["a/x-0.parquet", "a/x-1.parquet", "b/deep/y.parquet", "c/test.parquet", "c/train.parquet", "d/z.csv"]


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ("- config_name: a\n  data_files:\n  - {split: t, path: a/*}", {"a": {"t": tuple(FILES[:2])}}),
        ("- data_files: ./a/x-1.parquet", {"default": {"train": ("a/x-1.parquet",)}}),
        ("- data_files: [a/x-1.parquet, 'a/x-[0-9].parquet']", {"default": {"train": tuple(FILES[1::-1])}}),
        ("- data_files: {dev: ['a/x-?.parquet']}", {"default": {"dev": ("a/x-0.parquet", "a/x-1.parquet")}}),
        ("- {config_name: b, data_files: '**/y.parquet'}", {"b": {"train": ("b/deep/y.parquet",)}}),
        ("- {config_name: b, data_files: 'b/*.parquet'}", {}),
        ("- {config_name: c, data_dir: c}", {"c": {"test": ("c/test.parquet",), "train": ("c/train.parquet",)}}),
        ("- {config_name: c, data_dir: c, data_files: 'te*'}", {"c": {"train": ("c/test.parquet",)}}),
        ("- {config_name: d, data_files: 'd/*'}", {}),
        ("- {config_name: d, data_files: ['a/x-[!0].parquet', 7]}", {"d": {"train": ("a/x-1.parquet",)}}),
    ],
)  # fmt: skip
def test_a_readme_says_it_in_many_ways(configs, expected):
    """Patterns, lists, maps and folders; what is no Parquet is passed over."""
    assert layout(FILES, head(configs)).configs == expected


@pytest.mark.parametrize(
    "readme", ["# no head", "---\nlicense: mit\n---\n", "---\nconfigs: 7\n---\n", "---\n- a\n---\n"]
)
def test_a_readme_that_says_nothing_leaves_it_to_the_names(readme):
    """No head, or one without configurations."""
    assert layout(FILES, readme).configs == layout(FILES).configs


@pytest.mark.parametrize(
    "readme",
    [
        "---\n: [\n---\n",
        head("- data_files: '*a*b*c*d*e*f*g'"),
        head("- data_files: 'a/[z-a]'"),
        "---\n!!python/name:os.system x\n---\n",
    ],
)
def test_a_hostile_readme_is_refused(readme):
    """No YAML, a pattern that takes long to refuse, one that is none, and an object of Python's."""
    with pytest.raises(UsageError, match="README"):
        layout(FILES, readme)


def test_what_is_not_there_is_answered_with_what_is():
    """Near names first; the only one, or the default one, needs no word."""
    found = layout(["es_419/test/0.parquet", "es_419/train/0.parquet", "en_us/test/0.parquet"])
    with pytest.raises(UnknownNameError) as unknown:
        found.chosen("hf:a/b", "es-419", "test")
    assert (unknown.value.known, unknown.value.hint) == (["en_us", "es_419"], "did you mean es_419?")
    with pytest.raises(UnknownNameError, match="no split of hf:a/b/es_419 'tset'"):
        found.chosen("hf:a/b", "es_419", "tset")
    with pytest.raises(UsageError, match="more than one configuration") as which:
        found.chosen("hf:a/b", None, "test")
    assert which.value.hint == "hf:a/b/CONFIGURATION:SPLIT"
    with pytest.raises(UsageError, match="more than one split"):
        found.chosen("hf:a/b", "es_419", None)
    assert found.chosen("hf:a/b", "en_us", None) == ("en_us", "test", ("en_us/test/0.parquet",))
    named = layout(
        FILES, head("- {config_name: a, data_files: 'a/*'}\n- {config_name: b, data_files: 'b/**', default: true}")
    )
    assert named.chosen("hf:a/b", None, None) == ("b", "train", ("b/deep/y.parquet",))
