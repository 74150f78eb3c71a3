"""Flags of `hugot run`: those of the library's options, a file and the environment."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence  # noqa: TC003  (get_type_hints looks for them)
from typing import TYPE_CHECKING, Any, Literal

import click
import onnx
import ort_graphs
import pytest

import hugot
from hugot.cli import run_flags
from hugot.cli.flags import given_options, option_flags
from hugot.cli.main import hugot as command
from hugot.models.manifest import Manifest, write_manifest
from hugot.options import NOT_GIVEN, RuntimeOptions
from hugot.tasks import SPECS, task_class, task_spec
from hugot.tasks.schema import TEXT, Field

if TYPE_CHECKING:
    from pathlib import Path

TASKS = [spec.name for spec in SPECS]


@pytest.fixture
def one_line(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"input": "The film was excellent"}\n', encoding="utf-8")
    return path


@pytest.fixture
def labels(classify, one_line, tmp_path, records_of):
    """How many labels a run gives."""

    def run(*flags: object) -> int:
        done = classify("-i", one_line, "-o", tmp_path / "out", *flags)
        assert done.code == 0, done.stderr
        return len(records_of(tmp_path / "out" / "result_0.jsonl")[0]["output"])

    return run


@pytest.mark.parametrize("task", TASKS)
def test_every_option_of_a_task_has_its_flag(hugot_command, task) -> None:
    shown = hugot_command("run", "--type", task, "--help").stdout
    for field in dataclasses.fields(task_class(task).options_type):
        has_flag = field.metadata.get("flag", True)
        assert ("--" + field.name.replace("_", "-") in shown) == has_flag


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_a_task_has_its_flag(hugot_command, task) -> None:
    shown = hugot_command("run", "--type", task, "--help").stdout
    assert task_class(task).fields
    for field in task_class(task).fields:
        assert field.flag in shown


@pytest.mark.parametrize("task", TASKS)
def test_the_help_of_a_type_leaves_out_the_flags_of_others(hugot_command, task) -> None:
    shown = hugot_command("run", "--type", task, "--help").stdout
    owners = {
        "--pooling": ["feature-extraction"],
        "--function-to-apply": ["text-classification", "text-ranking"],
        "--apply-softmax": ["text-ranking"],
        "--stride": ["token-classification"],
        "--targets": ["fill-mask"],
        "--candidate-labels": ["zero-shot-classification"],
    }
    for flag, tasks in owners.items():
        assert (flag in shown) == (task in tasks)


def test_the_help_without_a_type_shows_the_flags_of_all(hugot_command) -> None:
    shown = hugot_command("run", "--help").stdout
    for flag in ("--pooling", "--top-k", "--stride", "--mode", "--provider", "--threads"):
        assert flag in shown


def test_every_option_of_the_runtime_has_its_flag(hugot_command) -> None:
    shown = hugot_command("run", "--help").stdout
    without = {"onnxruntime_library", "microbatch", "max_queue"}
    for field in dataclasses.fields(RuntimeOptions):
        if field.name not in without:
            assert "--" + field.name.replace("_", "-") in shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """Options of every kind.

    Attributes:
        switch: on or off.
        maybe: on, off or neither.
        count: a number.
        share: a number with a fraction.
        word: one of two words.
        mixed: a truth or a word.
        names: several.
        table: values by name.
        switches: on or off, by name.
        special: a number, or none at all.
        entries: names, or pairs of a name and settings.
    """

    switch: bool = False
    maybe: bool | None = None
    count: int | None = None
    share: float = 0.5
    word: Literal["one", "two"] = "one"
    mixed: bool | Literal["error"] = True
    names: Sequence[str] = ()
    table: Mapping[str, int] = dataclasses.field(default_factory=dict)
    switches: Mapping[str, bool] | None = None
    special: int | Any | None = NOT_GIVEN
    entries: Sequence[str | tuple[str, Mapping[str, object]]] | None = None


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--switch"], {"switch": True}),
        (["--no-switch"], {"switch": False}),
        (["--no-maybe"], {"maybe": False}),
        (["--count", "3"], {"count": 3}),
        (["--share", "0.25"], {"share": 0.25}),
        (["--word", "two"], {"word": "two"}),
        (["--mixed", "error"], {"mixed": "error"}),
        (["--mixed", "false"], {"mixed": False}),
        (["--names", "a", "--names", "b"], {"names": ("a", "b")}),
        (["--table", "x=1", "--table", "y=2"], {"table": {"x": 1, "y": 2}}),
        (
            ["--switches", "a=no", "--switch", "--switches", "b=true"],
            {"switches": {"a": False, "b": True}, "switch": True},
        ),
        (["--special", "7"], {"special": 7}),
        (["--special", "none"], {"special": None}),
        (["--entries", "a", "--entry", "b:k=v"], {"entries": ("a", ("b", {"k": "v"}))}),
    ],
)
def test_a_flag_gives_its_option_what_the_library_takes(arguments, options) -> None:
    flags = option_flags(Example)
    parser = click.Command("example", params=list(flags))
    given = given_options(flags, parser.make_context("example", list(arguments)).params)
    assert given == options
    Example(**given)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count", "x"],
        ["--word", "three"],
        ["--mixed", "x"],
        ["--table", "x"],
        ["--table", "x=y"],
        ["--switches", "x=y"],
    ],
)
def test_a_value_that_the_option_cannot_have_is_refused(arguments) -> None:
    parser = click.Command("example", params=list(option_flags(Example)))
    with pytest.raises(click.BadParameter):
        parser.make_context("example", list(arguments))


def test_the_help_of_a_flag_is_that_of_the_option() -> None:
    helps = {flag.name: flag.help for flag in option_flags(Example)}
    assert helps["count"] == "A number."
    assert helps["special"] == "A number, or none at all."


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingOptions:
    """Options of a task that the command line does not know, two of them like flags of the command.

    Attributes:
        count: how many.
        inputs: more inputs of the graph.
        errors: a flag of the command.
    """

    count: int = 3
    inputs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    errors: str | None = None


class Ranking:
    """The declaration of such a task."""

    options_type = RankingOptions
    fields = (
        Field("wish", "wish", "Key of the wish."),
        TEXT,
        Field("hint", "h", "More.", False),
    )


@pytest.fixture
def ranking(monkeypatch):
    """A further task, in place of text classification."""
    known = run_flags.task_class
    monkeypatch.setattr(
        run_flags,
        "task_class",
        lambda task: Ranking if task == "text-classification" else known(task),
    )
    spec = task_spec("text-classification")._replace(run_defaults={"count": 5})
    monkeypatch.setattr(
        run_flags, "task_spec", lambda task: spec if task == spec.name else task_spec(task)
    )


def test_a_task_needs_no_more_than_its_declaration(ranking, hugot_command) -> None:
    shown = " ".join(hugot_command("run", "-t", "text-classification", "--help").stdout.split())
    assert "--wish-column TEXT Key of the wish. [default: wish]" in shown
    assert "--input-column TEXT Key or column of the text. [default: input]" in shown
    assert "--hint-column TEXT More. " in shown
    assert "--count INTEGER How many. [default here: 5]" in shown
    assert "--top-k" not in shown
    assert "--inputs KEY=VALUE More inputs of the graph." in shown
    assert shown.count("--input PATH") == shown.count("--errors") == 1


def test_the_help_without_a_type_says_whose_a_flag_is(ranking, hugot_command) -> None:
    shown = " ".join(hugot_command("run", "--help").stdout.split())
    shown = shown.replace("zero-shot- ", "zero-shot-")  # at the end of a line
    assert "--wish-column TEXT (text-classification) Key of the wish." in shown
    texts = (
        "feature-extraction, text-classification, token-classification, fill-mask, "
        "zero-shot-classification"
    )
    assert f"--input-column TEXT ({texts}) Key or column of the text." in shown
    others = texts.replace("text-classification, ", "", 1).replace(
        "fill-mask", "text-ranking, fill-mask"
    )
    assert f"--truncation [true|false|error] ({others})" in shown


def test_a_column_of_another_type_is_refused(ranking, hugot_command) -> None:
    done = hugot_command("run", "-p", "m", "-t", "ner", "--wish-column", "q")
    said = "--wish-column belongs to text-classification, not to token-classification"
    assert (done.code, said in done.stderr) == (2, True)


def test_required_fields_are_read_and_others_on_request() -> None:
    columns = run_flags.given_columns
    assert columns(Ranking.fields, {}) == {"wish": "wish", "input": "input"}
    given = columns(Ranking.fields, {"input_column": "body", "hint_column": "note"})
    assert given == {"wish": "wish", "input": "body", "hint": "note"}


def test_all_labels_are_asked_for_with_none(labels) -> None:
    assert labels() == 1
    assert labels("--top-k", 2) == 2
    assert labels("--top-k", "none") == 2


def test_a_file_sets_what_flags_set_and_flags_come_first(labels, tmp_path) -> None:
    config = tmp_path / "run.toml"
    config.write_text("top-k = 2\nthreads = 1\n[token-classification]\nstride = 1\n", "utf-8")
    assert labels("--config", config) == 2
    assert labels("--config", config, "--top-k", 1) == 1


def test_a_file_may_name_model_type_and_session_config(
    hugot_command, models, one_line, tmp_path, records_of
) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        f"model = {json.dumps(str(models / 'bert-uncased-text'))}\n"
        f"type = 'text-classification'\ninput = [{json.dumps(str(one_line))}]\n"
        f"output = {json.dumps(str(tmp_path / 'out'))}\n"
        "[session_config]\n'session.use_env_allocators' = '0'\n",
        "utf-8",
    )
    assert hugot_command("run", "--config", config).code == 0
    assert len(records_of(tmp_path / "out" / "result_0.jsonl")) == 1


def test_the_table_of_the_type_that_a_file_names_holds(
    hugot_command, models, one_line, tmp_path, records_of
) -> None:
    config = tmp_path / "run.toml"
    config.write_text("type = 'sentiment-analysis'\n[text-classification]\ntop_k = 2\n", "utf-8")
    flags = ("-p", models / "bert-uncased-text", "-i", one_line, "-o", tmp_path / "out")
    assert hugot_command("run", "--config", config, *flags).code == 0
    assert len(records_of(tmp_path / "out" / "result_0.jsonl")[0]["output"]) == 2


def test_a_setting_of_a_file_may_be_one_of_several_values(classify, one_line, tmp_path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f"input = {json.dumps(str(one_line))}\nwidths = 64\n", "utf-8")
    assert classify("--config", config).code == 0


def test_the_type_may_be_written_to_its_flag(classify, one_line) -> None:
    done = classify("-tner", "-i", one_line, "--top-k", 2)
    assert (done.code, "belongs to text-classification" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("top_kk = 1", "did you mean 'top_k'"),
        ("top_k = ", "cannot be read"),
        ("pooling = 'cls'", "--pooling belongs to feature-extraction"),
        ("text-classification = 3", "text-classification is a table of settings"),
    ],
)
def test_a_wrong_file_is_refused(classify, one_line, tmp_path, text, said) -> None:
    config = tmp_path / "run.toml"
    config.write_text(text, "utf-8")
    done = classify("-i", one_line, "--config", config)
    assert done.code == 2
    assert said in done.stderr


def test_environment_variables_come_before_the_file_and_behind_flags(
    labels, tmp_path, monkeypatch
) -> None:
    config = tmp_path / "run.toml"
    config.write_text("top_k = 1\n", "utf-8")
    monkeypatch.setenv("HUGOT_TOP_K", "2")
    assert labels("--config", config) == 2
    assert labels("--top-k", 1) == 1
    monkeypatch.delenv("HUGOT_TOP_K")
    monkeypatch.setenv("HUGOT_CONFIG", str(config))
    assert labels() == 1


def test_the_prefix_of_a_flag_of_another_type_is_explained(classify, one_line) -> None:
    done = classify("-i", one_line, "--stride", 3)
    assert (done.code, "belongs to token-classification" in done.stderr) == (2, True)


def test_a_provider_may_have_settings(classify, one_line) -> None:
    done = classify("-i", one_line, "--provider", "cuda:device_id=1")
    assert done.code == 1
    assert "cuda" in done.stderr.lower()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("sentiment", "sentiment-analysis"),
        ("embeddings", "feature-extraction"),
        ("token-clasification", "token-classification"),
        ("textclassification", "textClassification"),
        ("feature", "feature-extraction"),
        ("entities", "token-classification"),
    ],
)
def test_an_unknown_type_gets_the_one_that_was_meant(hugot_command, said, meant) -> None:
    done = hugot_command("run", "-p", "m", "-t", said)
    assert (done.code, f"did you mean {meant}?" in done.stderr) == (2, True)


def test_all_that_a_folder_lacks_to_be_a_model_is_named(hugot_command, tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    done = hugot_command("run", "-p", tmp_path, "-t", "ner")
    assert done.code == 1
    assert f"missing in {tmp_path}: an .onnx file, tokenizer.json" in done.stderr


def test_a_model_of_another_type_gets_the_one_that_fits(hugot_command, models) -> None:
    done = hugot_command("run", "-p", models / "bert-uncased-text", "-t", "ner")
    assert done.code == 1
    assert "BertForSequenceClassification, which fits --type text-classification" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(hugot_command, shell) -> None:
    done = hugot_command("completion", shell)
    assert done.code == 0
    assert f"_HUGOT_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hugot run -t ner --aggregation-s", "--aggregation-strategy"),
        ("hugot run -t feature-extraction --pool", "--pooling"),
        ("hugot run -t sentim", "sentiment-analysis"),
        ("hugot run -t ner --aggregation-strategy av", "average"),
        ("hugot ru", "run"),
    ],
)
def test_flags_types_and_values_are_completed(words, found) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from hugot.cli.main import main; main()"],
        env={
            **os.environ,
            "_HUGOT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        text=True,
    )
    assert f"plain,{found}" in done.stdout.splitlines(), done.stderr


def completed(words: str, folder: Path) -> list[str]:
    """What bash is offered for a word, with `folder` as model folder and current folder."""
    done = subprocess.run(
        [sys.executable, "-c", "from hugot.cli.main import main; main()"],
        env={
            **os.environ,
            "_HUGOT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - (0 if words.endswith(" ") else 1)),
            "HUGOT_MODELS": str(folder),
            "HF_HUB_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("words", ["hugot run --model ", "hugot info ", "hugot bench org"])
def test_models_on_this_machine_are_completed(tmp_path, words) -> None:
    (tmp_path / "org_mood").mkdir()
    write_manifest(tmp_path / "org_mood", Manifest(name="org/mood"))
    (tmp_path / "cache" / "models--org--cached").mkdir(parents=True)
    found = completed(words, tmp_path)
    assert {"plain,org/mood", "plain,org/cached", "plain,org_mood/"} <= set(found)


def test_a_path_of_a_model_is_completed_by_the_shell(tmp_path) -> None:
    assert completed("hugot run --model ./or", tmp_path) == ["file,./or"]


def test_the_path_of_an_input_is_completed_by_the_shell(tmp_path) -> None:
    assert completed("hugot run --input te", tmp_path) == ["file,te"]


def test_hugot_alone_prints_its_help(hugot_command) -> None:
    done = hugot_command()
    assert done.code == 0
    assert done.stdout.startswith("Usage: hugot [OPTIONS]")
    assert "\n  run " in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("runn", "did you mean 'run'?"), ("xyz", "there are bench, completion, download, ")],
)
def test_an_unknown_command_names_those_there_are(hugot_command, typed, answer) -> None:
    done = hugot_command(typed)
    assert done.code == 2
    assert f"there is no command {typed!r}; {answer}" in done.stderr


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_example_in_the_help_of_run_keeps_its_lines(width) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from hugot.cli.main import main; main()", "run", "--help"],
        env={**os.environ, "COLUMNS": str(width)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\\b" not in done.stdout
    assert "\b" not in done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    at = lines.index("""echo '{"input": "The film was excellent"}' |""")
    assert lines[at + 1] == "hugot run --model path/to/model --type textClassification"


def test_commands_are_imported_when_they_are_used() -> None:
    code = "import sys, hugot.cli.main; print('hugot.cli.run' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert {"completion", "optimize", "run"} <= set(command.list_commands(click.Context(command)))


def test_a_run_without_flags_of_the_type_is_parsed_without_numpy() -> None:
    code = (
        "import sys; from hugot.cli.main import hugot\n"
        "command = hugot.get_command(None, 'run')\n"
        "command.make_context('run', ['-p', 'm', '-t', 'ner'])\n"
        "print('numpy' in sys.modules, hugot.__class__.__name__)"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUGOT_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain
    )
    assert done.stdout == "False Commands\n"


def test_the_version_is_that_of_the_package(hugot_command) -> None:
    assert hugot.__version__ in hugot_command("--version").stdout


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (["--max-length", "5"], {"max_length": 5}),
        (
            ["--max-length", "5", "--chunks", "max", "--chunk-overlap", "1"],
            {"max_length": 5, "chunks": "max", "chunk_overlap": 1},
        ),
    ],
)
def test_a_run_cuts_long_texts_or_splits_them_as_a_call_does(
    classify, one_line, tmp_path, records_of, models, flags, options
) -> None:
    done = classify("-i", one_line, "-o", tmp_path / "out", *flags)
    assert done.code == 0, done.stderr
    (record,) = records_of(tmp_path / "out" / "result_0.jsonl")
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as made:
        answer = made([record["input"]], **options)[0]
        assert answer["score"] != made([record["input"]])[0]["score"]
    found = record["output"]
    while isinstance(found, list):
        (found,) = found
    assert (found["Label"], found["Score"]) == (
        answer["label"],
        pytest.approx(answer["score"], abs=1e-6),
    )


def test_a_run_refuses_a_length_without_room(classify, one_line, tmp_path) -> None:
    done = classify("-i", one_line, "-o", tmp_path / "out", "--max-length", "2")
    assert done.code != 0
    assert "max_length=2 leaves no room" in done.stderr


def test_a_graph_input_has_the_value_of_its_flag(hugot_command, tmp_path, models) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models / "bert-uncased-text", folder)
    model = onnx.load(folder / "model.onnx")
    for node in model.graph.node:
        node.output[:] = ["plain" if name == "logits" else name for name in node.output]
    model.graph.input.append(ort_graphs.value("bias", shape=()))
    model.graph.node.append(onnx.helper.make_node("Add", ["plain", "bias"], ["logits"]))
    onnx.save(model, folder / "model.onnx")
    lines = tmp_path / "in.jsonl"
    lines.write_text('{"input": "the film"}\n')
    common = ("run", "-p", folder, "-t", "text-classification", "--function-to-apply", "none")
    common += ("-i", lines)
    scores = []
    for bias in ("0", "2.5"):
        done = hugot_command(*common, "--graph-input", f"bias={bias}")
        scores.append(json.loads(done.stdout)["output"][0]["Score"])
    assert scores[1] == pytest.approx(scores[0] + 2.5, abs=1e-4)
    assert "bias" in hugot_command(*common, "--graph-input", "bias").stderr
