// Guests over the real server: the founding example, four languages with one result, and what hostile ones can do.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hostile, sources, yaml } from './hostile.mjs'
import { Client, dataFolder, rest, root, run, serve, until, wait } from './lib.mjs'

const examples = ['treasure_hunt', 'treasure_hunt_c', 'treasure_hunt_lua', 'treasure_hunt_wasm']

const founding = `# systems/treasure_hunt.py
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
`

test('the founding example runs as it was written', async (t) => {
  const folder = join(root, 'examples/treasure_hunt')
  assert.equal(readFileSync(join(folder, 'systems/treasure_hunt.py'), 'utf8'), founding)
  assert.match(readFileSync(join(folder, 'game.yaml'), 'utf8'), /^systems:\n {2}- systems\.treasure_hunt\.TreasureCollectSystem$/m)
  const server = await serve(t, dataFolder(t), ['dev', folder])
  const client = new Client(server.port)
  const joined = await client.join({})
  const from = joined.state[joined.player].Position
  const to = joined.state.chest1.Position
  const collected = client.next((m) => m.evt === 'treasure.collected')
  for (let { x, y } = from, i = 0; x !== to.x || y !== to.y; i++) {
    const vec = [Math.sign(to.x - x), Math.sign(to.y - y), 0]
    ;[x, y] = [x + vec[0], y + vec[1]]
    await client.ask({ cmd: 'move', entity: joined.player, vec, id: `m${i}` }, (m) => m.evt === 'ack')
  }
  const { tick, seq, ...event } = await collected
  assert.deepEqual(event, { evt: 'treasure.collected', player: 'p1', value: 100 })
  assert.ok(tick > 0 && seq === 0)
})

// The same game by turns: a command is a tick.
function byTurns(t, name) {
  const folder = join(dataFolder(t), name)
  cpSync(join(root, 'examples', name), folder, { recursive: true })
  const path = join(folder, 'game.yaml')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^tick: .*$/m, 'tick: on_command').replace(/^name: .*$/m, 'name: demo'))
  return folder
}

// Plays a fixed game; after each move the state's hash. Between, a kill and a sleep.
async function played(t, name) {
  const data = dataFolder(t)
  const env = { LQ_HIBERNATE_MS: '300' }
  const folder = byTurns(t, name)
  const at = '/v1/tenants/acme/games/demo/sessions'
  let server = await serve(t, data, ['dev', folder], env)
  const made = await rest(server, at, { method: 'POST', body: JSON.stringify({ session: 'same', seed: 42 }), headers: { 'content-type': 'application/json' } })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const hashes = []
  const events = []
  let resume = {}
  const part = async (first, last) => {
    const client = new Client(server.port)
    client.onMessage = (m) => m.evt === 'treasure.collected' && events.push(JSON.stringify(m))
    const joined = await client.join({ session: 'same', player: 'ann', ...resume })
    resume = { resume: joined.resume }
    for (let i = first; i < last; i++) {
      const { state } = (await rest(server, `${at}/same/state`)).body
      const chest = Object.values(state).find((entity) => entity.TreasureTag).Position
      const { x, y } = state.ann.Position
      await client.ask({ cmd: 'move', entity: 'ann', vec: [Math.sign(chest.x - x), Math.sign(chest.y - y), 0], id: `m${i}` }, (m) => m.evt === 'ack')
      const { body } = await rest(server, `${at}/same/hash`)
      hashes.push(`${body.tick} ${body.hash}`)
    }
    return client
  }
  const first = await part(0, 60)
  await server.kill('SIGKILL')
  await first.gone
  server = await serve(t, data, ['dev', folder], env)
  await (await part(60, 90)).close()
  await until(async () => (await rest(server, `${at}/same`)).body.state === 'hibernated', `${name} sleeps`)
  await (await part(90, 150)).close()
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', 'same', '--json', '--data', data])
  assert.equal(verified.code, 0, `${name}: ${verified.out}${verified.err}`)
  return { hashes, events }
}

test('four languages, one game: live, after kill -9, after sleep, replayed', async (t) => {
  const [python, ...others] = [await played(t, examples[0]), await played(t, examples[1]), await played(t, examples[2]), await played(t, examples[3])]
  assert.equal(python.hashes.length, 150)
  assert.ok(python.events.length > 2, 'somebody found something')
  for (const [i, other] of others.entries()) {
    assert.deepEqual(other.events, python.events, examples[i + 1])
    assert.deepEqual(other.hashes, python.hashes, examples[i + 1])
  }
})

// ---- commands of the game's own code ----

const winds = {
  python: { file: 'wind.py', system: 'systems.wind.Wind' },
  lua: { file: 'wind.lua', system: 'wind' },
  c: { file: 'wind_native.c', system: 'wind' },
  wasm: { file: 'wind_guest.c', system: 'wind' },
}

function windy(t, language) {
  const { file, system } = winds[language]
  const from = join(root, 'tests/e2e/games/wind')
  const folder = join(dataFolder(t), language)
  mkdirSync(join(folder, 'systems'), { recursive: true })
  writeFileSync(join(folder, 'game.yaml'), readFileSync(join(from, 'game.yaml'), 'utf8').replace('SYSTEM', system))
  if (language !== 'wasm') cpSync(join(from, file), join(folder, 'systems', file))
  else {
    const flags = ['--target=wasm32', '-O2', '-nostdlib', '-ffreestanding', '-fno-builtin', '-Wl,--no-entry', '-Wl,--stack-first', '-Wl,-z,stack-size=16384']
    const made = spawnSync('clang-19', [...flags, `-I${join(root, 'sdk/wasm')}`, '-o', join(folder, 'systems/wind.wasm'), join(from, file)], { encoding: 'utf8' })
    assert.equal(made.status, 0, made.stderr)
  }
  return folder
}

// Thirty moves of ann, a kill between; what was blown, and a hash for each.
async function blown(t, language) {
  const data = dataFolder(t)
  const folder = windy(t, language)
  const at = '/v1/tenants/acme/games/wind/sessions'
  let server = await serve(t, data, ['dev', folder])
  const made = await rest(server, at, { method: 'POST', body: JSON.stringify({ session: 'gale', seed: 7 }), headers: { 'content-type': 'application/json' } })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const hashes = []
  const events = new Map() // by tick: who comes back is told the last ones again
  let resume = {}
  let state
  for (const [first, last] of [[0, 15], [15, 30]]) {
    if (first) {
      await server.kill('SIGKILL')
      server = await serve(t, data, ['dev', folder])
    }
    const client = new Client(server.port)
    client.onMessage = (m) => m.evt === 'blown' && events.set(m.tick, JSON.stringify(m))
    const joined = await client.join({ game: 'wind', session: 'gale', player: 'ann', ...resume })
    resume = { resume: joined.resume }
    for (let i = first; i < last; i++) {
      await client.ask({ cmd: 'move', entity: 'ann', vec: [0, 1, 0], id: `m${i}` }, (m) => m.evt === 'ack')
      const { body } = await rest(server, `${at}/gale/hash`)
      hashes.push(`${body.tick} ${body.hash}`)
    }
    // What it refuses is told to whoever writes the game.
    assert.match(server.err, /the game sent blow, which was refused: off the edge\n +LQ_ERR_FORBIDDEN in tick \d+ of session gale; \d+ since/)
    // What the game sends, a player may not.
    const refused = await client.ask({ cmd: 'blow', entity: 'ann', by: 1, calm: 0, id: `b${first}` }, (m) => m.evt === 'error')
    assert.equal(refused.code, 'LQ_ERR_FORBIDDEN')
    state = (await rest(server, `${at}/gale/state`)).body.state
  }
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', 'gale', '--game', 'wind', '--json', '--data', data])
  assert.equal(verified.code, 0, `${language}: ${verified.out}${verified.err}`)
  const told = run(['audit', 'mutations', 'gale', '--game', 'wind', '--data', data])
  assert.equal(told.code, 0, told.err)
  const causes = told.out.trim().split('\n').map((line) => JSON.parse(line)).filter((m) => m.component === 'Count').map((m) => m.cause)
  return { hashes, events: [...events.values()], state, causes }
}

test('four languages whose systems send commands: one game, live, after kill -9, replayed', async (t) => {
  const python = await blown(t, 'python')
  assert.equal(python.hashes.length, 30)
  // Each tick one gust, and nothing of the one that was refused.
  const rows = python.events.map((text) => JSON.parse(text))
  let x = 0
  for (const row of rows) {
    assert.ok(row.x > x && row.x <= x + 3, `${row.x} behind ${x}`)
    x = row.x
  }
  assert.ok(rows.length >= 30)
  assert.equal(python.state.ann.Position.x, x)
  assert.equal(python.state.ann.Position.y, 30)
  assert.equal(python.state.ann.Count.calm, null, 'a NaN')
  assert.equal(python.state.ann.Count.even, rows.filter((row) => row.x % 2 === 0).length)
  assert.ok(python.causes.length > 0 && python.causes.slice(1).every((cause) => cause === 'system'), `${python.causes}`)
  for (const language of ['lua', 'c', 'wasm']) {
    const other = await blown(t, language)
    assert.deepEqual(other.events, python.events, language)
    assert.deepEqual(other.hashes, python.hashes, language)
    assert.deepEqual(other.state, python.state, language)
  }
})

test('a file that is saved while a game runs is what runs next; a broken one says where and changes nothing', async (t) => {
  const folder = byTurns(t, 'treasure_hunt_lua')
  const data = dataFolder(t)
  const path = join(folder, 'systems/hunt.lua')
  const text = readFileSync(path, 'utf8')
  const server = await serve(t, data, ['dev', folder])
  const client = new Client(server.port)
  await client.join({})
  const release = async () => (await rest(server, '/v1/tenants/acme/games/demo/sessions/main')).body.release
  const before = await release()
  writeFileSync(path, `${text}\nthis is no Lua\n`)
  await until(() => /hunt\.lua:\d+/.test(server.err + server.out), 'the mistake is told with its place')
  assert.equal(await release(), before)
  writeFileSync(path, `${text}\n-- another one\n`)
  const after = await until(async () => {
    const answer = await client.ask({ cmd: 'move', entity: client.player, vec: [1, 0, 0], id: `x${Math.random()}` }, (m) => m.evt === 'ack' || m.evt === 'error')
    assert.equal(answer.evt, 'ack', JSON.stringify(answer))
    const now = await release()
    return now !== before && now
  }, 'the session runs the new release')
  assert.notEqual(after, before)
  await client.close()
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', '--json', '--data', data])
  assert.equal(verified.code, 0, 'replayed with both releases')
  assert.equal(JSON.parse(verified.out).findings, 0)
})

test('what players send while a swap waits for slow guests is kept, in order, and acknowledged', async (t) => {
  const folder = dataFolder(t)
  const rules = (version) => `local version = ${version}
command{name = "count", run = function(world, command)
  local tally = command.entity.Tally
  tally.n = tally.n + 1
  world:emit("counted", {n = command.n, version = version})
end}
system{name = "slow", run = function() for _ = 1, 2000000 do end end}
`
  mkdirSync(join(folder, 'slow/systems'), { recursive: true })
  const path = join(folder, 'slow/systems/slow.lua')
  writeFileSync(path, rules(1))
  writeFileSync(join(folder, 'slow/game.yaml'), `lq: 1
name: demo
tick: {hz: 20}
limits: {entities: 16, players: 8}
components: {Tally: {fields: {n: i32}}}
commands: {count: {fields: {entity: entity, n: i32}}}
events: {counted: {fields: {n: i32, version: i32}}}
systems: [slow]
players: {spawn: {Tally: {}}}
`)
  const data = join(folder, 'data')
  const server = await serve(t, data, ['dev', join(folder, 'slow')])
  const release = async () => (await rest(server, '/v1/tenants/acme/games/demo/sessions/main')).body.release
  const client = new Client(server.port)
  const answers = []
  const counted = []
  client.onMessage = (m) => {
    if (m.evt === 'ack' || m.evt === 'error') answers.push(`${m.evt} ${m.id}`)
    if (m.evt === 'counted') counted.push(m)
  }
  await client.join({ player: 'ann' })
  let sent = 0
  for (const version of [2, 3, 4]) {
    const before = await release()
    writeFileSync(path, rules(version))
    for (let now = before; now === before; now = await release())
      for (let i = 0; i < 5; i++, await wait(20)) client.send({ cmd: 'count', entity: 'ann', n: sent, id: `c${sent++}` })
  }
  await until(() => answers.length >= sent, 'everything is answered')
  assert.deepEqual(answers, Array.from({ length: sent }, (_, i) => `ack c${i}`))
  await until(() => counted.length >= sent, 'everything is counted')
  assert.deepEqual(counted.map((m) => m.n), Array.from({ length: sent }, (_, i) => i))
  const versions = counted.map((m) => m.version)
  assert.deepEqual(versions, versions.toSorted(), 'no command of a new release is before one of an old one')
  assert.equal((await rest(server, '/v1/tenants/acme/games/demo/sessions/main/state')).body.state.ann.Tally.n, sent)
  await client.close()
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', '--json', '--data', data])
  assert.equal(verified.code, 0, `${verified.out}${verified.err}`)
})

// ---- hostile ones ----

function write(folder, name, language, body, whole) {
  const at = join(folder, name)
  mkdirSync(join(at, 'systems'), { recursive: true })
  const put = (file, text) => writeFileSync(join(at, 'systems', file), text)
  const honest = sources.lua('').split('\n').slice(3).join('\n')
  if (language === 'python') put('s.py', whole ?? sources.python(body))
  if (language === 'lua') put('s.lua', whole ?? sources.lua(body))
  if (language === 'wasm') {
    put('honest.lua', honest)
    const wat = join(folder, `${name}.wat`)
    writeFileSync(wat, `(module (memory (export "memory") 1) (func $S (export "s") (param f32) ${body}))`)
    const made = spawnSync('wat2wasm', [wat, '-o', join(at, 'systems/s.wasm')], { encoding: 'utf8' })
    assert.equal(made.status, 0, made.stderr)
  }
  writeFileSync(join(at, 'game.yaml'), language === 'python' ? yaml(name, 'systems.s.S', 'systems.s.Honest') : yaml(name, 's', 'honest'))
  return at
}

async function suffered(server, name, expected) {
  const client = new Client(server.port)
  const failures = []
  client.onMessage = (m) => m.evt === 'guest.failed' && failures.push(m)
  await client.join({ game: name }, 60000) // some fifty processes start at the same moment
  const counted = async () => {
    const { body } = await rest(server, `/v1/tenants/acme/games/${name}/sessions/main/state`)
    return body.state.a1.Secret.n
  }
  if (expected.fails) {
    const last = await until(() => failures.find((f) => f.suspended), `${name} is suspended; ${JSON.stringify(failures)}`)
    assert.match(`${last.error}\n${last.stack}`, expected.fails, `${name}: ${last.error}`)
    assert.ok(failures.length <= 3, name) // one may come before we do
  }
  const before = await counted()
  await until(async () => (await counted()) > before + 3, `the honest system of ${name} goes on; ${JSON.stringify(failures)}`)
  const { body } = await rest(server, `/v1/tenants/acme/games/${name}/sessions/main/state`)
  assert.deepEqual(Object.keys(body.state), ['a1'], `${name} made or deleted something`)
  await client.close()
  return failures
}

for (const language of ['python', 'lua', 'wasm']) {
  test(`hostile guests in ${language} are contained`, { timeout: 240000 }, async (t) => {
    const folder = dataFolder(t)
    const mine = hostile.filter(([, of]) => of === language)
    const games = []
    for (const [name, , body, expected] of mine) {
      const at = write(folder, name, language, body, expected.whole)
      const built = run(['build', at])
      if (built.code === 0) games.push({ name, at, expected })
      // Refused before it ran is contained, too.
      else assert.match(built.err, expected.build ?? /systems\/s\.\w+:\d+: /, `${name}: ${built.err}`)
      assert.ok(built.code === 1 || !expected.build, `${name} was built`)
    }
    const data = join(folder, 'data')
    const server = await serve(t, data, ['serve', join(root, 'examples/treasure_hunt_c'), ...games.map((game) => game.at), '--auth', 'none'])
    // Somebody else plays meanwhile, and everything of theirs is acknowledged.
    const neighbour = new Client(server.port)
    await neighbour.join({ player: 'ann' })
    let over = false
    const plays = (async () => {
      let moves = 0
      for (; !over; moves++) await neighbour.ask({ cmd: 'move', entity: 'ann', vec: [moves % 2 ? 1 : -1, 0, 0], id: `n${moves}` }, (m) => m.evt === 'ack')
      return moves
    })()
    const results = await Promise.allSettled(games.map((game) => suffered(server, game.name, game.expected)))
    over = true
    assert.ok((await plays) > 0)
    const wrong = results.flatMap((result, i) => (result.status === 'rejected' ? [`${games[i].name}: ${result.reason.message}`] : []))
    assert.deepEqual(wrong, [])
    assert.equal((await server.kill('SIGTERM')).code, 0)
    for (const { name, expected } of games) {
      const shown = JSON.parse(run(['session', 'show', 'main', '--game', name, '--json', '--data', data]).out)
      if (expected.fails) assert.ok(shown.guests_failed.some((guest) => guest.suspended && guest.why), `${name}: ${JSON.stringify(shown.guests_failed)}`)
      const verified = run(['session', 'verify', 'main', '--game', name, '--data', data])
      assert.equal(verified.code, 0, `${name} replays: ${verified.out}${verified.err}`)
    }
  })
}
