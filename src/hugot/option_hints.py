"""What to use instead of an option of another library, for messages about unknown options."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PRECISION = "the precision is that of the .onnx file; variant= chooses another file of the folder"
_FOLDER = "it is read from the model's folder; leave it out"
_NO_CODE = "hugot runs no code of a model; leave it out"
_ARRAYS = "vectors are numpy arrays; leave it out"
_ACCESS = (
    "use the environment variable HF_TOKEN, or download the model with hugot.download_model first"
)
_MODEL_FOLDER = "use model_folder="
_LABELS = "it belongs to the task zero-shot-classification"

# Options of transformers, sentence-transformers, optimum, fastembed and onnxruntime → the advice.
_ADVICE: Final = {
    "return_all_scores": "use top_k=None for the scores of all labels",
    "grouped_entities": 'use aggregation_strategy="simple"',
    "ignore_subwords": 'use aggregation_strategy="first"',
    "dtype": _PRECISION,
    "torch_dtype": _PRECISION,
    "load_in_8bit": _PRECISION,
    "load_in_4bit": _PRECISION,
    "quantization_config": _PRECISION,
    "tokenizer": _FOLDER,
    "tokenizer_path": _FOLDER,
    "config": _FOLDER,
    "processor": _FOLDER,
    "feature_extractor": _FOLDER,
    "image_processor": _FOLDER,
    "tokenizer_name": _FOLDER,
    "trust_remote_code": _NO_CODE,
    "pipeline_class": _NO_CODE,
    "framework": "hugot runs ONNX files alone; leave it out",
    "backend": "hugot runs ONNX files alone; leave it out",
    "use_fast": "hugot's tokenizers are fast ones; leave it out",
    "padding": "rows are padded to the longest of their group, which changes no answer; leave it out",
    "pad_to_multiple_of": "use shape_policy= and widths= of the session",
    "max_seq_length": "use max_length=",
    "model_max_length": "use max_length=",
    "truncate": "use truncation=",
    "model_kwargs": "pass the options themselves; file_name is onnx_file= here",
    "tokenize_kwargs": "pass the options themselves, such as truncation=",
    "tokenizer_kwargs": "pass the options themselves, such as truncation=",
    "num_workers": "use threads= and workers= of the session",
    "device": "give it to hugot.pipeline, or providers= to Session",
    "device_map": "use device= of hugot.pipeline, or providers= of the session",
    "return_tensors": _ARRAYS,
    "convert_to_numpy": _ARRAYS,
    "convert_to_tensor": "vectors are numpy arrays; use torch.from_numpy(result)",
    "normalize_embeddings": "use normalize=",
    "show_progress_bar": "here it is show_progress",
    "output_value": 'use pooling="none" for the vectors of tokens',
    "precision": "vectors are float32",
    "pooling_mode": "use pooling=",
    "dimensions": "use truncate_dim=",
    "cache_folder": _MODEL_FOLDER,
    "cache_dir": _MODEL_FOLDER,
    "local_files_only": "set the environment variable HF_HUB_OFFLINE=1",
    "token": _ACCESS,
    "use_auth_token": _ACCESS,
    "file_name": "use onnx_file=",
    "model_file": "use onnx_file=",
    "subfolder": "pass the path of the folder as the model, or use onnx_file=",
    "export": "export the model with optimum-cli first",
    "provider": "use providers=, a list",
    "provider_options": "use providers=[(name, {option: value})]",
    "session_options": "pass ONNX Runtime's options as those of the session, such as threads=",
    "sess_options": "pass ONNX Runtime's options as those of the session, such as threads=",
    "intra_op_num_threads": "use threads=",
    "inter_op_num_threads": "use inter_op_threads=",
    "cuda": 'use device="cuda"',
    "parallel": "use workers=",
    "candidate_labels": _LABELS,
    "hypothesis_template": _LABELS,
    "multi_label": _LABELS,
    "multi_class": "use multi_label= of the task zero-shot-classification",
}


def hint_of(name: object, known: Sequence[str], elsewhere: Sequence[str] = ()) -> str:
    """Return what to do about an unknown option, to be followed by the list of the known ones.

    Args:
        name: the unknown name.
        known: the names that can be used.
        elsewhere: options of the session, which are given when it, or a pipeline with one of its own, is
            made.
    """
    text = str(name)
    if text in elsewhere:
        return f"; {text}= is given to hugot.pipeline or Session, not here. There are"
    if text in _ADVICE:
        return f"; {_ADVICE[text]}. There are"
    near = difflib.get_close_matches(text, known, n=1)
    return f"; did you mean {near[0]!r}? There are" if near else "; there are"
