// Physics over the real server: bodies that fall are seen to fall, players push them, and killing, sleeping, swapping and replaying does
// not show in where they are.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asDemo, exampleCopy } from '../example.mjs'
import { Client, dataFolder, rest, run, serve, until, wait } from './lib.mjs'

const at = '/v1/tenants/acme/games/demo/sessions'

const stateOf = async (server, session = 'main') => (await rest(server, `${at}/${session}/state`)).body.state
const heightOf = (entity) => entity.Place.position[1]

test('a ball drops, rolls into a crate, and what it pushes over the edge pays', async (t) => {
  const data = dataFolder(t)
  const env = { LQ_HIBERNATE_MS: '300' }
  const folder = exampleCopy(t, 'crates', asDemo)
  let server = await serve(t, data, ['dev', folder], env)
  let client = new Client(server.port)
  const joined = await client.join({ player: 'ann' })
  assert.ok(heightOf(joined.state.ann) > 1.5, 'it begins in the air')
  await until(async () => heightOf((await stateOf(server)).ann) < 0.45, 'it lies on the platform')
  // Its fall was sent as it happened: deltas with ever lower places.
  const seen = client.log.filter((m) => m.evt === 'state').map((m) => m.set.ann?.Place?.position?.[1]).filter(Number.isFinite)
  assert.ok(seen.length > 3 && seen.every((y, i) => i === 0 || y <= seen[i - 1] + 0.05), `deltas: ${JSON.stringify(seen)}`)
  const refused = await client.ask({ cmd: 'roll', entity: 'ann', impulse: [0, 900, 0], id: 'r0' }, (m) => m.id === 'r0')
  assert.equal(refused.evt, 'error', 'too strong')

  // Killed while everything moves; what was acknowledged has happened.
  await client.ask({ cmd: 'roll', entity: 'ann', impulse: [0, 0, -90], id: 'r1' }, (m) => m.evt === 'ack')
  await server.kill('SIGKILL')
  await client.gone
  server = await serve(t, data, ['dev', folder], env)
  client = new Client(server.port)
  await client.join({ resume: joined.resume })
  await until(async () => (await stateOf(server)).crate1.Place.position[2] < -0.1, 'the crate was pushed out of its sleep')

  // Rolled again and again, until a crate is over the edge.
  const lost = new Promise((done) => (client.onMessage = (m) => m.evt === 'crate.lost' && done(m)))
  let over = false
  lost.then(() => (over = true))
  for (let i = 0; !over && i < 200; i++) {
    const { ann, ...rest } = await stateOf(server)
    const crate = Object.values(rest).find((entity) => entity.Crate)
    const way = [0, 1, 2].map((k) => crate.Place.position[k] - ann.Place.position[k])
    const far = Math.hypot(way[0], way[2]) || 1
    const impulse = [(way[0] / far) * 60, 0, (way[2] / far) * 60]
    await client.ask({ cmd: 'roll', entity: 'ann', impulse, id: `p${i}` }, (m) => m.id === `p${i}`)
    await wait(300)
  }
  const event = await lost
  assert.equal(event.player, 'ann')
  assert.equal((await stateOf(server)).ann.Purse.coins, 500)

  // A crate of no size: left where it is, and said so; nobody's session ends.
  const froze = client.next((m) => m.evt === 'physics.froze')
  await client.ask({ cmd: 'drop', at: [0, 5, 0], half: 0, id: 'd0' }, (m) => m.evt === 'ack')
  assert.equal((await froze).field, 'size')
  await client.ask({ cmd: 'drop', at: [2, 5, 2], half: 0.5, id: 'd1' }, (m) => m.evt === 'ack')
  const metrics = async () => Number(/^lq_tenant_physics_bodies\{tenant="acme",game="demo"\} (\d+)$/m.exec((await rest(server, '/metrics')).body)?.[1])
  assert.ok((await until(metrics, 'bodies in the metrics')) >= 1)

  // Asleep, and awake again: the same world goes on.
  await client.close()
  await until(async () => (await rest(server, `${at}/main`)).body.state === 'hibernated', 'it sleeps')
  client = new Client(server.port)
  await client.join({ resume: joined.resume })
  await client.ask({ cmd: 'roll', entity: 'ann', impulse: [0, 50, 0], id: 'last' }, (m) => m.evt === 'ack')
  await wait(500)
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', 'main', '--json', '--data', data])
  assert.equal(verified.code, 0, `${verified.out}${verified.err}`)
  const { findings, checkpoints } = JSON.parse(verified.out)
  assert.equal(findings, 0)
  assert.ok(checkpoints > 0, 'checkpoints were compared')
})

test('another gravity in a saved file takes hold of who sleeps', async (t) => {
  const folder = exampleCopy(t, 'crates', asDemo)
  const path = join(folder, 'game.yaml')
  const server = await serve(t, dataFolder(t), ['dev', folder])
  const client = new Client(server.port)
  await client.join({})
  await until(async () => Object.values(await stateOf(server)).every((entity) => !entity.Crate || entity.Motion.asleep), 'the crates sleep')
  writeFileSync(path, readFileSync(path, 'utf8').replace('gravity: [0, -9.81, 0]', 'gravity: [0, 2, 0]'))
  await until(async () => heightOf((await stateOf(server)).crate1) > 1, 'they rise')
})

test('a guest in Python moves a cooked shape over another', async (t) => {
  const folder = dataFolder(t)
  for (const part of ['assets', 'systems']) mkdirSync(join(folder, part))
  writeFileSync(join(folder, 'wedge.obj'), 'v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n')
  writeFileSync(join(folder, 'ground.obj'), 'v -9 0 -9\nv -9 0 9\nv 9 0 9\nv 9 0 -9\nf 1 2 3 4\n')
  for (const [name, kind] of [['ground', '--mesh'], ['wedge', '--hull']]) {
    const cooked = run(['asset', 'cook', join(folder, `${name}.obj`), kind, '--out', join(folder, `assets/${name}.lqs`)])
    assert.equal(cooked.code, 0, cooked.err)
  }
  writeFileSync(join(folder, 'game.yaml'), `lq: 1
name: demo
tick: {hz: 20}
limits: {entities: 16, players: 4}
physics: {}
systems:
  - systems.drag.Drag
scene:
  wedge: {Body: {mass_kg: 1}, Shape: {kind: hull, asset: wedge}, Place: {position: [0, 1, 0]}, Motion: {}}
  ground: {Body: {kind: static}, Shape: {kind: mesh, asset: ground}, Place: {}}
`)
  writeFileSync(join(folder, 'systems/drag.py'), `from lq_engine.ecs import System, register_system
from lq_engine.game import Motion


@register_system(tick_order=10)
class Drag(System):
    def process(self, world, delta):
        for body in world.with_components(Motion):
            body.Motion.velocity[0] = 1.0
`)
  const server = await serve(t, dataFolder(t), ['dev', folder])
  await new Client(server.port).join({})
  const [x, y] = await until(async () => {
    const { position } = (await stateOf(server)).wedge.Place
    return position[0] > 2 && position
  }, 'it was dragged two metres')
  assert.ok(y > 0 && y < 1, `${x} ${y}: on the ground`)
})

test('a world larger than a connection holds is sent whole once, and then what changes', async (t) => {
  const folder = dataFolder(t)
  const wall = [...Array(3000).keys()].map((i) => `  wall${i}: {Body: {kind: static}, Shape: {}, Place: {position: [${i % 60}, ${Math.floor(i / 60)}, 20]}}\n`)
  writeFileSync(join(folder, 'game.yaml'), `lq: 1
name: demo
tick: {hz: 20}
limits: {entities: 4096, players: 4}
physics: {bodies_max: 4096, gravity: [0, 0, 0]}
scene:
  ball: {Body: {mass_kg: 1}, Shape: {kind: sphere}, Place: {position: [0, 100, 0]}, Motion: {velocity: [0, 1, 0]}}
${wall.join('')}`)
  const server = await serve(t, dataFolder(t), ['dev', folder])
  const client = new Client(server.port)
  const joined = await client.join({})
  const bytes = JSON.stringify(joined.state).length
  assert.ok(bytes > 2 * 256 * 1024, `${bytes} bytes of state`)
  await until(() => client.log.filter((m) => m.evt === 'state').length > 40, 'deltas')
  assert.equal(client.log.filter((m) => m.evt === 'snapshot').length, 0)
  // A slow reader of it: what comes behind the state waits for room as ever, and the client stays.
  const slow = new Client(server.port)
  await slow.open
  slow.ws._socket.pause()
  slow.send({ action: 'join', tenant: 'acme', game: 'demo' })
  await wait(1500)
  slow.ws._socket.resume()
  await slow.next((m) => m.evt === 'state', 10000)
  assert.ok(slow.log.filter((m) => m.evt === 'snapshot').length <= 1)
})

test('two threads in a world do not show in its journal', async (t) => {
  const data = dataFolder(t)
  const crate = (i) => `  c${i}: {Crate: {}, Pusher: {}, Body: {mass_kg: 10}, Shape: {}, Place: {position: [${(i % 10) * 1.1 - 5}, ${1 + Math.floor(i / 100)}, ${(Math.floor(i / 10) % 10) * 1.1 - 5}]}, Motion: {}}\n`
  const crates = Array.from({ length: 600 }, (_, i) => crate(i)).join('')
  const hidden = 'components:\n  Place: {see: none}\n  Motion: {see: none}\n' // 600 deltas a tick are more than a client here reads
  const large = (yaml) => asDemo(yaml).replace('entities: 256', 'entities: 1024').replace('components:\n', hidden)
  const folder = exampleCopy(t, 'crates', (yaml) => `${large(yaml)}\n${crates}`)
  const server = await serve(t, data, ['dev', folder], { LQ_PHYSICS_THREADS: '2' })
  // The second thread sleeps between two ticks, and is woken in each.
  const wakes = () => {
    const tasks = `/proc/${server.child.pid}/task`
    const crew = readdirSync(tasks).filter((id) => readFileSync(`${tasks}/${id}/comm`, 'utf8') === 'lq-crew\n')
    assert.equal(crew.length, 1)
    return Number(/^voluntary_ctxt_switches:\t(\d+)$/m.exec(readFileSync(`${tasks}/${crew[0]}/status`, 'utf8'))[1])
  }
  const before = wakes()
  const client = new Client(server.port)
  await client.join({ player: 'ann' })
  await until(async () => wakes() > before + 20, 'the second thread works')
  await client.ask({ cmd: 'roll', entity: 'ann', impulse: [0, 0, -50], id: 'd' }, (m) => m.evt === 'ack')
  await wait(500)
  await server.kill('SIGTERM')
  const verified = run(['session', 'verify', 'main', '--json', '--data', data])
  assert.equal(verified.code, 0, `${verified.out}${verified.err}`)
  const { findings, checkpoints } = JSON.parse(verified.out)
  assert.ok(findings === 0 && checkpoints > 0)
})
