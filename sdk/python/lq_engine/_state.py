"""What a system keeps between ticks, as bytes: JSON with sorted keys, so equal is equal."""

import json

BYTES_MAX = 4096
MEND = "a state holds None, bool, int, float, str, and lists and dicts of them"


def _check(value, path):
    if value is None or isinstance(value, (bool, int, float, str)):
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{path}: the key {key!r} is no text; keys of a state are texts")
            _check(inner, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]")
    else:
        hint = "; keep entity.id" if type(value).__name__ == "Entity" else ""
        raise TypeError(f"{path} is a {type(value).__name__}; {MEND}{hint}")


def encode(state):
    """bytes of a state; b"" of an empty one. TypeError, ValueError: it cannot be kept."""
    if not isinstance(state, dict):
        raise TypeError(f"state is a {type(state).__name__}; it must stay a dict")
    _check(state, "state")
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    data = text.encode()
    if len(data) > BYTES_MAX:
        raise ValueError(
            f"state has {len(data)} bytes as JSON, at most {BYTES_MAX} are kept: "
            "keep less, or keep it in components"
        )
    return data


def decode(data, defaults):
    """The state of the last tick over the class's defaults; a dict of its own."""
    state = json.loads(json.dumps(defaults))
    if data:
        state.update(json.loads(bytes(data)))
    return state
