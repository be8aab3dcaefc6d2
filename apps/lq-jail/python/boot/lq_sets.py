"""Sets that iterate in the order of insertion: that of memory is another one in every process."""

from collections.abc import MutableSet, Set


class _Ordered(Set):
    __slots__ = ("_keys",)

    def __init__(self, iterable=()):
        self._keys = dict.fromkeys(iterable)

    @classmethod
    def _from_iterable(cls, iterable):
        return cls._plain(iterable)

    @classmethod
    def __class_getitem__(cls, item):
        return cls

    def __contains__(self, key):
        return key in self._keys

    def __iter__(self):
        return iter(self._keys)

    def __len__(self):
        return len(self._keys)

    def __repr__(self):
        inner = ", ".join(map(repr, self._keys))
        return f"{{{inner}}}" if inner else "set()"

    def copy(self):
        return self._plain(self._keys)

    def union(self, *others):
        return self._plain(key for part in (self, *others) for key in part)

    def intersection(self, *others):
        kept = [dict.fromkeys(other) for other in others]
        return self._plain(key for key in self if all(key in other for other in kept))

    def difference(self, *others):
        gone = dict.fromkeys(key for other in others for key in other)
        return self._plain(key for key in self if key not in gone)

    def symmetric_difference(self, other):
        other = self._plain(other)
        return self.difference(other).union(other.difference(self))

    def issubset(self, other):
        other = dict.fromkeys(other)
        return all(key in other for key in self)

    def issuperset(self, other):
        return all(key in self for key in other)


class frozenset(_Ordered):
    __slots__ = ()

    def __hash__(self):
        return self._hash()


class set(_Ordered, MutableSet):
    __slots__ = ()
    __hash__ = None

    def add(self, key):
        self._keys[key] = None

    def discard(self, key):
        self._keys.pop(key, None)

    def remove(self, key):
        del self._keys[key]

    def pop(self):
        if not self._keys:
            raise KeyError("pop from an empty set")
        return self._keys.popitem()[0]

    def clear(self):
        self._keys.clear()

    def update(self, *others):
        for other in others:
            self._keys.update(dict.fromkeys(other))

    def intersection_update(self, *others):
        self._keys = self.intersection(*others)._keys

    def difference_update(self, *others):
        self._keys = self.difference(*others)._keys

    def symmetric_difference_update(self, other):
        self._keys = self.symmetric_difference(other)._keys


set._plain = set
frozenset._plain = frozenset
