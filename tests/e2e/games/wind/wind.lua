system{name = "wind", reads = {"PlayerTag"}, writes = {"PlayerTag"}, run = function(world)
  for player in world:each("PlayerTag") do
    world:command("blow", {entity = player, by = 1 + world:random(3), calm = 0 / 0})
    world:command("blow", {entity = player, by = 100}) -- off the edge
  end
  world:command("blow", {by = 1}) -- nobody
end}

command{name = "blow", run = function(world, command)
  local at = command.entity.Position
  at.x = at.x + command.by
  world:emit("blown", {who = command.entity, x = at.x})
  command.entity.Count.calm = command.calm
  if at.x % 2 == 0 then world:command("count", {entity = command.entity}) end
  if command.by > 3 then refuse("off the edge") end
end}

command{name = "count", run = function(world, command)
  local count = command.entity.Count
  count.even = count.even + 1
end}

command{name = "move", run = function(world, command)
  local at = command.entity.Position
  at.y = at.y + command.vec[2]
end}
