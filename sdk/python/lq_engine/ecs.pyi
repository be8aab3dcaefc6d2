from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, dataclass_transform

_C = TypeVar("_C", bound=Component)
_S = TypeVar("_S", bound=type[System])
_F = TypeVar("_F", bound=Callable[[World, Any], None])

I32 = Annotated[int, "i32"]
I64 = Annotated[int, "i64"]
F32 = Annotated[float, "f32"]

@dataclass_transform(kw_only_default=False)
class ComponentType(type): ...

class Component(metaclass=ComponentType):
    """Data of an entity: fields with types, and nothing else.

    ``int`` (64 bits alone; what game.yaml says when it declares the component too), ``float`` (kept
    in 32 bits), ``bool``, ``str`` (63 bytes), ``Entity`` (an entity, or None), or an exact type of
    game.yaml: ``Annotated[str, "str(200)"]``, ``Annotated[list[int], "i32[3]"]``,
    ``Annotated[int, "money(EUR)"]``. Without fields it is a tag. Methods are welcome.

    ``Position(x=1)`` is a value, to add; ``entity.Position`` is a live view of the entity's own:
    what is assigned there is seen at once. Both compare by their fields. They hash by their fields
    as well, so do not change one that is a key.
    """

class Entity:
    """An entity, for the time of one call. ``entity.Position`` is its component.

    Keep ``entity.id``, not the entity, to find it again in a later tick.
    """

    @property
    def id(self) -> str:
        """``"p1"``; ``""`` for one that was made in this call."""
    @property
    def owner(self) -> int:
        """The slot of the player who owns it; 0 is nobody."""
    def has(self, component: type[Component]) -> bool: ...
    def add(self, component: Component | type[Component]) -> None:
        """At the end of this system; an entity that has it already gets the new values."""
    def remove(self, component: type[Component]) -> None:
        """At the end of this system."""
    def __getattr__(self, component: str) -> Any: ...
    def __setattr__(self, component: str, value: Component) -> None: ...

class Constants(Protocol):
    def __getattr__(self, name: str) -> int: ...

class World:
    """The session, as a system or a handler may see and change it."""

    @property
    def tick(self) -> int:
        """The number of this tick."""
    @property
    def constants(self) -> Constants:
        """The constants of game.yaml: ``world.constants.map_width``."""
    def with_components(
        self, *types: type[Component], without: Iterable[type[Component]] = ()
    ) -> tuple[Entity, ...]:
        """Entities that have all of these, oldest row first, always in the same order."""
    def find(self, id: str) -> Entity | None: ...
    def create_entity(
        self, *components: Component | type[Component], id: str | None = None, owner: int = 0
    ) -> Entity:
        """Seen by queries from the next system on."""
    def delete_entity(self, entity: Entity) -> None:
        """At the end of this system. Twice is as once."""
    def emit(self, event: str, fields: Mapping[str, Any] = ...) -> None:
        """An event of game.yaml. An entity's field takes an Entity or its id; fields left out are
        zero. LookupError: no such event or field."""
    def command(self, command: str, fields: Mapping[str, Any] = ...) -> None:
        """Sends a command of game.yaml as the host, whoever may send it. Its handler runs in this
        tick, when what this system or handler changed is there, behind the commands that wait
        already; what it refuses is no matter of the sender's. Fields as for emit. LookupError: no
        such command or field. RuntimeError: the host's own (join, leave ...), or more than 256."""
    def random(self, bound: int) -> int:
        """0..bound-1, from the session's own dice: the same when it is replayed."""
    def wake_at(self, tick: int) -> None:
        """The session does not sleep before this tick."""

class System:
    """A rule. One object for all sessions: what it must remember belongs into `state`.

    ``reads`` and ``writes`` (tuples of components): what it sees and may change, unless all; less is
    faster. ``state``: a dict of defaults; ``self.state`` is the session's, kept between ticks (JSON,
    at most 4,096 bytes).
    """

    reads: ClassVar[tuple[type[Component], ...]]
    writes: ClassVar[tuple[type[Component], ...]]
    state: dict[str, Any]
    def process(self, world: World, delta: float) -> None:
        """Called each tick; delta is a tick's length in seconds, 0.0 in a game of turns."""

class Refuse(Exception):
    """``raise Refuse("the door is locked")`` in a handler: the player gets the reason, and nothing
    that the handler did stays."""

def register_system(tick_order: int = 50) -> Callable[[_S], _S]:
    """Lower orders run first; equal ones by name."""

def on_command(name: str) -> Callable[[_F], _F]:
    """``def move(world, command)``: the command's fields are attributes; ``command.player`` is the
    slot of the player who sent it (0: the host), ``command.entity`` the field of that name, an
    Entity. ``"join"`` and ``"leave"`` may have handlers too; there ``command.player`` is the id of
    the player and ``command.entity`` their entity."""
