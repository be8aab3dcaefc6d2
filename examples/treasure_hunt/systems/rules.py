"""The other rules of the treasure hunt: the map, the purse, and chests that come again."""

from lq_engine.ecs import Refuse, System, on_command, register_system
from lq_engine.game import Purse
from systems.treasure_hunt import PlayerTag, Position, TreasureTag


def between(low, value, high):
    return low if value < low else high if value > high else value


def free_field(world):
    """A random field with nobody and nothing on it; None when there is none."""
    width, height = world.constants.map_width, world.constants.map_height
    taken = {(e.Position.x, e.Position.y) for e in world.with_components(Position)}
    fields = [(x, y) for y in range(height) for x in range(width) if (x, y) not in taken]
    return fields[world.random(len(fields))] if fields else None


@on_command("join")
def join(world, command):
    """Runs once a player: who comes back after a broken connection stands where they stood."""
    player = world.find(command.player)
    if player is None or not player.has(Position):
        return
    place = free_field(world)
    if place is None:
        raise Refuse("there is no free field on the map")
    player.Position.x, player.Position.y = place


@on_command("move")
def move(world, command):
    """One step in each direction at most, and never off the map."""
    if not command.entity.has(Position):
        raise Refuse("this entity has no Position")
    at = command.entity.Position
    at.x = between(0, at.x + between(-1, command.vec[0], 1), world.constants.map_width - 1)
    at.y = between(0, at.y + between(-1, command.vec[1], 1), world.constants.map_height - 1)


@register_system(tick_order=45)
class CreditSystem(System):
    """What a chest is worth goes into the purse of each player on its field, before it is taken."""

    reads = (PlayerTag, TreasureTag, Position, Purse)
    writes = (Purse,)

    def process(self, world, delta):
        for player in world.with_components(PlayerTag, Position, Purse):
            for treasure in world.with_components(TreasureTag, Position):
                if player.Position == treasure.Position:
                    player.Purse.coins += world.constants.chest_value


@register_system(tick_order=70)
class RespawnSystem(System):
    """There are always as many chests as game.yaml says; a missing one comes back, one a tick."""

    def process(self, world, delta):
        if len(world.with_components(TreasureTag)) >= world.constants.chests:
            return
        place = free_field(world)
        if place is not None:
            world.create_entity(TreasureTag, Position(*place))
