local function near(a, b) return math.abs(a.x - b.x) + math.abs(a.y - b.y) < 2 end
component{name="Position", fields={x="i32", y="i32"}}
system{name="hunt.collect", order=50, reads={"Position", "PlayerTag", "TreasureTag"}, writes={},
  state={n=0, seen={}}, run=function(world, delta, state)
  for player in world:each("PlayerTag", "Position") do
    for chest in world:each("TreasureTag", "Position", {without={"PlayerTag"}}) do
      if player.Position == chest.Position or near(player.Position, chest.Position) then
        world:delete(chest)
        world:emit("treasure.collected", {player=player, value=100})
        state.n = state.n + 1
        state.seen[chest.id] = world.tick
      end
    end
  end
end}
command{name="move", run=function(world, cmd)
  local at = cmd.entity and cmd.entity.Position
  if not at then refuse("no Position") end
  at.x = math.max(0, math.min(at.x + cmd.vec[1], world.constants.map_width - 1))
end}
