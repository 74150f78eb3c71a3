"""What must be the same for a run to be taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from hugot.bulk.inputs import file_mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot.bulk.inputs import InputFile
    from hugot.models.bundle import ModelBundle


def fingerprint(
    bundle: ModelBundle, files: Sequence[InputFile], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Marks of the model's files and of the input's, and the options, as JSON has them."""
    # External weights lie beside the graph, as model.onnx_data or model.onnx.data.
    weights = sorted(bundle.onnx_path.parent.glob(f"{bundle.onnx_path.name}*"))
    settings = sorted(bundle.folder.glob("*.json"))
    # What `hugot optimize` writes comes and goes without another result.
    kept = [path for path in settings if not path.name.endswith(".ort.json")]
    parts = [bundle.onnx_path, *weights, bundle.tokenizer_path, *kept]
    marks = {
        "the model": [file_mark(path) for path in dict.fromkeys(parts)],
        "the input": [[*file_mark(each.path), str(each.format)] for each in files],
        **{f"option {name}": value for name, value in sorted(options.items())},
    }
    as_json = orjson.dumps(marks, default=str, option=orjson.OPT_NON_STR_KEYS)
    return orjson.loads(as_json)  # type: ignore[no-any-return]
