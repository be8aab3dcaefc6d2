// The documents are true: every example in them is run against a real server, every link and name is looked up.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Client, dataFolder, game, keysOf, lq, root, run, serve } from './lib.mjs'
import { kindOf, links, read, ticked } from './markdown.mjs'

const below = (folder, fits) => readdirSync(join(root, folder)).filter(fits).sort().map((name) => join(folder, name))
const isPage = (name) => name.endsWith('.md')
const examples = below('examples', () => true).map((folder) => `${folder}/README.md`)
const executed = ['README.md', 'CONTRIBUTING.md', ...below('docs', isPage), ...examples, 'sdk/ts/README.md']
const linked = [...executed, ...below('docs/adr', isPage)]

const at = (block) => `${block.file}:${block.line}`

/* ---- conversations ---- */

// Members whose values differ from run to run; all others are exact.
const varies = new Set(['tick', 'seq', 'resume', 'hash'])
const SEED = 7
const builtIn = new Set(['joined', 'ack', 'state', 'snapshot', 'pong', 'error'])

// The same keys and types, and the same values where they cannot vary. What an example shows of a state is a part of it.
function compare(want, have, path = '', part = false) {
  if (want === null || typeof want !== 'object') {
    const key = path.split('.').at(-1)
    if (varies.has(key) || part) return assert.equal(typeof have, typeof want, `type of ${path}`)
    return assert.equal(have, want, path)
  }
  assert.equal(Array.isArray(have), Array.isArray(want), path)
  if (!part) assert.deepEqual(Object.keys(have).sort(), Object.keys(want).sort(), `members of ${path || 'the message'}`)
  for (const [key, value] of Object.entries(want)) {
    assert.ok(have[key] !== undefined, `${path}.${key} is missing`)
    compare(value, have[key], `${path}.${key}`, part || key === 'state' || key === 'set')
  }
}

function mirror(client) {
  const state = {}
  client.onMessage = (m) => {
    if (m.evt === 'joined' || m.evt === 'snapshot') {
      for (const id of Object.keys(state)) delete state[id]
      Object.assign(state, structuredClone(m.state))
    } else if (m.evt === 'state') {
      for (const id of m.del) delete state[id]
      for (const [id, set] of Object.entries(m.set)) state[id] = { ...state[id], ...set }
    }
  }
  return state
}

// Sends moves until what is waited for has come: onto a chest for an event, anywhere for a state.
async function moveUntil(client, state, player, come) {
  let done = false
  come.then(() => (done = true), () => (done = true))
  for (let i = 0; i < 200 && !done; i++) {
    const me = state[player]?.Position
    const chest = Object.values(state).find((e) => e.TreasureTag)?.Position
    if (me && chest) client.send({ cmd: 'move', entity: player, vec: [Math.sign(chest.x - me.x), Math.sign(chest.y - me.y), 0] })
    await new Promise((next) => setTimeout(next, 60))
  }
}

const fitsExample = (want) => (have) =>
  have.evt === want.evt && (want.id === undefined || have.id === want.id) && (want.player === undefined || have.player === want.player) && Object.keys(want.set ?? {}).every((id) => id in have.set)

// A conversation that begins in the middle of one is given its beginning: a player p1. An example's README talks to that example.
async function talk(t, block) {
  const folder = block.file.startsWith('examples/') ? join(root, dirname(block.file)) : game
  const name = /^name: (\S+)/m.exec(readFileSync(join(folder, 'game.yaml'), 'utf8'))[1]
  const server = await serve(t, dataFolder(t), ['dev', folder])
  const lines = block.lines.filter((line) => line.trim()).map((line) => ({ sent: line.startsWith('->'), message: JSON.parse(line.slice(3)) }))
  // The session's seed is fixed, so that who stands where, and what a move meets, is the same each time.
  const made = await fetch(`${server.url}/v1/tenants/acme/games/${name}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ session: 'main', seed: SEED }),
  })
  assert.equal(made.status, 201)
  let client = new Client(server.port)
  await client.open
  let state = mirror(client)
  let player = 'p1'
  const starts = lines[0].message
  if (starts.resume || !lines[0].sent) {
    const joined = await client.join()
    if (starts.resume) {
      assert.equal(starts.resume.split('~').length, joined.resume.split('~').length, 'the shape of the token')
      assert.deepEqual(starts.resume.split('~').slice(0, 2), joined.resume.split('~').slice(0, 2))
      starts.resume = joined.resume
      await client.close()
      client = new Client(server.port)
      await client.open
      state = mirror(client)
    }
  }
  for (let i = 0; i < lines.length; i++) {
    const { sent, message } = lines[i]
    assert.ok(sent || !i === !lines[i - 1], 'an answer follows something')
    const wants = []
    for (let k = i + 1; sent && k < lines.length && !lines[k].sent; k++) wants.push(lines[k].message)
    if (!sent && i > 0) continue // was waited for with what caused it
    if (!sent) wants.push(message)
    const comes = wants.map((want) => client.next(fitsExample(want), 20000))
    const failed = sent && !wants.some((want) => want.evt === 'error') ? client.next((m) => m.evt === 'error', 1e6) : new Promise(() => {})
    failed.catch(() => {})
    if (sent) client.send(message)
    if (message.player) player = message.player
    for (const [k, want] of wants.entries()) {
      const nudge = setTimeout(() => moveUntil(client, state, player, comes[k]), builtIn.has(want.evt) ? 1000 : 0)
      const have = await Promise.race([comes[k], failed.then((m) => assert.fail(`${at(block)}: ${JSON.stringify(m)}`))])
      clearTimeout(nudge)
      compare(want, have)
    }
    if (!wants.length && message.action === 'leave') assert.equal((await client.gone).code, 1000)
    else if (!wants.length && message.action === 'join') await client.next((m) => m.evt === 'joined')
    else if (!wants.length) {
      client.send({ action: 'ping' })
      const after = await client.next((m) => m.evt === 'pong' || m.evt === 'error')
      assert.equal(after.evt, 'pong', JSON.stringify(after))
    }
  }
  await client.close()
}

/* ---- commands ---- */

// A folder as a newcomer has it after a build: bin/lq, the examples, two games of their own; and a running server.
async function workshop(t) {
  const home = dataFolder(t)
  mkdirSync(join(home, 'bin'))
  mkdirSync(join(home, '.config/fish/completions'), { recursive: true })
  for (const name of ['lq', 'lqsim']) symlinkSync(join(dirname(lq), name), join(home, 'bin', name))
  for (const folder of ['examples', 'apps', 'docs']) symlinkSync(join(root, folder), join(home, folder))
  for (const name of ['market', 'auction']) assert.equal(run(['new', name, '--template', 'turns', '--folder', join(home, 'games', name)]).code, 0)
  const data = join(home, '.lq')
  const server = await serve(t, data, ['serve', game, join(home, 'games/market'), '--auth', 'none'])
  const client = new Client(server.port)
  await client.join()
  while ((await client.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: `w${Math.random()}` }, (m) => m.evt === 'ack')).tick < 40) await new Promise((r) => setTimeout(r, 100))
  // What speaks of users and keys has a server with them.
  const asking = await serve(t, join(home, 'asking'), ['serve', game])
  const env = { ...process.env, HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH}`, LQ_DATA: data, LQ_PORT: String(server.port) }
  return { home, server, client, env, asking, keys: keysOf(asking), own: join(home, 'own') }
}

// A server of the example's own: it says ready, and ends well when it is told to.
async function startAndStop(place, command) {
  const cwd = /\b(dev|serve) *$/.test(command) ? join(place.home, 'games/market') : place.home
  const child = spawn('bash', ['-c', `exec ${command.replace(/LQ_PORT=\d+ /, '')}`], { cwd, env: { ...place.env, LQ_DATA: place.own, LQ_PORT: '0' } })
  let out = ''
  const ended = new Promise((done) => child.once('exit', done))
  await new Promise((ready, failed) => {
    const timer = setTimeout(() => failed(new Error(`${command}: not ready: ${out}`)), 30000)
    const take = (bytes) => {
      out += bytes
      if (/ready on http/.test(out)) clearTimeout(timer), ready()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', () => failed(new Error(`${command}: ended: ${out}`)))
  })
  child.kill('SIGTERM')
  assert.equal(await ended, 0, `${command}: ${out}`)
}

async function command(place, text) {
  if (/^make /.test(text)) {
    assert.match(readFileSync(join(root, 'Makefile'), 'utf8'), new RegExp(`^${text.split(/\s+/)[1]}:`, 'm'), text)
  } else if (/^websocat /.test(text)) {
    const { port, pathname } = new URL(text.split(' ')[1])
    assert.equal(port, '8080')
    await new Client(place.server.port, pathname).open
  } else if (/\blq (dev|serve)\b/.test(text) && !/&&/.test(text)) {
    await startAndStop(place, text)
  } else {
    const isCurl = /^curl /.test(text)
    const asks = /\blq (token|tenant|user|key)\b/.test(text)
    const { port } = asks ? place.asking : place.server
    const env = asks && !/--data/.test(text) ? { ...place.env, LQ_PORT: String(port), LQ_KEY: /\blq tenant\b/.test(text) ? place.keys.operator : place.keys.admin } : place.env
    let line = text.replaceAll('localhost:8080', `localhost:${port}`).replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`)
    line = line.replace(/LQ_PORT=\d+/, `LQ_PORT=${port}`)
    if (isCurl) line += " -w '\\n%{http_code}'"
    const cwd = /\blq build(?! [a-z])/.test(line) ? join(place.home, 'games/market') : place.home
    const result = spawnSync('bash', ['-o', 'pipefail', '-c', line], { cwd, env, encoding: 'utf8', timeout: 60000, input: '' })
    assert.equal(result.status, 0, `${text}\n${result.stdout}${result.stderr}`)
    if (isCurl) assert.match(result.stdout, /\n2\d\d$/, `${text}\n${result.stdout}`)
  }
}

// `a \` with its next line is one command; comments are dropped.
const commandsOf = (lines) =>
  lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#( .*)?$/, '').trim())
    .filter(Boolean)

/* ---- games ---- */

// Whole games as they are; parts with a head put in front. What needs code gets code that does nothing.
function build(t, block) {
  const folder = dataFolder(t)
  const text = block.lines.join('\n')
  writeFileSync(join(folder, 'game.yaml'), text.startsWith('lq: 1') ? text : `lq: 1\nname: demo\n${text}\n`)
  const section = (name) => new RegExp(`^${name}:\\n((?: .*\\n?|\\n)+)`, 'm').exec(`${text}\n`)?.[1] ?? ''
  const commands = [...section('commands').matchAll(/^ {2}([\w.]+):/gm)].map((m) => m[1])
  const systems = [...section('systems').matchAll(/^ {2}- (?:\{name: )?([\w.]+)/gm)].map((m) => m[1])
  if (commands.length || systems.length) {
    const c = ['#include "game.h"']
    if (commands.length) c.push('static void answer(lq_sys *sys, const void *row) { (void)sys; (void)row; }')
    if (systems.length) c.push('static void work(lq_sys *sys) { (void)sys; }')
    c.push(`LQ_COMMANDS(${commands.map((name) => `{"${name}", answer}`).join(', ')})`)
    c.push(`LQ_SYSTEMS(${systems.map((name) => `{"${name}", work}`).join(', ')})`)
    mkdirSync(join(folder, 'systems'))
    writeFileSync(join(folder, 'systems/stub.c'), `${c.filter((line) => !/\(\)$/.test(line)).join('\n')}\n`)
  }
  for (const [, name] of text.matchAll(/\basset: (\w+)/g)) { // cooked shapes: of a wedge, as lq asset cook makes them
    mkdirSync(join(folder, 'assets'), { recursive: true })
    writeFileSync(join(folder, `${name}.obj`), ['0 0 0', '1 0 0', '0 0 1', '1 0 1', '0 1 0', '0 1 1'].map((v) => `v ${v}\n`).join(''))
    const cooked = run(['asset', 'cook', join(folder, `${name}.obj`), '--hull', '--out', join(folder, 'assets', `${name}.lqs`)])
    assert.equal(cooked.code, 0, cooked.err)
  }
  const { code, err } = run(['build', folder, '--data', join(folder, 'data')])
  assert.equal(code, 0, `${at(block)}: ${err}\n${text}`)
}

/* ---- the client's own example ---- */

async function clientCode(t, block, place) {
  const dist = join(root, 'sdk/ts/dist/index.js')
  assert.ok(existsSync(dist), 'build sdk/ts first: make build')
  const file = join(root, 'tests/e2e', `.example-${process.pid}.mjs`)
  t.after(() => rmSync(file, { force: true }))
  const code = block.lines.join('\n').replace('@ledgerquest/client', pathToFileURL(dist).href).replaceAll('127.0.0.1:8080', `127.0.0.1:${place.server.port}`)
  writeFileSync(file, `import Socket from 'ws'\nglobalThis.WebSocket ??= Socket\nconst draw = () => {}\n${code}\nprocess.exit(0)\n`)
  const result = spawnSync('node', [file], { encoding: 'utf8', timeout: 30000 })
  assert.equal(result.status, 0, `${at(block)}: ${result.stdout}${result.stderr}`)
}

for (const file of executed) {
  test(`${file}: every example runs`, async (t) => {
    let place
    for (const block of read(file).blocks) {
      const kind = kindOf(block)
      await t.test(`line ${block.line}: ${kind}`, async (t2) => {
        if (['shell', 'client'].includes(kind)) place ??= await workshop(t)
        if (kind === 'talk') await talk(t2, block)
        if (kind === 'game') build(t2, block)
        if (kind === 'client') await clientCode(t2, block, place)
        if (kind === 'shell') for (const line of commandsOf(block.lines)) await command(place, line)
      })
    }
    await place?.client.close()
  })
}

test('the examples of every lq COMMAND --help run', async (t) => {
  const place = await workshop(t)
  const names = [...run(['--help']).out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((m) => m[1])
  assert.ok(names.length >= 11)
  for (const name of names) {
    const lines = run([name, '--help']).out.split('examples:\n')[1].split('\n').filter(Boolean)
    assert.ok(lines.length)
    for (const line of lines) {
      const text = line.trim().split(/ {3,}/)[0]
      // Not for this machine to open to the world, or to bench at length.
      await t.test(text, () => command(place, text.replace('--host 0.0.0.0', '--host 127.0.0.1').replace(' --data /var/lib/lq', '')))
    }
  }
  await place.client.close()
})

test('a block that nobody can run is found', () => {
  assert.throws(() => kindOf({ file: 'x.md', line: 1, tag: '', lines: ['what is this'] }), /x\.md:1: /)
  assert.throws(() => kindOf({ file: 'x.md', line: 1, tag: 'json', lines: ['{}'] }), /cannot be run/)
  assert.throws(() => compare({ evt: 'ack', id: 'c1', tick: 1 }, { evt: 'ack', id: 'c1' }))
  assert.throws(() => compare({ evt: 'ack', id: 'c1' }, { evt: 'ack', id: 'c2' }))
  assert.throws(() => compare({ evt: 'ack', tick: 1 }, { evt: 'ack', tick: '1' }))
  assert.throws(() => compare({ state: { p1: { Position: { x: 1 } } } }, { state: { p1: { Position: { y: 1 } } } }))
  compare({ state: { p1: {} }, tick: 1 }, { state: { p1: { Purse: { coins: 1 } }, p2: {} }, tick: 9 })
})

test('links lead somewhere', () => {
  for (const page of linked.map(read))
    for (const { line, to } of links(page)) {
      if (/^https?:/.test(to)) continue
      const [path, anchor] = to.split('#')
      const target = path ? join(dirname(page.file), path) : page.file
      assert.ok(existsSync(join(root, target)), `${page.file}:${line}: ${to} is not there`)
      if (!anchor) continue
      const heads = readFileSync(join(root, target), 'utf8').matchAll(/^#+ (.+)$/gm)
      const slugs = [...heads].map((m) => m[1].toLowerCase().replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-'))
      assert.ok(slugs.includes(anchor), `${page.file}:${line}: no heading #${anchor}`)
    }
})

/* ---- names ---- */

const skipped = new Set(['node_modules', 'build', '.git', 'test-artifacts', '.lq'])
function tree(folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (skipped.has(entry.name)) return []
    return entry.isDirectory() ? [path, ...tree(path)] : [path]
  })
}

// `lq_host/loop.c` and also `shard_tick.c`, where the folder is clear from the text.
test('files, folders and functions that the documents name exist', () => {
  const paths = tree()
  const code = paths.filter((path) => /\.(c|h)$/.test(path)).map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
  const names = new Set(code.match(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/gi))
  // Made by a build or a run, or of the system.
  const made = new Set(['bin/lq', 'game.h', 'lq.db', 'lq.lock', 'results/w6.md', 'w6.json', 'sqlite3.h'])
  const isPath = (name) => /^[\w./-]+\.(c|h|ts|mjs|sh|py|md|yaml|json|cmake|html)$/.test(name) || /^(lq_\w+|apps|sdk|studio|docs|examples|scripts|tests|bench|cmake)\/[\w./-]*$/.test(name)
  let looked = 0
  const wrong = []
  for (const page of [...linked, ...paths.filter((path) => path.endsWith('/README.md'))].map(read)) {
    const text = page.blocks.filter((b) => b.tag === 'text').flatMap((b) => b.lines.flatMap((line) => line.match(/[\w./-]+/g) ?? []).map((name) => ({ line: b.line, name })))
    const known = ticked(page)
    const inText = page.file === 'docs/ARCHITECTURE.md' ? text.filter(({ name }) => isPath(name) || /^lqi?_\w+$/.test(name)) : []
    for (const { line, name } of [...known, ...inText]) {
      if (made.has(name) || name.startsWith('/')) continue
      if (isPath(name)) {
        const trimmed = name.replace(/\/$/, '')
        if (!paths.some((path) => path === trimmed || path.endsWith(`/${trimmed}`))) wrong.push(`${page.file}:${line}: there is no ${name}`)
        looked++
      } else if (/^(lq|lqi)_[a-z0-9_]+$/.test(name) || (page.file === 'docs/ARCHITECTURE.md' && /^[a-z]+(_[a-z]+)+$/.test(name))) {
        if (!names.has(name) && !paths.includes(name)) wrong.push(`${page.file}:${line}: no code names ${name}`)
        looked++
      }
    }
  }
  // `name` (`file`) in the architecture: the file itself must hold it.
  const architecture = readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8')
  for (const [, name, file] of architecture.matchAll(/`(\w+)`(?: \(|, )`([\w./]+\.[ch])`/g)) {
    const holders = paths.filter((path) => path === file || path.endsWith(`/${file}`))
    if (!holders.some((path) => new RegExp(`\\b${name}\\(`).test(readFileSync(join(root, path), 'utf8')))) wrong.push(`${name} is not in ${file}`)
    looked++
  }
  assert.deepEqual(wrong, [])
  assert.ok(looked > 60, `${looked} names were looked up`)
})
