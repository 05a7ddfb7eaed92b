"""Which files hold which split, by names and by a README."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark.errors import UnknownNameError, UsageError
from earmark.sources import hub_layout
from earmark.sources.hub_layout import layout, splits_by_names
from earmark.sources.hub_patterns import Patterns, is_hidden

NEEDS_DATASETS = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the package datasets is not installed"
)


def head(configs: str) -> str:
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# A set\n"


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["data/test-00000-of-00001.parquet"], {"test": [0]}),
        (["data/test-00000-of-00001-0a1b2c3d.parquet"], {"test": [0]}),
        (["data/test.clean-00000-of-00001.parquet", "es/test.parquet"], {"test.clean": [0]}),
        (["es_419/validation-00000-of-00001.parquet", "es_419/x.parquet"], {"validation": [0]}),
        (["a/foo_test/0.parquet", "a/foo_train/0.parquet", "b/x.parquet"], {"test": [0], "train": [1]}),
        (["clean/test/0.parquet", "other/test/0.parquet", "other/dev/0.parquet"], {"test": [0, 1], "validation": [2]}),
        (["train_0001.parquet", "my-eval 2.parquet"], {"train": [0], "test": [1]}),
        (["testimony/0000.txt.parquet", "anything.parquet"], {"train": [1, 0]}),
        (["a/b/dev-00000-of-00001.PARQUET"], {"validation": [0]}),
        ([".cache/test.parquet", "__old__/test.parquet", "x.parquet"], {"train": [2]}),
    ],
)  # fmt: skip
def test_names_say_the_splits(paths, splits):
    """The ways in which data sets of the hub are laid out: sets of shards, folders, files, and all in one."""
    expected = {split: tuple(paths[number] for number in numbers) for split, numbers in splits.items()}
    assert layout([*paths, "README.md", "audio/x.wav"]).configs == {"default": expected}


def test_a_folder_is_a_configuration_where_nothing_says_what_they_are():
    """As ``data_dir`` is: LibriSpeech's and Common Voice's languages by their folders, one of them or all of them."""
    paths = ["clean/test/0.parquet", "clean/train.100/0.parquet", "clean/train.360/0.parquet", "other/test/0.parquet"]
    found = layout(paths)
    assert found.chosen("d", None, "test") == ("default", "test", ("clean/test/0.parquet", "other/test/0.parquet"))
    assert found.chosen("d", "other", None) == ("other", "test", ("other/test/0.parquet",))
    assert found.chosen("d", "clean", "train")[2] == ("clean/train.100/0.parquet", "clean/train.360/0.parquet")
    with pytest.raises(UnknownNameError) as unknown:
        found.chosen("d", "claen", "test")
    assert unknown.value.near[0] == "clean"


def test_what_the_hub_converted_keeps_its_names():
    """Configurations and splits are folders there, whatever they are called; a part of a split is none."""
    paths = ["clean/train.100/0000.parquet", "clean/train.360/0000.parquet", "clean/train.360/0001.parquet"]
    assert layout([*paths, "clean/partial-test/0000.parquet"]).configs == {
        "clean": {"train.100": tuple(paths[:1]), "train.360": tuple(paths[1:])}
    }


NAMES = st.sampled_from(
    [
        "train",
        "training",
        "dev",
        "val",
        "validation",
        "test",
        "testing",
        "eval",
        "contest",
        "trains",
        "Test",
        "data",
        "clean",
        "0",
        "x-test",
        "test_x",
        "my.train.2",
        "test9",
        "train-00000-of-00002",
        "odd-00001-of-00002",
    ]
)


@contextlib.contextmanager
def on_disk(paths):
    """A folder with empty files of these names."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).touch()
        yield folder


@NEEDS_DATASETS
@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6, unique=True))
def test_the_splits_are_those_of_the_package_datasets(names):
    """Any tree of such names, against what ``datasets`` itself finds on a disk."""
    from datasets.data_files import DataFilesDict, get_data_patterns

    paths = [f"{name}.parquet" for name in names]
    with on_disk(paths) as folder:
        theirs = DataFilesDict.from_patterns(get_data_patterns(folder), base_path=folder)
        expected = {str(split): {str(Path(one).relative_to(folder)) for one in some} for split, some in theirs.items()}
    assert {split: set(some) for split, some in splits_by_names(sorted(paths)).items()} == expected


FOLDERS = st.sampled_from(["data", "train", "train_old", "a.b", "__h", "__g", ".d"])
TREES = st.lists(
    st.tuples(
        st.lists(FOLDERS, max_size=3).map("/".join),
        st.sampled_from(["train.parquet", "test-0.parquet", "x.parquet", ".y.parquet", "__f.parquet", "[z].parquet"]),
    ).map(lambda pair: "/".join(pair).strip("/")),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip
PARTS = ["*", "**", "train", "train*", "data", "[a-d]*", "[!a]*", "__h", "__*", ".d", ".*", "*.parquet", "?*", "a.b"]
PATTERNS = st.lists(
    st.sampled_from([*PARTS, "[[]z].parquet", "[]a]*", "x.parquet", ".y.parquet"]), min_size=1, max_size=4
).map("/".join)


@NEEDS_DATASETS
@settings(max_examples=150, deadline=None)
@given(TREES, st.lists(PATTERNS, min_size=1, max_size=6))
@example(["train/0.parquet", "train.parquet", "train_old.parquet"], ["train*/**"])
@example(["__h/x.parquet", "__h/.y.parquet"], ["__h/*.parquet", "__h/.*", "**"])
def test_patterns_are_those_of_the_package_datasets(paths, patterns):
    """Any pattern over any tree, hidden names among both, against what ``datasets`` finds on a disk."""
    from datasets.data_files import resolve_pattern

    found = Patterns(sorted(paths))
    with on_disk(paths) as folder:
        for pattern in patterns:
            try:
                theirs = sorted(str(Path(one).relative_to(folder)) for one in resolve_pattern(pattern, folder))
            except FileNotFoundError:
                theirs = []
            assert found.matching(pattern) == theirs, pattern


DATA_FILES = st.one_of(
    PATTERNS,
    st.lists(PATTERNS, min_size=1, max_size=2),
    st.lists(
        st.fixed_dictionaries({"split": st.sampled_from(["train", "test", "a.b"]), "path": PATTERNS}),
        min_size=1, max_size=2, unique_by=lambda one: one["split"],
    ),
)  # fmt: skip
CONFIGS = st.lists(
    st.fixed_dictionaries(
        {"config_name": st.sampled_from(["a", "b", "default"])},
        optional={"data_dir": st.sampled_from(["data", "./train/", "__h", "data/a.b"]), "data_files": DATA_FILES},
    ),
    min_size=1, max_size=3, unique_by=lambda one: one["config_name"],
)  # fmt: skip


def splits_of_datasets(folder, config):
    """The files of a configuration, as the package ``datasets`` looks for them; None where it misses one."""
    from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns, sanitize_patterns

    base = str(Path(folder, config.get("data_dir") or ""))
    files = config.get("data_files")
    try:
        patterns = sanitize_patterns(files) if files is not None else get_data_patterns(base)
        found = DataFilesDict.from_patterns(patterns, base_path=base)
    except EmptyDatasetError:
        return {}
    except FileNotFoundError:
        return None
    return {
        str(split): {str(Path(one).relative_to(folder)) for one in some} for split, some in found.items() if len(some)
    }


@NEEDS_DATASETS
@settings(max_examples=80, deadline=None)
@given(TREES, CONFIGS, st.sampled_from(["configs", '"configs"', "'configs' "]), st.sampled_from([None, False, True]))
@example(["data/x.parquet"], [{"config_name": "a", "data_dir": "data"}], '"configs"', None)
@example(["data/x.parquet"], [{"config_name": "a", "data_dir": "data"}], "configs", True)
@example(["data/x.parquet"], [{"config_name": "a"}], "configs", False)
def test_a_readme_is_read_as_by_the_package_datasets(paths, configs, key, flow):
    """Any list of configurations, however its YAML is written, against what ``datasets`` makes of that README."""
    import yaml
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    lines = yaml.safe_dump(configs, default_flow_style=flow, width=20, sort_keys=False)
    lines = f" [\n{lines.strip().removeprefix('[')}".removesuffix("]") + "\n]\n" if flow else f"\n{lines}"
    readme = f"---\nlicense: mit\n{key}:{lines}tags: [a]\n---\n"
    ours = layout(paths, readme).configs
    declared = MetadataConfigs.from_dataset_card_data(DatasetCard(readme).data)
    assert set(ours) <= set(declared)
    with on_disk(paths) as folder:
        for name, config in declared.items():
            theirs = splits_of_datasets(folder, config)
            if theirs is not None:  # a name without wild cards that is not there is an error of theirs
                assert {split: set(some) for split, some in ours.get(name, {}).items()} == theirs


def test_many_patterns_over_hidden_files_end(monkeypatch):
    """Each path that a pattern is held against is a step, whether or not it is hidden."""
    monkeypatch.setattr("earmark.sources.hub_patterns.MOST_STEPS", 100_000)
    files = [f".h/{number}.parquet" for number in range(2000)]
    with pytest.raises(UsageError) as refused:
        layout(files, head("- data_files:\n" + "  - '*'\n" * 200))
    assert "too long" in str(refused.value.cause)


def test_many_configurations_of_one_folder_are_looked_for_once(monkeypatch):
    """What a small README makes of many files costs no more than the files."""
    looked = []
    real = hub_layout.splits_by_names
    monkeypatch.setattr(
        hub_layout, "splits_by_names", lambda files, below="": looked.append(below) or real(files, below)
    )
    found = layout(FILES, head("\n".join(f"- {{config_name: c{number}, data_dir: a}}" for number in range(100))))
    assert (len(found.configs), looked) == (100, ["a"])


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
        ("- {config_name: e, drop_labels: true}", {"e": layout(FILES).configs["default"]}),
        ("- {config_name: e, data_dir: ., data_files: 'b/**'}", {"e": {"train": ("b/deep/y.parquet",)}}),
        ("- {config_name: e, data_files: ['a/x-0*', 'c/te*']}", {"e": {"train": ("a/x-0.parquet", "c/test.parquet")}}),
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
    ("readme", "problem"),
    [
        (head("  : ["), "no YAML"),
        (head("- data_files: 'a/[z-a]'"), "no range"),
        (head("- data_files: 'a/x**'"), "whole folders"),
        (head("- data_dir: 'a*'"), "no folder"),
        (head(f"- data_files: '{'*a' * 300}'"), "600 characters"),
        (head("- data_files: [x, [y]]"), "no text"),
        (head("- {config_name: a, data_dir: &a c}\n- {config_name: b, data_dir: *a}"), "alias"),
        (head("- &a {config_name: a, data_files: [{<<: *a}]}"), "alias"),
        (head("- data_files:\n  - {split: t, path: a/*}\n  - {split: t, path: b/*}"), "stands twice"),
        (head("- data_files:\n  - {path: a/*}"), "no 'split'"),
        (head("- data_files: [[]"), "no YAML"),
        (head("- data_files: " + "[" * 1000), "1,000 brackets within each other"),
        (head("- data_files: [" + "[]," * 60_000 + "]"), "180,002 brackets and commas"),
        (head("- " * 50_000), "no YAML"),
        (head("- data_files: x\n" * 40_000), "characters"),
    ],
)  # fmt: skip
def test_a_readme_that_cannot_be_followed_is_refused(readme, problem):
    """What is no YAML or no pattern, what grows, and what would lose or double rows: nothing is passed over."""
    with pytest.raises(UsageError, match="README") as refused:
        layout(FILES, readme)
    assert problem in str(refused.value.cause)


def test_what_else_the_head_says_is_not_looked_at():
    """An alias, or an object of Python's, beside the configurations is nobody's business."""
    readme = "---\nx: &a [1]\ny: *a\nz: !!python/name:os.system x\nconfigs:\n- {data_files: a/*}\nlicense: mit\n---\n"
    assert layout(FILES, readme).configs == {"default": {"train": tuple(FILES[:2])}}


def test_patterns_that_take_long_are_given_up(monkeypatch):
    """Stars that nearly fit, in many patterns and many names, end after a fixed number of steps."""
    monkeypatch.setattr("earmark.sources.hub_patterns.MOST_STEPS", 100_000)
    files = [f"{'a' * 90}{number}.parquet" for number in range(2000)]
    pattern = "'*a*a*a*a*a*a*a*a*b'"
    with pytest.raises(UsageError) as refused:
        layout(files, head(f"- data_files: [{', '.join([pattern] * 200)}]"))
    assert "too long" in str(refused.value.cause)


@given(st.text("ab*?[!-]/.", max_size=12), st.text("ab-/.", min_size=1, max_size=12))
def test_patterns_mean_what_they_mean_to_a_shell(pattern, path):
    """Against fnmatch, folder by folder, for patterns that are some."""
    try:
        found = Patterns([path]).matching(pattern)
    except UsageError:
        return
    if "**" in pattern or is_hidden(path):
        return
    wanted, parts = pattern.split("/"), path.split("/")
    fits = len(wanted) == len(parts) and all(fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True))
    assert bool(found) == fits


def test_what_is_not_there_is_answered_with_what_is():
    """Near names first; the only one, or the default one, needs no word; every hint can be typed."""
    paths = ["es_419/test/0000.parquet", "es_419/train/0000.parquet", "en_us/test/0000.parquet"]
    found = layout(paths)
    with pytest.raises(UnknownNameError) as unknown:
        found.chosen("hf:a/b", "es-419", "test")
    assert (unknown.value.known, unknown.value.hint) == (["en_us", "es_419"], "did you mean es_419?")
    with pytest.raises(UnknownNameError, match="no split of hf:a/b/es_419 'tset'"):
        found.chosen("hf:a/b", "es_419", "tset")
    with pytest.raises(UsageError, match="more than one configuration") as which:
        found.chosen("hf:a/b", None, "test")
    assert which.value.hint == "hf:a/b/en_us:test"
    with pytest.raises(UsageError, match="more than one split") as which:
        found.chosen("hf:a/b", "es_419", None)
    assert which.value.hint == "hf:a/b/es_419:test"
    assert found.chosen("hf:a/b", "en_us", None) == ("en_us", "test", (paths[2],))
    named = layout(
        FILES, head("- {config_name: a, data_files: 'a/*'}\n- {config_name: b, data_files: 'b/**', default: true}")
    )
    assert named.chosen("hf:a/b", None, None) == ("b", "train", ("b/deep/y.parquet",))
