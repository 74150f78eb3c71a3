"""`hugot run`, as a process of its own."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hub_server import hub

import hugot

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()"]


def hugot_run(*arguments: object, stdin: str = "", **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HUGOT, "run", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        **more,
    )


def lines_of(*inputs: object) -> str:
    return "".join(json.dumps({"input": value}) + "\n" for value in inputs)


def parsed(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def text_model(models):
    return models / "bert-uncased-text"


@pytest.fixture(scope="module")
def expected(text_model):
    return hugot.pipeline("text-classification", text_model)("The film was excellent")[0]


@pytest.mark.parametrize(
    "flags",
    [("--model", "--type"), ("-p", "-t")],
)
def test_a_line_keeps_its_keys_and_gains_the_output(text_model, expected, flags) -> None:
    model, kind = flags
    line = '{"id":7,"input":"The film was excellent","tags":["a",null]}\n'
    done = hugot_run(model, text_model, kind, "textClassification", stdin=line)
    assert done.stderr == ""
    [record] = parsed(done.stdout)
    assert list(record) == ["id", "input", "tags", "output"]
    assert record["tags"] == ["a", None]
    [answer] = record["output"]
    assert list(answer) == ["Label", "Score"]
    assert answer["Label"] == expected["label"]


def test_a_dash_stands_for_stdin_and_stdout(text_model, tmp_path) -> None:
    arguments = ("-p", text_model, "-t", "textClassification")
    plain = hugot_run(*arguments, stdin=lines_of("good"))
    dashed = hugot_run(*arguments, "-i", "-", "-o", "-", stdin=lines_of("good"), cwd=tmp_path)
    assert (dashed.stdout, dashed.returncode) == (plain.stdout, 0)
    assert len(parsed(dashed.stdout)) == 1
    assert list(tmp_path.iterdir()) == []


def test_scores_have_the_shortest_digits_of_a_float32(text_model, expected) -> None:
    done = hugot_run(
        "-p", text_model, "-t", "sentiment-analysis", stdin=lines_of("The film was excellent")
    )
    digits = done.stdout.split('"Score":')[1].split("}")[0]
    assert digits == str(np.float32(expected["score"]))


def test_the_format_of_transformers_has_its_keys(text_model) -> None:
    done = hugot_run(
        "-p",
        text_model,
        "-t",
        "textClassification",
        "--format",
        "transformers",
        stdin=lines_of("a"),
    )
    assert list(parsed(done.stdout)[0]["output"][0]) == ["label", "score"]


def test_entities_carry_their_place_in_the_text(models) -> None:
    text = "Wolfgang lives in Berlin"
    done = hugot_run(
        "-p", models / "bert-cased-token", "-t", "tokenClassification", stdin=lines_of(text)
    )
    entities = parsed(done.stdout)[0]["output"]
    tag = hugot.pipeline("ner", models / "bert-cased-token", aggregation_strategy="simple")
    assert [list(each) for each in entities] == [["Entity", "Score", "Word", "Start", "End"]] * len(
        tag(text)
    )
    assert [(e["Entity"], e["Word"], e["Start"], e["End"]) for e in entities] == [
        (e["entity_group"], e["word"], e["start"], e["end"]) for e in tag(text)
    ]


def test_tokens_carry_their_index(models) -> None:
    done = hugot_run(
        *("-p", models / "bert-cased-token", "-t", "ner", "--aggregation-strategy", "none"),
        stdin=lines_of("Wolfgang lives in Berlin"),
    )
    entities = parsed(done.stdout)[0]["output"]
    assert list(entities[0]) == ["Entity", "Score", "Index", "Word", "Start", "End"]


def test_an_embedding_is_a_list_of_numbers(models) -> None:
    model = models / "bert-uncased-features"
    done = hugot_run("-p", model, "-t", "featureExtraction", stdin=lines_of("one", "two words"))
    got = np.array([record["output"] for record in parsed(done.stdout)], np.float32)
    assert np.array_equal(got, hugot.pipeline("feature-extraction", model)(["one", "two words"]))


def test_the_order_of_many_lines_is_kept(text_model) -> None:
    texts = [f"text {i} {'word ' * (i % 17)}" for i in range(3000)]
    done = hugot_run("-p", text_model, "-t", "textClassification", stdin=lines_of(*texts))
    assert [record["input"] for record in parsed(done.stdout)] == texts


def test_a_folder_is_read_file_by_file_and_written_to_a_folder(text_model, tmp_path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "b.jsonl").write_text(lines_of("third"), encoding="utf-8")
    (source / "a.jsonl").write_text(lines_of("first") + '\n{"input": "second"}', encoding="utf-8")
    (source / "notes.txt").write_text("no JSON", encoding="utf-8")
    out = tmp_path / "new" / "out"
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", source, "-o", out)
    assert (done.stdout, done.returncode) == ("", 0)
    records = parsed((out / "result_0.jsonl").read_text(encoding="utf-8"))
    assert [record["input"] for record in records] == ["first", "second", "third"]


def test_a_pair_is_classified(text_model) -> None:
    pair = {"text": "How many?", "text_pair": "Three."}
    done = hugot_run("-p", text_model, "-t", "textClassification", stdin=lines_of(pair))
    [answer] = parsed(done.stdout)[0]["output"]
    wanted = hugot.pipeline("text-classification", text_model)(pair)
    assert (answer["Label"], answer["Score"]) == (wanted["label"], pytest.approx(wanted["score"]))


def test_lines_come_out_while_the_input_is_still_open(text_model) -> None:
    process = subprocess.Popen(
        [*HUGOT, "run", "-p", str(text_model), "-t", "textClassification"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    for text in ("one", "two"):
        process.stdin.write(lines_of(text).encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["input"] == text
    process.stdin.close()
    assert process.stdout.read() == b""
    process.stdout.close()
    assert process.wait(30) == 0


def test_a_bad_line_ends_the_run_while_the_input_is_still_open(text_model) -> None:
    process = subprocess.Popen(
        [*HUGOT, "run", "-p", str(text_model), "-t", "textClassification"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(lines_of("fine").encode() + b"not json\n")
    process.stdin.flush()
    assert process.wait(60) == 1
    assert process.stderr.read().startswith(b"hugot: stdin, line 2: not JSON")
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_closed_pipe_ends_it_quietly(text_model) -> None:
    process = subprocess.Popen(
        [*HUGOT, "run", "-p", str(text_model), "-t", "textClassification"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    _, errors = process.communicate(lines_of(*["text"] * 5000).encode(), timeout=60)
    assert errors == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "not JSON"),
        ('{"text": "a"}', 'no key "input"; the keys are "text". Choose one with --input-column'),
        ("[1]", 'the key "input"'),
        ('{"input": 7}', '"input" must be a string'),
        ('{"input": "\\ud800"}', '"input" holds the lone surrogate \\ud800'),
        ('{"input": "' + "\udcff" + '"}', "not UTF-8: byte 12 of the line"),
    ],
)
def test_a_bad_line_is_named_after_the_good_ones_before_it_were_answered(
    text_model, line, said
) -> None:
    text = lines_of("fine") + "\n" + line + "\n" + lines_of("never reached")
    done = subprocess.run(
        [*HUGOT, "run", "-p", str(text_model), "-t", "textClassification"],
        input=text.encode("utf-8", "surrogateescape"),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert [record["input"] for record in parsed(done.stdout.decode())] == ["fine"]
    errors = done.stderr.decode()
    assert errors.startswith("hugot: stdin, line 3: ")
    assert said in errors
    assert errors.count("\n") == 1


def test_a_bad_line_of_a_file_is_named_with_the_file(text_model, tmp_path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n", encoding="utf-8")
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", source)
    assert f"{source}, line 1: " in done.stderr


def test_no_input_gives_no_output(text_model) -> None:
    done = hugot_run("-p", text_model, "-t", "textClassification")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_folder_without_jsonl_files_raises(text_model, tmp_path) -> None:
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", tmp_path)
    assert done.returncode == 1
    assert "has no .jsonl files" in done.stderr


def test_a_folder_with_files_of_several_kinds_needs_a_choice(text_model, tmp_path) -> None:
    (tmp_path / "b.jsonl").write_text(lines_of("a"), encoding="utf-8")
    (tmp_path / "a.csv").write_text("input\nb\n", encoding="utf-8")
    flags = ("-p", text_model, "-t", "textClassification", "-i", tmp_path)
    done = hugot_run(*flags)
    assert done.returncode == 1
    assert "has files of several kinds (csv, jsonl); choose one with --input-format" in done.stderr
    assert len(parsed(hugot_run(*flags, "--input-format", "jsonl").stdout)) == 1


def test_a_file_beside_its_compressed_copy_is_not_run_twice(text_model, tmp_path) -> None:
    (tmp_path / "a.jsonl").write_text(lines_of("a"), encoding="utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines_of("a").encode()))
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", tmp_path)
    assert done.returncode == 1
    assert "have the same records, as it seems" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of POSIX")
def test_a_named_pipe_is_refused_at_once(text_model, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", tmp_path / "pipe")
    assert done.returncode == 1
    assert f"pass it to stdin: --input - < {tmp_path / 'pipe'}" in done.stderr


def test_output_never_overwrites_input(text_model, tmp_path) -> None:
    (tmp_path / "result_0.jsonl").write_text(lines_of("a"), encoding="utf-8")
    done = hugot_run("-p", text_model, "-t", "textClassification", "-i", tmp_path, "-o", tmp_path)
    assert done.returncode == 1
    assert "input and output at once" in done.stderr
    assert (tmp_path / "result_0.jsonl").read_text(encoding="utf-8") == lines_of("a")


@pytest.mark.parametrize("flag", ["-f", "--modelFolder", "--model-folder"])
def test_a_model_is_found_in_the_model_folder(text_model, tmp_path, flag) -> None:
    shutil.copytree(text_model, tmp_path / "org_mood")
    done = hugot_run(
        "-p", "org/mood", "-t", "textClassification", flag, tmp_path, stdin=lines_of("a")
    )
    assert done.returncode == 0, done.stderr
    assert len(parsed(done.stdout)) == 1


def test_a_model_on_the_hub_is_downloaded_to_the_model_folder(text_model, tmp_path) -> None:
    shutil.copytree(text_model, tmp_path / "hub" / "org" / "mood")
    with hub(tmp_path / "hub") as server:
        done = hugot_run(
            *("-p", "org/mood", "-t", "textClassification", "-f", tmp_path / "models"),
            stdin=lines_of("a"),
            env={**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "cache")},
        )
    assert done.returncode == 0, done.stderr
    assert len(parsed(done.stdout)) == 1
    assert (tmp_path / "models" / "org_mood" / "model.onnx").is_file()


@pytest.mark.parametrize(
    "flag", ["-s", "--onnxruntimeSharedLibrary", "--onnxruntime-shared-library"]
)
def test_the_onnxruntime_library_can_be_named(text_model, tmp_path, flag) -> None:
    done = hugot_run(
        "-p", text_model, "-t", "textClassification", flag, tmp_path / "x.so", stdin=lines_of("a")
    )
    assert done.returncode == 1
    assert f"onnxruntime_library='{tmp_path / 'x.so'}'" in done.stderr


@pytest.mark.parametrize("flag", ["-b", "--batchSize", "--batch-size"])
def test_the_batch_size_can_be_given(text_model, flag) -> None:
    done = hugot_run("-p", text_model, "-t", "textClassification", flag, 2, stdin=lines_of(*"abc"))
    assert len(parsed(done.stdout)) == 3
    refused = hugot_run("-p", text_model, "-t", "textClassification", flag, 0)
    assert refused.returncode == 2


def test_an_option_of_another_type_is_refused(text_model) -> None:
    done = hugot_run("-p", text_model, "-t", "textClassification", "--pooling", "mean")
    assert done.returncode == 2
    assert "--pooling belongs to feature-extraction" in done.stderr


def test_an_error_is_one_line_that_says_what_to_do(models) -> None:
    done = hugot_run("-p", models / "bert-uncased-features", "-t", "tokenClassification")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("hugot: ")
    assert done.stderr.count("\n") == 1
    assert "--task token-classification" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-t", "ner"), "--model"),
        (("-p", "m", "-t", "translation"), "text-classification"),
        (("-p", "m", "-t", "ner", "-i", "no/such/file"), "no/such/file"),
        (("-p", "m", "-t", "ner", "--modle", "m"), "--model"),
    ],
)
def test_a_wrong_use_is_one_line_that_names_what_is_wrong(arguments, said) -> None:
    done = hugot_run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("hugot: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_help_tells_the_options() -> None:
    done = hugot_run("--help")
    assert done.returncode == 0
    for flag in ("--model", "--input", "--output", "--type", "--batchSize", "--modelFolder"):
        assert flag in done.stdout


def test_the_command_is_installed(text_model) -> None:
    command = Path(sys.executable).parent / ("hugot.exe" if sys.platform == "win32" else "hugot")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert hugot.__version__ in done.stdout


KNOWN_MODEL = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"
KNOWN_SCORES = {
    "This movie is disgustingly good !": ("POSITIVE", 0.9998536),
    "The director tried too much": ("NEGATIVE", 0.99752176),
    "The film was excellent": ("POSITIVE", 0.99986285),
}


def known_model_folder() -> Path | None:
    from hugot.models.folders import folder_name, model_folders

    names = (
        KNOWN_MODEL,
        KNOWN_MODEL.split("/")[1],
        "KnightsAnalytics/" + KNOWN_MODEL.split("/")[1],
    )
    folders = [folder / folder_name(name) for folder in model_folders() for name in names]
    return next((folder for folder in folders if folder.is_dir()), None)


@pytest.mark.known_models
@pytest.mark.skipif(known_model_folder() is None, reason="the model is not in the model folder")
def test_a_published_model_gives_its_known_scores() -> None:
    done = hugot_run(
        "-p", known_model_folder(), "-t", "textClassification", stdin=lines_of(*KNOWN_SCORES)
    )
    for record in parsed(done.stdout):
        label, score = KNOWN_SCORES[record["input"]]
        [answer] = record["output"]
        assert answer["Label"] == label
        assert answer["Score"] == pytest.approx(score, abs=1e-5)
