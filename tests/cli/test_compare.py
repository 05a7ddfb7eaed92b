import json

import pytest

import earmark
from earmark.cli.main import run
from earmark.recognizers.doubles import Noisy
from tests.toys import toy_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    source = toy_source(folder / "data", 40)
    for name, rate in (("base", 0.3), ("same", 0.3), ("good", 0.02)):
        earmark.evaluate(Noisy(source.texts, error_rate=rate, seed=len(name)), source, out=str(folder / name))
    few = type(source)(source.root, source.items[:30])
    earmark.evaluate(Noisy(source.texts), few, out=str(folder / "few"))
    return folder


@pytest.fixture
def command(folder, capsys, monkeypatch):
    """Runs a command line in the folder of the runs and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def command(*words):
        code = run(["compare", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_two_runs_end_in_one_sentence(command):
    """After the tables, on stdout, and nothing on stderr."""
    code, out, said = command("base", "good", "--slices", "duration,speaker")
    comparison = earmark.compare("base", "good")
    assert (code, said) == (0, "")
    *_, sentence, method = out.splitlines()
    assert sentence == comparison.pairs[0].sentence
    assert method.startswith("normalizer basic@")
    assert method.endswith("95 % interval: 10,000 paired bootstraps by utterance")
    assert "speaker speaker-0*" in out
    assert f"fixed by good: {len(comparison.pairs[0].fixed)} utterances" in out
    assert ", and " in next(line for line in out.splitlines() if line.startswith("fixed"))


def test_a_comparison_of_few_utterances_says_so_beside_its_interval(command, folder):
    """In the words of a single run; not of 30."""
    for name, number in (("brief", 29), ("long", 30)):
        source = toy_source(folder / name, number)
        for rate in (0, 1):
            earmark.evaluate(Noisy(source.texts, error_rate=0.3 * rate), source, out=str(folder / f"{name}{rate}"))
    said = "paired bootstraps by utterance; of fewer than 30 utterances, so it says little"
    assert command("brief1", "brief0")[1].splitlines()[-1].endswith(said)
    assert command("long1", "long0")[1].splitlines()[-1].endswith("paired bootstraps by utterance")


def test_several_runs_share_a_table(command):
    """With Holm's p, and a sentence each."""
    code, out, _ = command("base", "same", "good", "--slices", "")
    assert code == 0
    assert "p (Holm)" in out
    assert "by slice" not in out
    assert [line.split(":")[0] for line in out.splitlines()[-3:-1]] == [
        "base and same heard the same words in every utterance",
        "good is better than base",
    ]


def test_json_is_all_that_is_printed(command):
    """On stdout, with the full lists."""
    code, out, said = command("base", "good", "--format", "json", "--replicates", "100", "--normalizer", "none")
    facts = json.loads(out)
    assert (code, said) == (0, "")
    assert facts["normalizer"]["name"] == "none"
    assert facts["pairs"][0]["interval"]["num_replicates"] == 100
    assert len(facts["pairs"][0]["fixed"]) > 10


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_gate_that_holds_is_exit_4_after_the_result(command, form):
    """The values are said, and what was found is printed all the same."""
    code, out, said = command("good", "base", "--fail-if", "delta_wer > 0.2 and p < 0.05", "--format", form)
    assert code == 4
    assert "base is worse than good" in out
    assert said.startswith(
        "error: --fail-if 'delta_wer > 0.2 and p < 0.05' holds for base against good\ncause: delta_wer "
    )


def test_a_gate_that_does_not_hold_is_exit_0(command):
    """A better run passes."""
    assert command("base", "good", "--fail-if", "delta_wer > 0.2 and p < 0.05")[0] == 0


def test_a_bad_condition_is_exit_2_and_shows_nothing(command):
    """Before any work, with the names that there are."""
    code, out, said = command("base", "good", "--fail-if", "delta_wer > 0.2 and q < 0.05")
    assert (code, out) == (2, "")
    assert "cause: no name 'q'; known names: delta_wer, delta_cer" in said


def test_other_ids_are_exit_2_with_the_way_out(command):
    """And the way out works, with a note of what is left out."""
    code, out, said = command("base", "few")
    assert (code, out) == (2, "")
    assert "error: base and few are not of the same utterances: 10 only in base (first: 'utt-030')" in said
    assert "hint: --intersect" in said
    code, out, said = command("base", "few", "--intersect")
    assert code == 0
    assert out.startswith("30 utterances, ")
    assert said == "note: 10 utterances are left out: not in all runs\n"


def test_one_run_is_exit_2(command):
    """There is nothing to compare it with."""
    code, _, said = command("base")
    assert code == 2
    assert "error: one run cannot be compared" in said


def test_many_slices_are_cut_short(command, monkeypatch):
    """The ones with the most speech are shown, and the number of the others."""
    monkeypatch.setattr("earmark.cli.compare._NUM_SLICES", 1)
    _, out, _ = command("base", "good", "--slices", "duration,speaker")
    slices = {
        one.value: one.num_reference_words
        for one in earmark.compare("base", "good", slices=["speaker"]).pairs[0].slices
    }
    most = max(slices, key=slices.__getitem__)
    assert f"speaker {most}*" in out
    assert not any(f"speaker {other}*" in out for other in slices.keys() - {most})
    assert "speaker: 1 more in --format json" in out
