system{name="hunt.respawn", run=function(world)
  local e = world:create{owner=1, Position={x=world:random(16)}, Note={text="hi", link={"p0"}}}
  e:add("Purse", {coins=5}) e:remove("Purse") world:wake_at(world.tick + 1)
  local co = coroutine.wrap(function(a) local b <close> = setmetatable({}, {__close=function() end}) coroutine.yield(a) end)
  co(1) local ok, why = pcall(error, {}) if not ok then world:find("p0").Note.weight = 0.5 end
end}
