-- The rules of the treasure hunt. What is declared in game.yaml is known here by its name.
-- The three systems know nothing of each other; they meet only through components.

local function between(low, value, high)
  return value < low and low or value > high and high or value
end

local function same_field(a, b)
  return a.Position.x == b.Position.x and a.Position.y == b.Position.y
end

-- A random field with nobody and nothing on it, the same one on every machine; nil: there is none.
local function free_field(world)
  local width, height = world.constants.map_width, world.constants.map_height
  local taken, free = {}, {}
  for entity in world:each("Position") do
    local at = entity.Position
    if at.x >= 0 then taken[at.y * width + at.x] = true end -- else: not on the map yet
  end
  for field = 0, width * height - 1 do
    if not taken[field] then free[#free + 1] = field end
  end
  if #free == 0 then return nil end
  local field = free[world:random(#free) + 1]
  return field % width, field // width
end

-- ---- commands ----

-- Runs once a player: who comes back after a broken connection stands where they stood.
command{name = "join", run = function(world, command)
  local player = world:find(command.player)
  if not player or not player:has("Position") then return end
  local x, y = free_field(world)
  if not x then refuse("there is no free field on the map") end
  player.Position.x, player.Position.y = x, y
end}

-- One step in each direction at most, and never off the map.
command{name = "move", run = function(world, command)
  local who = command.entity
  if not who:has("Position") then refuse("this entity has no Position") end
  local at, vec = who.Position, command.vec
  at.x = between(0, at.x + between(-1, vec[1], 1), world.constants.map_width - 1)
  at.y = between(0, at.y + between(-1, vec[2], 1), world.constants.map_height - 1)
end}

-- ---- systems ----

-- What a chest is worth goes into the purse of each player on its field, before it is taken.
system{name = "hunt.credit", order = 45, run = function(world)
  for player in world:each("PlayerTag", "Position", "Purse") do
    for chest in world:each("TreasureTag", "Position") do
      if same_field(player, chest) then
        player.Purse.coins = player.Purse.coins + world.constants.chest_value
      end
    end
  end
end}

-- A player on a chest's field collects it. Two players on one chest share the luck: the chest goes
-- once, when this system is done, and both have found it.
system{name = "hunt.collect", order = 50, run = function(world)
  for player in world:each("PlayerTag", "Position") do
    for chest in world:each("TreasureTag", "Position") do
      if same_field(player, chest) then
        world:delete(chest)
        world:emit("treasure.collected", {player = player, value = world.constants.chest_value})
      end
    end
  end
end}

-- There are always as many chests as game.yaml says; a missing one comes back, one a tick.
system{name = "hunt.respawn", order = 70, run = function(world)
  local count = 0
  for _ in world:each("TreasureTag") do count = count + 1 end
  if count >= world.constants.chests then return end
  local x, y = free_field(world)
  if x then world:create{TreasureTag = {}, Position = {x = x, y = y}} end
end}
