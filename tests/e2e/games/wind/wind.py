from typing import Annotated
from lq_engine.ecs import Component, Refuse, System, on_command, register_system
from lq_engine.game import Count

class Position(Component):
    x: Annotated[int, "i32"] = 0
    y: Annotated[int, "i32"] = 0

class PlayerTag(Component): ...

@register_system()
class Wind(System):
    reads = writes = (PlayerTag,)
    def process(self, world, delta):
        for player in world.with_components(PlayerTag):
            nan = float("inf") - float("inf")
            world.command("blow", {"entity": player, "by": 1 + world.random(3), "calm": nan})
            world.command("blow", {"entity": player, "by": 100})  # off the edge
        world.command("blow", {"by": 1})  # nobody

@on_command("blow")
def blow(world, command):
    at = command.entity.Position
    at.x += command.by
    world.emit("blown", {"who": command.entity, "x": at.x})
    command.entity.Count.calm = command.calm
    if at.x % 2 == 0:
        world.command("count", {"entity": command.entity})
    if command.by > 3:
        raise Refuse("off the edge")

@on_command("count")
def count(world, command):
    command.entity.Count.even += 1

@on_command("move")
def move(world, command):
    command.entity.Position.y += command.vec[1]
