"""Ways to damage the files of a model folder, each chosen by a `random.Random`."""

from __future__ import annotations

import json
import math
import os

FILES = (
    "model.onnx",
    "tokenizer.json",
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
)
# What a value in a JSON file is replaced by.
_VALUES = (
    None, True, False, 0, 1, -1, 2, 7, 513, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -(2**63), 10**30, 0.5,
    -0.0, math.nan, math.inf, -math.inf, 1e308, "", "x", "mean", "../..", "/etc/passwd", "\0",
    "\ud800", "[PAD]", "right", "a" * 5000, [], [1], ["a"], [[]], [{}], {}, {"a": 1}, {"0": "A"},
    {"content": 5}, {"type": "x"},
)  # fmt: skip


def damage(folder, random):
    """Damage one file of a folder in one way; tells what was done."""
    files = [name for name in FILES if (folder / name).is_file() and (folder / name).stat().st_size]
    name = random.choice(files)
    path = folder / name
    ways = [_cut, _flip, _empty, _zero, _remove, _make_folder, _swap, _insert]
    if name.endswith(".json") and _is_json(path):
        ways += [_other_json] + [_change_json] * 12
    way = random.choice(ways)
    return f"{name}: {way.__name__.strip('_')} {way(folder, path, random)}"


def _cut(folder, path, random):
    size = random.randrange(path.stat().st_size)
    os.truncate(path, size)
    return size


def _flip(folder, path, random):
    data = bytearray(path.read_bytes())
    # The beginning of a graph and its end hold the structure; weights are most of the rest.
    near = random.choice((64, 1024, 16384, len(data)))
    done = []
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        place = min(random.randrange(near), len(data) - 1)
        place = place if random.random() < 0.5 else len(data) - 1 - place
        data[place] ^= random.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))
        done.append(place)
    path.write_bytes(data)
    return done[:8]


def _insert(folder, path, random):
    data = path.read_bytes()
    place = random.randrange(len(data))
    more = random.choice(
        (b"\0", b"\xff" * 9, data[:100], data[place : place + 64], b"{", b'"', b"]")
    )
    path.write_bytes(data[:place] + more + data[place:])
    return place, more[:10]


def _empty(folder, path, random):
    path.write_bytes(b"")


def _zero(folder, path, random):
    path.write_bytes(bytes(path.stat().st_size))


def _remove(folder, path, random):
    path.unlink()


def _make_folder(folder, path, random):
    path.unlink()
    path.mkdir()


def _swap(folder, path, random):
    other = folder / random.choice([name for name in FILES if (folder / name).is_file()])
    path.write_bytes(other.read_bytes())
    return other.name


def _other_json(folder, path, random):
    value = random.choice((None, 1, "x", [], {}, [1], [{}], {"type": 1}, [[[]]]))
    text = random.choice(
        (json.dumps(value), "[" * 100_000, '{"a":' * 100_000, "\ufeff{}", "NaN", "{}x")
    )
    path.write_text(text, encoding="utf-8")
    return text[:40]


def _change_json(folder, path, random):
    """Change, remove or add one value, deep within the file or not."""
    value = json.loads(path.read_text(encoding="utf-8"))
    done, place = [], value
    while isinstance(place, dict | list):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = random.choice(keys)
        done.append(key)
        if isinstance(place[key], (dict, list)) and place[key] and random.random() < 0.7:
            place = place[key]
            continue
        if random.random() < 0.15:
            del place[key]
            done.append("removed")
        else:
            place[key] = random.choice(_VALUES)
            done.append(str(place[key])[:20])
        break
    path.write_text(json.dumps(value), encoding="utf-8")
    return done


def _is_json(path):
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        return False
