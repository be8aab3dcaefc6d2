"""Components that game.yaml declares and no Python file does: ``from lq_engine.game import Purse``.

In a test without a server, say what they are first:

    from lq_engine.testing import declare
    declare("Purse", coins="money(EUR)")
"""

from lq_engine import _backend

_made = {}


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    if name not in _made:
        _made[name] = _backend.of_game(name)
    return _made[name]
