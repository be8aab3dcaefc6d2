// The auditor's walk of docs/audit.md, on two machines that share two files: what holds, what is named when it does not.
import assert from 'node:assert/strict'
import { copyFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, dataFolder, run, serve } from './lib.mjs'

const until = async (what, good) => {
  for (let i = 0; i < 200; i++) {
    const value = good()
    if (value) return value
    await new Promise((r) => setTimeout(r, 100))
  }
  throw new Error(`never: ${what}`)
}

// A session with some commands in it, and a signed checkpoint over all of it; the server is stopped.
async function played(t, data, moves = 12) {
  const server = await serve(t, data)
  const client = new Client(server.port)
  await client.join()
  for (let i = 0; i < moves; i++) await client.ask({ cmd: 'move', entity: client.player, vec: [i % 2 ? 1 : -1, 0, 0], id: `c${i}${Math.random()}` }, (m) => m.evt === 'ack')
  await client.close()
  await until('signed', () => {
    const verified = run(['audit', 'verify', '--json', '--data', data])
    const r = verified.out && JSON.parse(verified.out)
    return r && r.ok && r.size === r.leaves && r.slices >= 2
  })
  await server.kill('SIGTERM')
}

// An auditor has the binary, the key and a bundle: no data folder of the server's.
function auditor(t, data, args = []) {
  const home = dataFolder(t)
  const at = { home, key: join(home, 'acme.pub'), bundle: join(home, 'main.lqa'), seen: join(home, 'acme.seen') }
  const key = run(['audit', 'key', '--data', data])
  assert.equal(key.code, 0, key.err)
  assert.match(key.out, /^ledgerquest\/acme\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n$/)
  writeFileSync(at.key, key.out)
  const proved = run(['audit', 'prove', 'main', '--game', 'demo', '--data', data, '--out', at.bundle, '--json', ...args])
  assert.equal(proved.code, 0, proved.err)
  at.proved = JSON.parse(proved.out)
  at.verify = (...more) => run(['audit', 'verify', at.bundle, '--key', at.key, '--data', join(home, 'none'), ...more])
  return at
}

test('a session is verified elsewhere with the public key alone, and run again', async (t) => {
  const data = dataFolder(t)
  await played(t, data)
  const at = auditor(t, data)
  const good = at.verify('--json')
  assert.equal(good.code, 0, good.err)
  const r = JSON.parse(good.out)
  assert.equal(r.ok, true)
  assert.equal(r.session, 'main')
  assert.equal(r.slice_first, 1)
  assert.equal(r.slices, at.proved.slices)
  assert.ok(r.withheld >= 1, 'who joined is not told unless asked')
  assert.ok(!existsSync(join(at.home, 'none')), 'verifying makes no data folder')
  const again = at.verify('--run', '--json')
  assert.equal(again.code, 0, again.err)
  const there = run(['session', 'replay', 'main', '--game', 'demo', '--tick', String(r.tick_last), '--data', data, '--json'])
  assert.equal(JSON.parse(again.out).hash, JSON.parse(there.out).hash)
})

test('each changed byte is found and its place is named', async (t) => {
  const data = dataFolder(t)
  await played(t, data)
  const at = auditor(t, data)
  const bytes = readFileSync(at.bundle)
  const step = Math.max(1, Math.floor(bytes.length / 60))
  for (let i = 0; i < bytes.length; i += step) {
    const changed = Buffer.from(bytes)
    changed[i] ^= 0x20
    writeFileSync(at.bundle, changed)
    const bad = at.verify()
    assert.equal(bad.code, 1, `byte ${i}: ${bad.out}`)
    assert.match(bad.err, /byte/, bad.err)
  }
  for (const [what, damaged] of [
    ['cut short', bytes.subarray(0, bytes.length - 40)],
    ['longer', Buffer.concat([bytes, Buffer.from([0])])],
    ['empty', Buffer.alloc(0)],
  ]) {
    writeFileSync(at.bundle, damaged)
    assert.equal(at.verify().code, 1, what)
  }
  // A byte of the third record, as docs/audit.md says it.
  const third = [...bytes.toString('latin1').matchAll(/LQSL\x01\0/g)][2].index
  const changed = Buffer.from(bytes)
  changed[third + 120] ^= 1
  writeFileSync(at.bundle, changed)
  assert.match(at.verify().err, /the record of slice 3 \(leaf \d+, bytes \d+ to \d+\) was changed: its bytes do not lead to its digest/)
  // What does not hold is not run.
  const refused = at.verify('--run')
  assert.equal(refused.code, 1)
  assert.doesNotMatch(refused.out, /run again/)
})

test('the wrong key, another tenant, no key', async (t) => {
  const [data, other] = [dataFolder(t), dataFolder(t)]
  await played(t, data, 3)
  await played(t, other, 3)
  const at = auditor(t, data)
  const theirs = run(['audit', 'key', '--data', other]).out
  writeFileSync(at.key, theirs)
  const bad = at.verify()
  assert.equal(bad.code, 1)
  assert.match(bad.err, /is not signed by ledgerquest\/acme with the key given/)
  const none = run(['audit', 'verify', at.bundle])
  assert.equal(none.code, 1)
  assert.match(none.err, /public key is needed/)
  assert.match(run(['audit', 'verify', at.bundle, '--key', 'nonsense']).err, /no verifier key/)
})

test('a witness sees growth, a folder set back to yesterday, and a fork', async (t) => {
  const data = dataFolder(t)
  const [yesterday, fork] = [join(dataFolder(t), 'y'), join(dataFolder(t), 'f')]
  await played(t, data)
  cpSync(data, yesterday, { recursive: true })
  cpSync(data, fork, { recursive: true })
  const at = auditor(t, data)
  const folder = (where, ...more) => run(['audit', 'verify', '--key', at.key, '--witness', at.seen, '--data', where, ...more])
  assert.equal(folder(data).code, 0)
  const first = readFileSync(at.seen, 'utf8')
  await played(t, data)
  const grown = folder(data)
  assert.equal(grown.code, 0, grown.err)
  assert.notEqual(readFileSync(at.seen, 'utf8'), first)
  const back = folder(yesterday)
  assert.equal(back.code, 1)
  assert.match(back.err, /rolled back: the witness saw a checkpoint of \d+ leaves, this one is of \d+/)
  // Yesterday's copy goes on by itself: as long, and another history.
  await played(t, fork, 40)
  await played(t, fork, 40)
  const forked = folder(fork)
  assert.equal(forked.code, 1)
  assert.match(forked.err, /forked/)
  // Offline, too: the proof from what was seen is in the bundle.
  writeFileSync(at.seen, first)
  const without = auditor(t, data)
  copyFileSync(at.seen, without.seen)
  const untold = without.verify('--witness', without.seen)
  assert.equal(untold.code, 1)
  assert.match(untold.err, /cannot be told/)
  const withProof = auditor(t, data, ['--witness', at.seen])
  copyFileSync(at.seen, withProof.seen)
  const held = withProof.verify('--witness', withProof.seen)
  assert.equal(held.code, 0, held.err)
  assert.notEqual(readFileSync(withProof.seen, 'utf8'), first, 'what was seen moves on')
})

test('a single leaf, with who did it', async (t) => {
  const data = dataFolder(t)
  await played(t, data, 3)
  const home = dataFolder(t)
  const log = run(['audit', 'log', '--json', '--data', data])
  assert.equal(log.code, 0, log.err)
  const leaves = log.out.trim().split('\n').map((line) => JSON.parse(line))
  leaves.forEach((leaf, i) => assert.equal(leaf.index, i))
  const join_ = leaves.find((leaf) => leaf.kind === 'join')
  assert.ok(join_ && join_.detail)
  const file = join(home, 'leaf.lqa')
  const key = run(['audit', 'key', '--data', data]).out.trim()
  assert.equal(run(['audit', 'prove', '--leaf', String(join_.index), '--details', '--out', file, '--data', data]).code, 0)
  const verified = run(['audit', 'verify', file, '--key', key, '--json'])
  assert.equal(verified.code, 0, verified.err)
  assert.equal(JSON.parse(verified.out).details, 1)
  const who = JSON.parse(run(['audit', 'log', '--leaf', String(join_.index), '--details', '--json', '--data', data]).out).who
  assert.match(who.resource, /session\/main\/player\/p1$/)
  assert.equal(run(['audit', 'log', '--leaf', '999999', '--data', data]).code, 1)
  assert.equal(run(['audit', 'prove', '--leaf', '999999', '--out', file, '--data', data]).code, 1)
  assert.equal(run(['audit', 'prove', 'nobody', '--out', file, '--data', data]).code, 1)
})

test('every change of every entity is told with its cause', async (t) => {
  const data = dataFolder(t)
  await played(t, data, 5)
  const told = run(['audit', 'mutations', 'main', '--game', 'demo', '--data', data])
  assert.equal(told.code, 0, told.err)
  const lines = told.out.trim().split('\n').map((line) => JSON.parse(line))
  // Position is not audited, and yet each step has its player: one change a move, but for a first one against the map's edge.
  const steps = lines.filter((m) => m.component === 'Position' && m.entity === 'p1' && m.before)
  assert.ok(steps.length === 5 || steps.length === 4, `${steps.length} steps`)
  for (const step of steps) {
    assert.equal(step.audited, false)
    assert.equal(step.cause, 'command')
    assert.equal(step.player, 'p1')
    assert.deepEqual(step.commands, ['move'])
    assert.notDeepEqual(step.before, step.after)
  }
  for (let i = 1; i < steps.length; i++) assert.deepEqual(steps[i].before, steps[i - 1].after)
  assert.equal(run(['audit', 'mutations', 'nobody', '--data', data]).code, 1)
})
