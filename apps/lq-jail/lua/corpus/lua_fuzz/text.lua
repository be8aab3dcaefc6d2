system{name="late", state={s=""}, run=function(world, delta, state)
  for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do state[k] = tonumber(v) end
  state.s = ("x y"):gsub("%f[%w]%w+", function(w) return w:upper() end) .. string.format("%5.1f|%s", 1.25, {})
  local t = {5, 3, 1} table.sort(t, function(a, b) return a < b end)
  state.t = table.concat(t, ",") .. #t .. utf8.char(228)
end}
