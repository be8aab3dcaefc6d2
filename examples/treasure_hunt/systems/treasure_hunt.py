# systems/treasure_hunt.py
from lq_engine.ecs import Component, System, register_system

class Position(Component):
    x: int = 0
    y: int = 0

class PlayerTag(Component):
    ...

class TreasureTag(Component):
    ...

@register_system(tick_order=50)  # runs mid-loop
class TreasureCollectSystem(System):
    """
    If a player and treasure collide → award coins & emit event.
    """
    def process(self, world, delta):
        for player in world.with_components(PlayerTag, Position):
            for treasure in world.with_components(TreasureTag, Position):
                if player.Position == treasure.Position:
                    world.delete_entity(treasure)
                    world.emit(
                        "treasure.collected",
                        {"player": player.id, "value": 100},
                    )
