// The protocol over real sockets against the real server, as a foreign client would speak it.
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { Client, dataFolder, journal, rest, run, serve } from './lib.mjs'

const step = (from, to) => [Math.sign(to.x - from.x), Math.sign(to.y - from.y), 0]

// Walks a player onto the nearest chest by commands alone; the collected event.
async function collect(client, state) {
  const evt = client.next((m) => m.evt === 'treasure.collected' && m.player === client.player, 20000)
  let done = false
  evt.then(() => (done = true), () => (done = true))
  for (let i = 0; i < 80 && !done; i++) {
    const me = state[client.player].Position
    const chest = Object.values(state).find((e) => e.TreasureTag)?.Position
    const id = `w${client.player}-${i}`
    await client.ask({ cmd: 'move', entity: client.player, vec: chest ? step(me, chest) : [1, 0, 0], id }, (m) => m.id === id)
    await new Promise((r) => setTimeout(r, 30))
  }
  return evt
}

// Keeps a state object up to date from joined, state and snapshot messages.
function mirror(client, joined) {
  const state = structuredClone(joined.state)
  const merge = (m) => {
    if (m.evt === 'snapshot') {
      for (const k of Object.keys(state)) delete state[k]
      Object.assign(state, m.state)
    }
    if (m.evt !== 'state') return
    for (const id of m.del) delete state[id]
    for (const [id, set] of Object.entries(m.set))
      for (const [type, value] of Object.entries(set)) {
        state[id] ??= {}
        if (value === null) delete state[id][type]
        else state[id][type] = { ...state[id][type], ...value }
      }
  }
  client.onMessage = merge
  return state
}

test('join, move, collect, acknowledge, journal, replay', async (t) => {
  const data = dataFolder(t)
  const server = await serve(t, data)
  const one = new Client(server.port, '/')
  const joined = await one.join()
  assert.equal(joined.player, 'p1')
  assert.equal(joined.hz, 20)
  assert.ok(joined.resume && joined.state.p1.Position && 'PlayerTag' in joined.state.p1)
  const two = new Client(server.port, '/dev/')
  const second = await two.join()
  assert.equal(second.player, 'p2')
  assert.ok(second.state.p1, 'a late joiner sees who was there')
  const state = mirror(one, joined)
  const ack = await one.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: 'c1' }, (m) => m.evt === 'ack' && m.id === 'c1')
  assert.ok(Number.isInteger(ack.tick))
  // The same id again is the same command: the same tick is answered.
  const again = await one.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: 'c1' }, (m) => m.evt === 'ack' && m.id === 'c1')
  assert.equal(again.tick, ack.tick)
  const seen = two.next((m) => m.evt === 'treasure.collected', 30000)
  const event = await collect(one, state)
  assert.equal(event.player, 'p1')
  assert.equal(event.value, 100)
  assert.ok(Number.isInteger(event.tick) && Number.isInteger(event.seq))
  assert.deepEqual(await seen, event, 'everybody gets the same event')
  const tick = event.tick
  const records = await journal(server)
  const commands = records.flatMap((r) => r.commands)
  assert.equal(commands.filter((c) => c.id === 'c1').length, 1)
  assert.deepEqual({ ...commands.find((c) => c.id === 'c1') }, { id: 'c1', player: 'p1', cmd: 'move', entity: 'p1', vec: [0, 1, 0] })
  assert.ok(records.flatMap((r) => r.events).some((e) => e.evt === 'treasure.collected' && e.tick === tick))
  // The past: the state just before and at the tick of the collection.
  const base = '/v1/tenants/acme/games/demo/sessions/main'
  const at = await rest(server, `${base}/state?tick=${tick}`)
  assert.equal(at.status, 200)
  assert.equal(at.body.tick, tick)
  const before = await rest(server, `${base}/state?tick=${tick - 1}`)
  // The very first step may have met a chest already.
  assert.equal(at.body.state.p1.Purse.coins - before.body.state.p1.Purse.coins, 100)
  const hash = await rest(server, `${base}/hash?tick=${tick}`)
  assert.equal(hash.body.hash, at.body.hash)
  // Another process, from the very start, finds the same hash.
  const replay = run(['session', 'replay', 'main', '--data', data, '--tick', String(tick), '--json'])
  assert.equal(replay.code, 0, replay.err)
  assert.equal(JSON.parse(replay.out).hash, at.body.hash)
  await one.close()
  await two.close()
})

test('a resumed player misses no event', async (t) => {
  const server = await serve(t, dataFolder(t))
  const one = new Client(server.port)
  await one.join()
  const two = new Client(server.port)
  const joined = await two.join()
  await one.close()
  const event = await collect(two, mirror(two, joined))
  const back = new Client(server.port)
  const missed = back.next((m) => m.evt === 'treasure.collected')
  const resumed = await back.join({ resume: one.resume })
  assert.equal(resumed.player, 'p1')
  assert.deepEqual(await missed, event)
  // A client that says what it has seen gets only what is newer.
  await back.close()
  const last = new Client(server.port)
  await last.join({ resume: one.resume, seen: { tick: event.tick, seq: event.seq } })
  await last.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'z' }, (m) => m.evt === 'ack')
  assert.equal(last.log.filter((m) => m.evt === 'treasure.collected' && m.tick <= event.tick).length, 0)
  await assert.rejects(new Client(server.port).join({ resume: `${one.resume.slice(0, -2)}xx` }), /LQ_ERR_UNAUTHORIZED/)
})

test('bad input gets its error and the session goes on', async (t) => {
  const server = await serve(t, dataFolder(t))
  const other = new Client(server.port)
  await other.join()
  const bad = new Client(server.port)
  await bad.open
  const fails = async (message, code) => {
    const answer = await bad.ask(message, (m) => m.evt === 'error')
    assert.equal(answer.code, code, JSON.stringify(answer))
    assert.ok(answer.message && answer.mend)
    return answer
  }
  await fails({ cmd: 'move', entity: 'p1', vec: [1, 0, 0] }, 'LQ_ERR_NOT_JOINED')
  await bad.join()
  await fails('{', 'LQ_ERR_SYNTAX')
  await fails('{"cmd":"move","cmd":"move"}', 'LQ_ERR_INVALID')
  await fails('['.repeat(100), 'LQ_ERR_DEPTH')
  await fails({ cmd: 'fly', entity: 'p2' }, 'LQ_ERR_UNKNOWN_COMMAND')
  await fails({ cmd: 'join', player: 'p9', team: '', roles: 0 }, 'LQ_ERR_FORBIDDEN')
  await fails({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'x' }, 'LQ_ERR_NOT_OWNER').then((e) => assert.equal(e.id, 'x'))
  await fails({ cmd: 'move', entity: 'nobody', vec: [1, 0, 0] }, 'LQ_ERR_NOT_FOUND')
  await fails({ cmd: 'move', entity: 'p2', vec: [1, 0] }, 'LQ_ERR_INVALID')
  await fails({ cmd: 'move', entity: 'p2', vec: [1, 0, 3000000000] }, 'LQ_ERR_RANGE')
  await fails('{"cmd":"move","entity":"p2","vec":[NaN,0,0]}', 'LQ_ERR_SYNTAX')
  await fails({ cmd: 'move', entity: 'p2', vec: [1, 0, 0], extra: 1 }, 'LQ_ERR_INVALID')
  await fails({ cmd: 'move', entity: 2, vec: [1, 0, 0] }, 'LQ_ERR_INVALID')
  // Still alive after all of it.
  await bad.ask({ cmd: 'move', entity: 'p2', vec: [1, 0, 0], id: 'fine' }, (m) => m.evt === 'ack' && m.id === 'fine')
  // Frames that end the connection, each with its code.
  for (const [send, code] of [
    [(c) => c.send(Buffer.from([1, 2, 3])), 1003],
    [(c) => c.send('x'.repeat(1 << 20)), 1009],
  ]) {
    const c = new Client(server.port)
    await c.join()
    send(c)
    assert.equal((await c.gone).code, code)
  }
  for (const join of [{ tenant: 'nobody' }, { game: 'nothing' }, { session: 'no spaces' }, { player: 'p1' }])
    await assert.rejects(new Client(server.port).join(join), /LQ_ERR_(UNKNOWN_TENANT|UNKNOWN_GAME|INVALID|EXISTS)/)
  await other.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'fine' }, (m) => m.evt === 'ack')
})

test('a flood from one client costs only that client', async (t) => {
  const server = await serve(t, dataFolder(t))
  const good = new Client(server.port)
  await good.join()
  const flood = new Client(server.port)
  await flood.join()
  const limited = flood.next((m) => m.evt === 'error' && m.code === 'LQ_ERR_RATE')
  for (let i = 0; i < 10000 && flood.ws.readyState === 1; i++) flood.send({ cmd: 'move', entity: 'p2', vec: [1, 0, 0] })
  await limited
  for (let i = 0; i < 5; i++) {
    const before = performance.now()
    await good.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: `g${i}` }, (m) => m.id === `g${i}`)
    assert.ok(performance.now() - before < 5000)
  }
})

test('a half-open and a silent socket hold nobody up', async (t) => {
  const server = await serve(t, dataFolder(t))
  const silent = net.connect(server.port, '127.0.0.1')
  const partial = net.connect(server.port, '127.0.0.1', () => partial.write('GET /ws HTTP/1.1\r\nHost: x\r\nUpgr'))
  silent.on('error', () => {})
  partial.on('error', () => {})
  const client = new Client(server.port)
  await client.join()
  await client.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'a' }, (m) => m.evt === 'ack')
  silent.destroy()
  partial.destroy()
})

test('a session sleeps without players and wakes where it was', async (t) => {
  const server = await serve(t, dataFolder(t), undefined, { LQ_HIBERNATE_MS: '200' })
  const one = new Client(server.port)
  const joined = await one.join()
  const state = mirror(one, joined)
  await one.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'a' }, (m) => m.evt === 'ack')
  await one.close()
  const info = async () => (await rest(server, '/v1/tenants/acme/games/demo/sessions/main')).body
  for (let i = 0; i < 100 && (await info()).state !== 'hibernated'; i++) await new Promise((r) => setTimeout(r, 100))
  const asleep = await info()
  assert.equal(asleep.state, 'hibernated')
  const back = new Client(server.port)
  const resumed = await back.join({ resume: one.resume })
  assert.equal(resumed.player, 'p1')
  assert.deepEqual(resumed.state.p1.Position, state.p1.Position)
  assert.ok(resumed.tick > asleep.tick && resumed.tick < asleep.tick + 100, 'no time went by asleep')
})
