// SIGKILL at random moments under load: whatever was acknowledged is in the journal afterwards, once; every checkpoint's
// hash is found again by re-execution; clients resume as who they were.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, dataFolder, journal, run, serve } from './lib.mjs'

const KILLS = Number(process.env.LQ_KILLS ?? 200)
const CLIENTS = 6
const IN_FLIGHT = 20 // well below the command ids that a session remembers of a player

// Deterministic choice of moments; printed so that a failure can be run again.
let seed = Number(process.env.LQ_SEED ?? 20260101)
const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32)

const moves = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]

test(`an acknowledged command survives ${KILLS} kills`, { timeout: 3600000 }, async (t) => {
  t.diagnostic(`seed ${seed}`)
  const data = dataFolder(t)
  const players = Array.from({ length: CLIENTS }, () => ({ resume: undefined, sent: 0, pending: new Map() }))
  const acked = new Set()
  let total = 0

  async function attach(server, who, p) {
    const client = new Client(server.port)
    client.onMessage = (m) => {
      if (m.evt === 'ack') {
        p.pending.delete(m.id)
        acked.add(m.id)
        total++
        if (!client.closed) fill()
      } else if (m.evt === 'error' && m.id) {
        p.pending.delete(m.id)
      }
    }
    const fill = () => {
      while (p.pending.size < IN_FLIGHT) {
        const id = `${who}-${++p.sent}`
        p.pending.set(id, { cmd: 'move', entity: p.player, vec: moves[Math.floor(random() * 4)], id })
        client.send(p.pending.get(id))
      }
    }
    const joined = await client.join(p.resume ? { resume: p.resume } : {})
    if (p.player) assert.equal(joined.player, p.player, 'a resumed client is who it was')
    p.player = joined.player
    p.resume = joined.resume
    // What was sent and not acknowledged before the kill is sent again under the same id.
    for (const message of p.pending.values()) client.send(message)
    fill()
    return client
  }

  // What was read before is not read again, or a thousand kills would read the journal a hundred times; `whole` does.
  let seen = new Map()
  let from = 1
  async function checkJournal(server, whole = false) {
    if (whole) [seen, from] = [new Map(), 1]
    const before = [...acked] // the load goes on: what is acknowledged while this reads may come too late to be read
    const records = await journal(server, 'main', from)
    if (records.length) from = records.at(-1).slice + 1
    for (const record of records)
      for (const command of record.commands) if (command.id) seen.set(command.id, (seen.get(command.id) ?? 0) + 1)
    for (const id of before) assert.ok(seen.has(id), `acknowledged ${id} is lost`)
    for (const [id, times] of seen) assert.equal(times, 1, `${id} was applied ${times} times`)
  }

  for (let kill = 0; kill < KILLS; kill++) {
    const server = await serve(t, data, undefined, { LQ_MESSAGES_PER_S: '5000' })
    const before = total
    const clients = await Promise.all(players.map((p, i) => attach(server, `k${i}`, p).catch((error) => (error.message.startsWith('closed') ? null : Promise.reject(error)))))
    await new Promise((done) => setTimeout(done, random() * 300))
    if (kill % 10 === 9) await checkJournal(server)
    const { signal } = await server.kill('SIGKILL')
    assert.equal(signal, 'SIGKILL')
    await Promise.all(clients.filter(Boolean).map((c) => c.gone))
    if (kill % 25 === 24) {
      const verify = run(['session', 'verify', 'main', '--data', data, '--json'])
      assert.equal(verify.code, 0, verify.err)
      t.diagnostic(`kill ${kill + 1}: ${total} acknowledged (${total - before} since the last), ${verify.out.trim()}`)
    }
  }
  const server = await serve(t, data)
  await checkJournal(server, true)
  const applied = new Map()
  for (const record of await journal(server))
    for (const event of record.events) {
      const key = `${event.tick}.${event.seq}`
      assert.ok(!applied.has(key), `event ${key} is there twice`)
      applied.set(key, event)
    }
  assert.ok(total > KILLS, 'there was load')
  await server.kill('SIGTERM')
  const verify = run(['session', 'verify', 'main', '--data', data, '--json'])
  assert.equal(verify.code, 0, verify.err)
  const { findings, checkpoints } = JSON.parse(verify.out)
  assert.equal(findings, 0)
  if (KILLS >= 100) assert.ok(checkpoints > 0, 'checkpoints were compared')
})
