"""What a pretrained folder says: read without running anything of it, and refused where it wants what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from earmark.errors import FolderError, UsageError
from earmark.recognizers.speechbrain import allowed
from earmark.recognizers.speechbrain.building import Builder
from earmark.recognizers.speechbrain.document import Wanted, all_wanted, read_document
from earmark.recognizers.speechbrain.parts import parts_of
from earmark.recognizers.speechbrain.pretrained import read_pretrained

pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is not installed: pip install 'earmark[speechbrain]'")


@pytest.fixture
def read(tmp_path):
    """Reads a text as the document of a model."""

    def reading(text: str, **others: str) -> dict[str, Any]:
        for name, other in others.items():
            (tmp_path / f"{name}.yaml").write_text(other)
        path = tmp_path / "hyperparams.yaml"
        path.write_text(text)
        return read_document(path, "model").tree

    return reading


# What it says


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 3", 3),
        ("a: 1e-4", 1e-4),
        ("a: yes", "yes"),
        ("a: True", True),
        ("a:", None),
        ("a: '(3, 4)'", "(3, 4)"),
        ("a: (3, 4.5, x)", (3, 4.5, "x")),
        ("b: 3\na: !ref <b>", 3),
        ("b: 3\na: !ref <b> * 2 + 1", 7),
        ("b: 3\na: !ref <b>/x", "3/x"),
        ("b: 3\na: !ref (<b>, 4)", "(3, 4)"),
        ("b: {c: {d: 5}}\na: !ref <b[c][d]>", 5),
        ("c: !ref <b>\nb: 7\na: !ref <c>", 7),
        ("b: x\nc: !ref <b>y\na: !ref <c>/<b>", "xy/x"),
        ("b:\n  c: 1\n  d: !ref <b[c]>\na: !ref <b[d]>", 1),
        ("b: -2\na: !ref <b> * 2", "-2 * 2"),
        ("b: 2\na: !ref -<b>", "-2"),
    ],
)
def test_values_are_those_of_hyperpyyaml(read, text, value):
    """References, sums, texts, tuples, and plain values of YAML 1.2."""
    pytest.importorskip("hyperpyyaml")
    from hyperpyyaml import load_hyperpyyaml

    found = read(text)["a"]
    assert found == load_hyperpyyaml(text)["a"]
    assert type(found) is type(load_hyperpyyaml(text)["a"])
    assert found == value


def test_two_references_are_one_thing_and_a_copy_is_another(read):
    """A layer that two parts share is trained, and loaded, once."""
    found = read("a: !new:torch.nn.Linear [3, 4]\nb: [!ref <a>]\nc: !ref <a>\nd: !copy <a>")
    assert found["b"][0] is found["a"] is found["c"]
    assert found["d"] is not found["a"]
    assert (found["d"].name, found["d"].args) == ("torch.nn.Linear", [3, 4])


def test_what_is_wanted_has_its_name_arguments_and_line(read):
    """Nothing is imported for it."""
    found = read("a: 1\nb: !new:no.such.Class\n    c: !name:no.such.function\n    d: !ref <a>\ne: !ref <b.size>")
    assert [(one.kind, one.name, one.line) for one in all_wanted(found)] == [
        ("new", "no.such.Class", 2),
        ("name", "no.such.function", 3),
        ("attribute", "size", 5),
    ]
    assert found["b"].kwargs["d"] == 1
    assert found["e"].args == [found["b"]]


def test_a_document_of_its_own_folder_may_be_included(read):
    """With what it is given in place of what it says, and its own references."""
    found = read("b: 5\na: !include:other.yaml\n    x: !ref <b>\nc: !ref <a[y]>", other="x: 1\ny: !ref <x> + 1")
    assert found["a"] == {"x": 5, "y": 6}
    assert found["c"] == 6


def test_all_files_that_were_read_are_told(tmp_path):
    """Also those that an included one includes, by their paths in the folder: what counts is hashed."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "hyperparams.yaml").write_text("a: !include:deep/a.yml\n")
    (tmp_path / "deep" / "a.yml").write_text("b: !include:./b.yaml\n")
    (tmp_path / "deep" / "b.yaml").write_text("c: 1\n")
    found = read_document(tmp_path / "hyperparams.yaml", "model")
    assert found.tree == {"a": {"b": {"c": 1}}}
    assert found.files == ("deep/a.yml", "deep/b.yaml", "hyperparams.yaml")


# What is wrong with it


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [touch pwned]", "can run any code"),
        ("a: !!python/name:os.system", "can run any code"),
        ("%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [x]", "can run any code"),
        ("a: !!binary aGk=", "can run any code"),
        ("a: (!!python/object/apply:os.system ['x'],)", "plain values only"),
        ("a: !include:/etc/passwd", "not in its folder"),
        ("a: !include:../x.yaml", "not in its folder"),
        ("a: !include:%00", "not in its folder"),
        ("a: !include:hyperparams.yaml", "includes itself"),
        ("a: !include:weights.ckpt", "no .yaml or .yml"),
        ("a: !new:os.%1B[2J", r"'!new:os.\x1b[2J'"),
        ("a: &x [*x]", "refers to itself"),
        ("a: !ref <b>\nb: !ref <a>", "refers to itself"),
        ("a: !ref <nothing>", "nothing"),
        ("a: {b: 1}\nc: !ref <a[d]>", "a[d]"),
        ("a: !PLACEHOLDER", "left to be filled in"),
        ("a: [1", "no YAML"),
        ("a: 1\na: 2", "twice"),
        ("- 1", "no keys and values"),
        ("", "no keys and values"),
        ("? [a, b]\n: 1", "a plain word"),
        ("a: {<<: {b: 1}}", "a plain word"),
        ("a: !new:torch.nn.Linear 5", "keys and values, or a list"),
        ("a: " + "[" * 400 + "]" * 400, "nested too deeply"),
        ("a: " + "x" * 2**21, "too large"),
        ("\n".join(["a0: [x]", *(f"a{n + 1}: [!copy <a{n}>, !copy <a{n}>]" for n in range(40))]), "without end"),
        ("\n".join(["a0: xx", *(f"a{n + 1}: !ref <a{n}><a{n}>" for n in range(40))]), "without end"),
    ],
    ids=lambda one: one[:40].replace("\n", " "),
)
def test_a_hostile_or_broken_document_is_refused(read, tmp_path, monkeypatch, text, problem):
    """With the line where there is one; nothing ran, nothing outside was read, and memory stayed small."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FolderError) as refused:
        read(text)
    assert problem in f"{refused.value.what} {refused.value.cause}"
    assert not (tmp_path / "pwned").exists()


def test_a_billion_laughs_are_one(read):
    """Aliases are one value, never written out."""
    lines = ["a0: &a0 [lol]", *(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}]" for n in range(40))]
    found = read("\n".join(lines))
    assert found["a40"][0] is found["a40"][3]


@pytest.mark.parametrize("text", ["9**9**9", "((((2**64)**64)**64)**64)**64", "'x' * 9999999999", "__import__('os')"])
def test_a_sum_that_is_none_stays_a_text(read, text):
    """Nothing is called, and no number fills the memory."""
    assert read(f'b: ""\na: !ref "{text}<b>"')["a"] == text


# What it may build


def wanted(kind: Any, name: str, **arguments: Any) -> Wanted:
    return Wanted(kind, name, 7, "hyperparams.yaml", [], arguments)


@pytest.mark.parametrize(
    "one",
    [
        wanted("apply", "os.system"),
        wanted("new", "subprocess.Popen"),
        wanted("name", "builtins.eval"),
        wanted("module", "os"),
        wanted("apply", "speechbrain.utils.fetching.fetch"),
        wanted("new", "speechbrain.nnet.RNN.torch.hub.load"),
        wanted("name", "speechbrain.lobes.models.beats.BEATs"),
        wanted("new", "speechbrain.decoders.scorer.KenLMScorer"),
        wanted("new", "speechbrain.processing.features.GlobalNorm"),
        wanted("apply", "torch.load"),
        wanted("apply", "torch.nn.Linear"),
        wanted("new", "torch.manual_seed"),
        wanted("attribute", "__globals__"),
        wanted("attribute", "a.b"),
        wanted("new", "speechbrain.integrations.huggingface.whisper.Whisper"),
        wanted("new", "speechbrain.integrations.huggingface.wav2vec2.Wav2Vec2", source="a/b", trust_remote_code=True),
        wanted("name", "speechbrain.integrations.huggingface.whisper.Whisper", source="a/b"),
    ],
    ids=lambda one: f"{one.kind} {one.name}",
)
def test_what_is_not_on_the_list_is_refused_by_name_and_line(one):
    """And only the user's trust builds it."""
    with pytest.raises(UsageError, match="not on the list") as refused:
        allowed.check_allowed([one], "model")
    assert one.name in refused.value.what
    assert "hyperparams.yaml, line 7" in str(refused.value.cause)
    assert "--trust" in str(refused.value.hint)


PIECES = "sentencepiece.SentencePieceProcessor"
LETTERS = "speechbrain.decoders.ctc.CTCBeamSearcher"


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (wanted("new", PIECES, model_file="x.model"), "model_file"),
        (wanted("new", PIECES, model_proto="x"), "model_proto"),
        (Wanted("new", PIECES, 7, "hyperparams.yaml", ["x.model"]), "model_file"),
        (wanted("name", PIECES), "not on the list"),
        (wanted("name", LETTERS, kenlm_model_path="lm.arpa"), "kenlm_model_path"),
        (wanted("new", "speechbrain.decoders.CTCPrefixBeamSearcher", kenlm_model_path="lm.arpa"), "kenlm_model_path"),
        (Wanted("name", LETTERS, 7, "hyperparams.yaml", [0, ["a"], " ", "lm.arpa"]), "kenlm_model_path"),
        (wanted("name", allowed.PRETRAINER), "not on the list"),
    ],
    ids=str,
)
def test_an_argument_that_opens_a_file_is_refused(one, problem):
    """It would be one of the working directory, which is in no identity."""
    with pytest.raises(UsageError, match=problem) as refused:
        allowed.check_allowed([one], "model")
    assert "hyperparams.yaml, line 7" in str(refused.value.cause)


def test_the_same_classes_without_such_an_argument_are_allowed():
    """As published models have them, with the argument left empty or out."""
    allowed.check_allowed(
        [
            wanted("new", PIECES),
            wanted("name", LETTERS, kenlm_model_path=None),
            Wanted("name", LETTERS, 7, "hyperparams.yaml", [0, ["a"], " "]),
        ],
        "model",
    )


@pytest.mark.parametrize(
    "one",
    [
        wanted("new", "torch.nn.ModuleDict", modules=[{"a": ("x", ["../x"])}]),
        wanted("new", "torch.nn.ModuleDict", modules={"/x": 1}),
        wanted("new", "speechbrain.integrations.huggingface.whisper.Whisper", source="a", language=["/etc/passwd"]),
        wanted("new", allowed.PRETRAINER, collect_in="x"),
    ],
    ids=str,
)
def test_a_path_out_of_the_folder_is_refused_at_any_depth(tmp_path, one):
    """And so is what would write one in the working directory. Nothing is imported for it."""
    with pytest.raises(UsageError, match=r"not in its folder|write to a folder"):
        Builder("model", backbone=None, cache=tmp_path, trust=False)(one)


def test_a_model_is_refused_before_anything_is_begun(tmp_path):
    """Wherever in the document the name stands, also where it would never be built."""
    (tmp_path / "hyperparams.yaml").write_text("modules: {}\nunused:\n  - {deep: !apply:os.system [x]}\n")
    with pytest.raises(UsageError, match=r"!apply:os\.system") as refused:
        read_pretrained("model", lambda _: tmp_path, given={}, repository=None, beams=None, trust=False)
    assert "line 3" in str(refused.value.cause)


LINES = """
layer: !new:torch.nn.Linear [1, 1]
modules: {encoder: !ref <layer>}
tokenizer: !new:sentencepiece.SentencePieceProcessor
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
    blank_id: 0
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {asr: !ref <layer>}
"""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("modules:", "models:"), "no modules"),
        (("{encoder:", "{embedder:"), "known: WhisperASR"),
        (("pretrainer:", "sample_rate: 8000\npretrainer:"), "8000 Hz"),
        (("pretrainer:", "test_beam_search: {kenlm_model_path: lm.bin}\npretrainer:"), "KenLM"),
        (("pretrainer:", "training:"), "no Pretrainer"),
        (("loadables: {", "loadables_: {"), "no loadables"),
        (("{asr:", "{../asr:"), "no words"),
        (("loadables:", "custom_hooks: {asr: 1}\n    loadables:"), "custom_hooks"),
        (("loadables:", "paths: {asr: /etc/passwd}\n    loadables:"), "no path in its folder"),
        (("loadables:", "paths: {asr: ../asr.ckpt}\n    loadables:"), "no path in its folder"),
        (("loadables:", "paths: {asr: ftp://host/asr.ckpt}\n    loadables:"), "ftp"),
        (("loadables:", 'paths: {asr: "a\\0b"}\n    loadables:'), "no path in its folder"),
        (("pretrainer:", "pretrainer:"), "its asr is missing"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_a_folder_that_is_no_whole_model_is_refused(tmp_path, change, problem):
    """Before anything is begun, by what is wrong with it."""
    assert LINES.count(change[0]) >= 1
    (tmp_path / "hyperparams.yaml").write_text(LINES.replace(*change))
    with pytest.raises(UsageError) as refused:
        read_pretrained("model", lambda _: tmp_path, given={}, repository=None, beams=None, trust=False)
    assert problem in f"{refused.value.what} {refused.value.cause}"


def test_a_pointer_instead_of_weights_is_told(tmp_path):
    """As Git leaves it where LFS is missing."""
    (tmp_path / "hyperparams.yaml").write_text(LINES)
    (tmp_path / "asr.ckpt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(FolderError) as refused:
        read_pretrained("model", lambda _: tmp_path, given={}, repository=None, beams=None, trust=False)
    assert "LFS" in str(refused.value.cause)


# Where its parts are


def located(folder: Path, paths: dict[str, str], **others: Any) -> tuple[dict[str, str], dict[str, str]]:
    told = {"given": {}, "repository": None, "place": "model", **others}
    found = parts_of(["asr", "lm"], paths, folder=folder, **told)
    return dict(found.own), dict(found.elsewhere)


@pytest.fixture
def two(tmp_path):
    """A folder with both parts."""
    for name in ("asr", "lm"):
        (tmp_path / f"{name}.ckpt").write_bytes(b"x")
    return tmp_path


OWN = {"asr": "asr.ckpt", "lm": "lm.ckpt"}


def test_parts_without_a_path_are_in_the_folder(two):
    """Under their names."""
    assert located(two, {}) == (OWN, {})
    assert located(two, {"lm": "./lm.ckpt"}) == (OWN, {})


def test_a_repository_that_names_itself_is_its_own_place(two):
    """Also in a copy of it that was put here."""
    paths = {name: f"owner/model/{name}.ckpt" for name in OWN}
    assert located(two, paths, repository="owner/model") == (OWN, {})
    assert located(two, paths) == (OWN, {})


def test_a_part_of_another_place_is_fetched_from_there(two):
    """When nothing of that name is beside the model."""
    (two / "lm.ckpt").unlink()
    assert located(two, {"lm": "owner/other/lm.ckpt"}) == ({"asr": "asr.ckpt"}, {"lm": "hf:owner/other/lm.ckpt"})
    found = located(two, {"lm": "https://host.example/a/lm.ckpt"})
    assert found == ({"asr": "asr.ckpt"}, {"lm": "https://host.example/a/lm.ckpt"})


def test_two_files_of_one_name_are_never_confused(two):
    """SpeechBrain takes whichever lies there; here the user says which."""
    paths = {"asr": "owner/model/asr.ckpt", "lm": "owner/other/lm.ckpt"}
    with pytest.raises(UsageError, match="could be two things"):
        located(two, paths)
    with pytest.raises(UsageError, match="could be two things"):
        located(two, paths, repository="owner/model")
    said = {"lm": "hf:owner/other/lm.ckpt"}
    assert located(two, paths, given=said, repository="owner/model") == ({"asr": "asr.ckpt"}, said)


@pytest.mark.parametrize(
    ("given", "file"),
    [
        ("hf:owner/lm@v1", "hf:owner/lm@v1/lm.ckpt"),
        ("owner/lm", "hf:owner/lm/lm.ckpt"),
        ("hf:owner/lm/best.pt", "hf:owner/lm/best.pt"),
        ("s3://bucket/run/save", "s3://bucket/run/save/lm.ckpt"),
        ("s3://bucket/run/lm.pt", "s3://bucket/run/lm.pt"),
        ("https://host.example/lm.ckpt?sign=1", "https://host.example/lm.ckpt?sign=1"),
    ],
)
def test_the_users_place_of_a_part_is_a_file_or_a_folder_with_it(two, given, file):
    """In a folder it has its usual name."""
    assert located(two, {}, given={"lm": given})[1] == {"lm": file}


def test_a_local_place_of_a_part(two, tmp_path):
    """Likewise."""
    assert located(two, {}, given={"lm": str(tmp_path)})[1] == {"lm": f"{tmp_path}/lm.ckpt"}
    assert located(two, {}, given={"lm": f"{tmp_path}/lm.ckpt"})[1] == {"lm": f"{tmp_path}/lm.ckpt"}


@pytest.mark.parametrize("source", ["/etc", "../other", '"a\\0b"', "https://host.example/model"])
def test_a_backbone_is_a_folder_of_its_own_or_on_the_hub(tmp_path, source):
    """Nothing else is read, or asked for, on the word of a document."""
    backbone = f"!new:speechbrain.integrations.huggingface.wavlm.WavLM\n    source: {source}\n    save_path: x"
    (tmp_path / "hyperparams.yaml").write_text(LINES.replace("!new:torch.nn.Linear [1, 1]", backbone))
    (tmp_path / "asr.ckpt").write_bytes(b"x")
    with pytest.raises(UsageError, match="no folder of its own and no name on the hub"):
        read_pretrained("model", lambda _: tmp_path, given={}, repository=None, beams=None, trust=False)
