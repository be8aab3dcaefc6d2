// examples/warehouse over the real server: a pallet rides in, a forklift fetches it, the bay pays; one that is rammed costs. What two drivers
// did is then played once more, by the native module and by WebAssembly, and every tick has the server's hash.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asDemo, exampleCopy } from '../example.mjs'
import { play } from '../golden/cell.mjs'
import { recordSession } from '../golden/session.mjs'
import { Client, dataFolder, run, serve, until, wait } from './lib.mjs'


async function driver(server, name) {
  const client = new Client(server.port)
  const state = {}
  const events = []
  client.onMessage = (m) => {
    if (m.evt === 'joined') Object.assign(state, structuredClone(m.state))
    else if (m.evt === 'state') {
      for (const id of m.del) delete state[id]
      for (const [id, set] of Object.entries(m.set)) state[id] = { ...state[id], ...set }
    } else if (m.evt.startsWith('pallet.')) events.push(m)
  }
  await client.join({ player: name })
  let sent = 0
  return {
    client,
    state,
    events,
    place: () => state[name].Place.position,
    pallets: () => Object.entries(state).filter(([, e]) => e.Pallet),
    drive: async (throttle, steer, lift) => {
      const id = `${name}${++sent}`
      await client.ask({ cmd: 'drive', entity: name, throttle, steer, lift, id }, (m) => m.id === id)
    },
  }
}

const isDocked = (z) => ([, { Place, Motion }]) => Math.abs(Place.position[2] - z) < 0.2 && Place.position[0] > -0.8 && Math.abs(Motion.velocity[0]) < 0.02

test('a pallet is brought to the bay and paid, a rammed one costs, and WebAssembly comes to the same', async (t) => {
  const data = dataFolder(t)
  const server = await serve(t, data, ['dev', exampleCopy(t, 'warehouse', asDemo)])
  const ann = await driver(server, 'ann')
  const bob = await driver(server, 'bob')
  assert.notDeepEqual(ann.place(), bob.place(), 'each has a place of their own')
  const [id] = await until(() => ann.pallets().find(isDocked(-4)), 'a pallet in the first dock')
  await until(() => bob.pallets().find(isDocked(4)), 'a pallet in the second')
  const [start] = await until(() => ann.pallets().find(([, { Place }]) => Place.position[0] < -1), 'one behind it')
  await wait(300)
  const queued = ann.state[start].Place.position[0]

  // Ann lifts and brings it; Bob comes with his fork raised, and does not brake.
  await ann.drive(0.5, 0, 0)
  await bob.drive(0, 0, 1)
  await until(() => bob.state.bob.Forklift.height > 0.5, 'his fork is up')
  await bob.drive(1, 0, 0)
  await until(() => bob.events.length, 'something broke')
  await bob.drive(0, 0, 0)
  assert.deepEqual([bob.events[0].evt, bob.events[0].player, bob.events[0].cost], ['pallet.broken', 'bob', 8000])
  await until(() => ann.place()[0] < 1.45, 'under the pallet')
  await ann.drive(0, 0, 1)
  await until(() => ann.state[id].Place.position[1] > 0.9, 'lifted')
  await ann.drive(-0.6, 0, 0)
  await until(() => ann.events.length > 1, 'delivered')
  await ann.drive(0, 0, 0)
  assert.deepEqual([ann.events[1].evt, ann.events[1].player, ann.events[1].value], ['pallet.delivered', 'ann', 5000])
  assert.equal(ann.state[id], undefined, 'the bay has it')
  assert.deepEqual([ann.state.ann.Account.balance, ann.state.bob.Account.balance], [5000, -8000])
  assert.ok(queued < -1, 'who waited behind a full dock stood on the belt')
  await until(() => ann.pallets().find(isDocked(-4)), 'the next one is there')

  // Numbers that make no sense, and somebody else's forklift.
  const refused = async (fields) => (await ann.client.ask({ cmd: 'drive', entity: 'ann', throttle: 0, steer: 0, lift: 0, id: 'no', ...fields }, (m) => m.id === 'no')).evt
  assert.equal(await refused({ entity: 'bob' }), 'error')
  assert.equal(await refused({ throttle: 3e38, steer: 3e38 }), 'error')

  // The hall has room for ten, and nobody is parked on anybody.
  const others = []
  for (let i = 3; i <= 10; i++) others.push(await driver(server, `d${i}`))
  const parked = others.map((one) => one.place())
  for (const [i, a] of parked.entries()) for (const b of parked.slice(0, i)) assert.ok(Math.abs(a[0] - b[0]) > 1 || Math.abs(a[2] - b[2]) > 1.2, `${a} and ${b}`)
  for (const one of others) one.client.send({ action: 'leave' })

  // Bob leaves, and takes the fork along.
  const forks = () => Object.values(ann.state).filter((e) => e.Fork).length
  await until(() => forks() === 2, 'two are left')
  bob.client.send({ action: 'leave' })
  await until(() => forks() === 1 && !ann.state.bob, 'his forklift is gone')

  await ann.client.close()
  await server.kill('SIGTERM')
  const replay = run(['session', 'replay', 'main', '--hashes', '--data', data])
  const { run: recorded, want, wasm } = recordSession(data, 'warehouse')
  const hashes = (text) => text.split('\n').filter((line) => /^\d+ [0-9a-f]{16}$/.test(line))
  assert.ok(hashes(want).length > 400, 'ticks enough')
  assert.deepEqual(hashes(replay.out), hashes(want), 'the server, once more')
  assert.equal(await play(wasm, recorded, 50), want, 'WebAssembly, saved and loaded every 50 ticks')
})
