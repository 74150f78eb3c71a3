"""Choosing an .onnx file by the names that exporters use."""

from __future__ import annotations

import pytest

from hugot import InputError, ModelFormatError, ModelNotFoundError
from hugot.models.bundle import open_bundle
from hugot.models.variants import choose_graph, precision

SENTENCE_TRANSFORMERS = [
    "onnx/model.onnx",
    "onnx/model_O1.onnx",
    "onnx/model_O2.onnx",
    "onnx/model_O3.onnx",
    "onnx/model_O4.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_quint8_avx2.onnx",
]
TRANSFORMERS_JS = [
    "onnx/model.onnx",
    "onnx/model_bnb4.onnx",
    "onnx/model_fp16.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_q4.onnx",
    "onnx/model_q4f16.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_uint8.onnx",
]
OPTIMUM = ["model.onnx", "model_optimized.onnx", "model_quantized.onnx"]

VNNI = ["x86_64", "avx2", "avx512_vnni", "avx512f", "sse2"]
AVX512 = ["x86_64", "avx2", "avx512f"]
AVX2 = ["x86_64", "avx2"]
OLD_X86 = ["x86_64", "sse2"]
ARM = ["aarch64", "asimd"]


def choose(names, onnx_file=None, variant=None, features=VNNI):
    files = dict.fromkeys(names, 1_000_000)
    return choose_graph(files, onnx_file, variant, where="m", features=features)


@pytest.mark.parametrize(
    ("names", "variant", "chosen"),
    [
        (SENTENCE_TRANSFORMERS, "fp32", "onnx/model.onnx"),
        (SENTENCE_TRANSFORMERS, "fp16", "onnx/model_O4.onnx"),
        (TRANSFORMERS_JS, "fp32", "onnx/model.onnx"),
        (TRANSFORMERS_JS, "fp16", "onnx/model_fp16.onnx"),
        (TRANSFORMERS_JS, "int8", "onnx/model_quantized.onnx"),
        (OPTIMUM, "fp32", "model.onnx"),
        (OPTIMUM, "int8", "model_quantized.onnx"),
        (["model_O3.onnx", "model_O4.onnx", "model_O1.onnx"], "fp32", "model_O3.onnx"),
        (["anything.onnx"], "fp32", "anything.onnx"),
    ],
)
def test_a_variant_is_found_by_the_names_of_exporters(names, variant, chosen) -> None:
    assert choose(names, variant=variant) == chosen


@pytest.mark.parametrize(
    ("features", "chosen"),
    [
        (VNNI, "onnx/model_qint8_avx512_vnni.onnx"),
        (AVX512, "onnx/model_qint8_avx512.onnx"),
        (AVX2, "onnx/model_quint8_avx2.onnx"),
        (ARM, "onnx/model_qint8_arm64.onnx"),
    ],
)
def test_int8_is_the_one_made_for_this_cpu(features, chosen) -> None:
    assert choose(SENTENCE_TRANSFORMERS, variant="int8", features=features) == chosen


def test_int8_for_no_certain_cpu_is_taken_where_the_others_do_not_fit() -> None:
    names = ["model_qint8_avx512_vnni.onnx", "model_quantized.onnx"]
    assert choose(names, variant="int8", features=ARM) == "model_quantized.onnx"


@pytest.mark.parametrize("names", [SENTENCE_TRANSFORMERS, TRANSFORMERS_JS, OPTIMUM])
@pytest.mark.parametrize("variant", [None, "auto"])
def test_auto_is_fp32_among_several(names, variant) -> None:
    assert precision(choose(names, variant=variant)) == "fp32"


def test_auto_never_lowers_the_precision_where_there_is_a_choice() -> None:
    with pytest.raises(ModelNotFoundError, match=r"model_fp16\.onnx \(1\.0 MB\), model_quantized"):
        choose(["model_fp16.onnx", "model_quantized.onnx"])


def test_auto_takes_the_only_file() -> None:
    assert choose(["model_quantized.onnx", "config.json"]) == "model_quantized.onnx"


def test_several_files_and_no_choice_raise_and_are_listed_with_sizes() -> None:
    files = {"a.onnx": 2_500_000, "b.onnx": 40_000_000}
    with pytest.raises(ModelNotFoundError, match=r"a\.onnx \(2\.5 MB\), b\.onnx \(40\.0 MB\)"):
        choose_graph(files, where="m")


@pytest.mark.parametrize("ask", [{"onnx_file": "model_int8.onnx"}, {"variant": "model_int8.onnx"}])
def test_a_file_is_taken_by_its_name_with_or_without_its_folder(ask) -> None:
    assert choose(TRANSFORMERS_JS, **ask) == "onnx/model_int8.onnx"
    [(key, value)] = ask.items()
    assert choose(TRANSFORMERS_JS, **{key: f"onnx/{value}"}) == "onnx/model_int8.onnx"


def test_a_file_in_a_subfolder_must_be_named() -> None:
    with pytest.raises(ModelNotFoundError, match=r"in a subfolder: fp16/model\.onnx"):
        choose(["fp16/model.onnx"])
    assert choose(["fp16/model.onnx"], onnx_file="fp16/model.onnx") == "fp16/model.onnx"


def test_a_variant_that_is_not_there_raises_and_lists_what_is() -> None:
    with pytest.raises(ModelNotFoundError, match=r"no fp16 variant; there is: model\.onnx"):
        choose(OPTIMUM, variant="fp16")


@pytest.mark.parametrize("variant", ["fp7", "INT8", 8])
def test_an_unknown_variant_raises_and_lists_the_known(variant) -> None:
    with pytest.raises(InputError, match=r"'auto', 'fp32', 'fp16', 'int8', 'q4', .* or the name"):
        choose(OPTIMUM, variant=variant)


@pytest.mark.parametrize(
    ("variant", "chosen"),
    [
        ("q4", "onnx/model_q4.onnx"),
        ("int4", "onnx/model_q4.onnx"),
        ("q4f16", "onnx/model_q4f16.onnx"),
        ("bnb4", "onnx/model_bnb4.onnx"),
        ("uint8", "onnx/model_uint8.onnx"),
        ("quantized", "onnx/model_quantized.onnx"),
        ("q8", "onnx/model_quantized.onnx"),
        ("bf16", "onnx/model_bfloat16.onnx"),
    ],
)
def test_further_variants_are_found_by_the_words_in_names(variant, chosen) -> None:
    words = ("", "_q4", "_q4f16", "_bnb4", "_uint8", "_quantized", "_bfloat16", "_int8", "_fp16")
    files = dict.fromkeys(f"onnx/model{word}.onnx" for word in words)
    assert choose(files, variant=variant) == chosen
    del files[chosen]
    with pytest.raises(ModelNotFoundError, match=f"no {variant} variant; there is: .*model_fp16"):
        choose(files, variant=variant)


def test_a_quantized_file_for_another_cpu_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="avx512_vnni, which this CPU lacks"):
        choose({"model_quint8_avx512_vnni.onnx": None}, variant="uint8", features=OLD_X86)


def test_two_choices_raise() -> None:
    with pytest.raises(InputError, match="leave one out"):
        choose(OPTIMUM, "model.onnx", "int8")


@pytest.mark.parametrize(
    ("features", "lacking"),
    [(AVX512, "avx512_vnni"), (OLD_X86, "avx512_vnni"), (ARM, "avx512_vnni")],
)
def test_int8_for_another_cpu_is_refused_with_what_this_one_has(features, lacking) -> None:
    names = ["model.onnx", "model_qint8_avx512_vnni.onnx"]
    with pytest.raises(ModelFormatError) as raised:
        choose(names, variant="int8", features=features)
    said = str(raised.value)
    assert f"is made for {lacking}, which this CPU lacks" in said
    assert features[0] in said
    assert "there is also: model.onnx (1.0 MB)" in said


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("model_qint8_arm64.onnx", VNNI),
        ("model_qint8_avx512.onnx", AVX2),
        ("model_quint8_avx2.onnx", OLD_X86),
        ("model_quint8_avx2.onnx", ARM),
    ],
)
def test_a_file_for_another_cpu_is_refused_however_it_was_chosen(
    tmp_path, monkeypatch, name, features
) -> None:
    monkeypatch.setattr("hugot.models.cpu.cpu_features", lambda: features)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / name).write_bytes(b"graph")
    for path, choice in [(tmp_path, {}), (tmp_path, {"onnx_file": name}), (tmp_path / name, {})]:
        with pytest.raises(ModelFormatError, match="which this CPU lacks"):
            open_bundle(path, **choice)


def test_where_the_flags_are_not_known_the_kind_of_cpu_decides(tmp_path) -> None:
    names = ["model_qint8_arm64.onnx", "model_quint8_avx2.onnx"]
    assert choose(names, variant="int8", features=["x86_64"]) == "model_quint8_avx2.onnx"
    assert choose(names, variant="int8", features=["arm64"]) == "model_qint8_arm64.onnx"


def test_what_is_not_int8_asks_nothing_of_the_cpu(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hugot.models.cpu.cpu_features", lambda: OLD_X86)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model_avx512.onnx").write_bytes(b"graph")
    assert open_bundle(tmp_path).onnx_path.name == "model_avx512.onnx"


def test_a_variant_of_a_folder_is_opened(tmp_path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "onnx").mkdir()
    for name in ("model.onnx", "model_fp16.onnx"):
        (tmp_path / "onnx" / name).write_bytes(b"graph")
    assert open_bundle(tmp_path, variant="fp16").onnx_path.name == "model_fp16.onnx"
    assert open_bundle(tmp_path, variant="auto").onnx_path.name == "model.onnx"
    assert open_bundle(tmp_path, variant="model_fp16.onnx").onnx_path.name == "model_fp16.onnx"
