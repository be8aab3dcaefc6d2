// Damaged files under the real server (thousands of cases more, without it: tests/damage_test.c): what is damaged is named,
// with a mend and status 1, or made again, or harmless; other sessions go on.
import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { keysOf, run, tokenOf } from './lib.mjs'
import { Player, START_MS, Server, laboratory } from './syscalls.mjs'

const lab = laboratory()
after(() => lab.close())
const players = [new Player('a', 'one'), new Player('b', 'two')]
const folders = { closed: join(lab.folder, 'closed'), killed: join(lab.folder, 'killed') }

let keys // shown by the very first start; every other folder is a copy of that one
async function open(folder, env = {}) {
  const server = new Server(lab, folder, ['serve', lab.games[1]], { env })
  await server.within(server.ready, START_MS)
  keys ??= keysOf(server)
  return server
}
const token = (server) => tokenOf(server, keys.admin)
async function joinAll(server, them = players) {
  for (const p of them) {
    p.token = await token(server)
    await p.join(server)
  }
}

before(async () => {
  let server = await open(folders.closed)
  await joinAll(server)
  for (let i = 0; i < 5; i++) for (const p of players) await p.post(60, 990)
  await server.stop('SIGTERM')
  server = await open(folders.closed)
  await joinAll(server)
  for (const p of players) await p.post(2)
  cpSync(folders.closed, folders.killed, { recursive: true }) // as a kill would leave it: nothing is being written
  await server.stop('SIGTERM')
})

function damaged(state, damage) {
  const folder = join(lab.folder, `damaged-${lab.serial++}`)
  cpSync(folders[state], folder, { recursive: true })
  damage(folder)
  return folder
}
function flip(file, at, bit = 0) {
  const bytes = readFileSync(file)
  bytes[at] ^= 1 << bit
  writeFileSync(file, bytes)
}
// Everybody is who they were, and their sessions verify.
async function plays(server, folder, them = players, env = {}) {
  await joinAll(server, them)
  const sent = them.map((p) => p.sent)
  for (const p of them) await p.post(1)
  assert.equal((await server.stop('SIGTERM')).code, 0, server.err)
  for (const p of them) {
    const { code, out, err } = run(['session', 'verify', p.session, '--json', '--data', folder], { env: { ...process.env, ...env } })
    assert.equal(code, 0, err)
    assert.equal(JSON.parse(out).findings, 0)
  }
  them.forEach((p, i) => (p.sent = sent[i])) // the next folder does not know these commands
}
async function refused(folder, says) {
  const server = await open(folder)
  assert.equal(server.port, undefined, `${server.out}: it started`)
  assert.equal((await server.ended).code, 1)
  assert.match(server.err, says)
  assert.match(server.err, /\n {4}mend: \S/)
}

test('undamaged, both folders play on', async () => {
  for (const state of ['closed', 'killed']) {
    const folder = damaged(state, () => {})
    await plays(await open(folder), folder)
  }
})

test('a damaged secret is named, with what removing it means', async () => {
  for (const file of ['resume.key', 'keys/token.key', 'keys/root.key'])
    for (const damage of [(f) => flip(f, 5, 3), (f) => flip(f, 40), (f) => truncateSync(f, 32), (f) => truncateSync(f, 0)])
      await refused(damaged('closed', (folder) => damage(join(folder, file))), new RegExp(`${file} .*stored data fails its check[^]*remove it`))
})

test('a damaged compiled module is made again', async () => {
  const module = (folder) => join(folder, 'modules', readdirSync(join(folder, 'modules')).find((name) => name.endsWith('.so')))
  const good = readFileSync(module(folders.closed))
  for (let i = 0; i < 8; i++) {
    const folder = damaged('closed', (f) => (i === 7 ? truncateSync(module(f), good.length / 2) : flip(module(f), Math.floor((i * good.length) / 7), i)))
    await plays(await open(folder), folder)
    assert.ok(readFileSync(module(folder)).equals(good))
  }
})

test('the lock and the index of the WAL may be anything', async () => {
  const folder = damaged('killed', (f) => {
    writeFileSync(join(f, 'lq.lock'), 'nonsense')
    rmSync(join(f, 'lq.db-shm'))
  })
  await plays(await open(folder), folder)
})

test('a WAL without its end, its header or itself is refused', async () => {
  const wal = (folder) => join(folder, 'lq.db-wal')
  const bytes = statSync(wal(folders.killed)).size
  for (const damage of [(f) => truncateSync(f, bytes - 100), (f) => truncateSync(f, 4152), (f) => truncateSync(f, 0), (f) => rmSync(f), (f) => flip(f, 7), (f) => flip(f, bytes - 2000), (f) => flip(f, 6000)])
    await refused(damaged('killed', (folder) => damage(wal(folder))), /lq\.db-wal is damaged: /)
})

test('any damaged page of lq.db is named when it is read; what plays on is right', async () => {
  const pages = statSync(join(folders.closed, 'lq.db')).size / 4096
  const outcomes = {}
  for (let i = 0; i < 24; i++) {
    const page = Math.floor((i * pages) / 24)
    const folder = damaged('closed', (f) => flip(join(f, 'lq.db'), page * 4096 + ((i * 997) % 4096), i % 8))
    const server = await open(folder)
    let outcome = 'refused to start'
    if (server.port) {
      outcome = 'harmless'
      for (const p of players) {
        const sent = p.sent
        // Without its users and keys nobody gets in, and that is said at once.
        p.token = await token(server).catch((error) => (assert.match(error.message, /LQ_ERR_CORRUPT/), undefined))
        if (!p.token) outcome = 'named'
        if (!p.token) continue
        await p.join(server).then(() => p.post(1)).catch(() => {})
        // What it was told: as an answer to join, or of events that cannot be read any more.
        const told = p.client.log.filter((m) => m.evt === 'error').map((m) => m.code)
        assert.ok(told.every((code) => code === 'LQ_ERR_CORRUPT'), JSON.stringify(told))
        assert.ok(told.length || p.pending.size === 0, `no answer and no error: ${JSON.stringify(p.client.log)}`)
        if (told.length) outcome = 'named'
        p.sent = sent
        p.pending.clear()
        if (server.end) break
      }
      const end = await server.stop('SIGTERM')
      assert.ok(end.code === 0 || (end.code === 1 && /mend: /.test(server.err)), JSON.stringify(end) + server.err)
      for (const { session } of players) {
        const { code, err } = run(['session', 'verify', session, '--json', '--data', folder])
        if (code !== 0) assert.match(err, /fails its check|malformed/)
        if (code !== 0) outcome = 'named'
      }
    } else {
      assert.equal((await server.ended).code, 1)
      assert.match(server.err, /(lq\.db|tenant 'acme'|the first users|the platform's items)[^]*mend: /)
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  assert.ok(outcomes.named > 0 && outcomes['refused to start'] > 0, JSON.stringify(outcomes))
})

// A byte in the middle of the longest archive of session one: on a page that holds nothing else.
function archived(folder) {
  const db = join(folder, 'lq.db')
  const query = `SELECT hex(substr(body,length(body)/2,24)) FROM archive WHERE session=(SELECT id FROM session WHERE name='one') ORDER BY length(body) DESC LIMIT 1`
  const { stdout, stderr } = spawnSync('sqlite3', ['-readonly', db, query], { encoding: 'utf8' })
  assert.match(stdout, /^[0-9A-F]{48}$/m, stderr)
  return readFileSync(db).indexOf(Buffer.from(stdout.trim(), 'hex'))
}

test('damage to one session leaves the others playing', async () => {
  const [one, two] = players
  const folder = damaged('closed', (f) => {
    flip(join(f, 'lq.db'), archived(f))
  })
  const verify = run(['session', 'verify', 'one', '--data', folder])
  assert.equal(verify.code, 1)
  assert.match(verify.err, /fails its check/)
  const server = await open(folder)
  assert.ok(server.port, server.err)
  await plays(server, folder, [two])
  assert.ok(one.acked.size > 0)
})

test('lq backup copies a played folder, and refuses a damaged one', async () => {
  const copy = join(lab.folder, 'copy')
  assert.equal(run(['backup', copy, '--data', folders.closed]).code, 0)
  // The copy has no keys in it: without the key store it says nothing, and is not taken for a new folder.
  assert.ok(!existsSync(join(copy, 'keys')))
  const without = join(lab.folder, 'copy-without')
  cpSync(copy, without, { recursive: true })
  await refused(without, /_\.keys[^]*LQ_KEYS/)
  const env = { LQ_KEYS: join(folders.closed, 'keys') }
  await plays(await open(copy, env), copy, players, env)
  const twice = run(['backup', copy, '--data', folders.closed, '--json'])
  assert.equal(JSON.parse(twice.err).code, 'LQ_ERR_EXISTS')
  const folder = damaged('closed', (f) => flip(join(f, 'lq.db'), 4096 * 9 + 77))
  const bad = run(['backup', join(lab.folder, 'bad'), '--data', folder])
  assert.equal(bad.code, 1)
  assert.match(bad.err, /lq\.db .*malformed[^]*mend: /)
})
