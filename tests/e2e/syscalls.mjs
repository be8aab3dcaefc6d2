// Kills and errors at every system call: a workload runs once under strace to learn its calls, then once more for each
// call and each thread, with strace killing the process before that call, or making that call fail. After each run the
// server starts again without strace, and everything acknowledged must be there, once.
//
// strace counts calls per thread, so main and the store's thread are traced apart: main from its first instruction (strace
// without -f), the store's thread attached while memo_cc.sh holds the start back.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, journal, lq, root, wait } from './lib.mjs'
import { workloads } from './workloads.mjs'

export const START_MS = 20000
const STEP_MS = 10000

// What is killed at: everything but the C library's start and what only waits. And what is made to fail: calls on files.
const KILLED =
  'mkdir,openat,newfstatat,fstat,access,getdents64,read,pread64,write,writev,pwrite64,sendmsg,sendto,recvmsg,recvfrom,accept4,bind,listen,' +
  'fsync,fdatasync,ftruncate,fchmod,fchown,rename,unlink,rmdir,fcntl,mmap,munmap,close,wait4,clone3'
const FAILED = {
  EIO: 'mkdir,openat,newfstatat,getdents64,read,pread64,write,pwrite64,fsync,fdatasync,ftruncate,fchown,fchmod,rename,unlink,fcntl,mmap,close',
  ENOSPC: 'mkdir,openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,mmap,close',
}
export const passes = { kill: KILLED, eio: FAILED.EIO, enospc: FAILED.ENOSPC }

// ---- a server that may die at any moment ----

export class Server {
  constructor(lab, data, args, { trace, env = {} } = {}) {
    this.out = this.err = ''
    this.gate = trace?.thread === 'store' ? join(lab.folder, `gate-${lab.serial++}`) : undefined
    const strace = trace ? ['-qq', '-y', '-s', '0', '-o', trace.log, ...trace.options] : []
    const command = [lq, ...args, '--port', '0', '--data', data]
    const [program, ...rest] = trace?.thread === 'main' ? ['strace', '-D', ...strace, ...command] : command
    this.child = spawn(program, rest, {
      // Under ptrace the leak checker of a sanitized build cannot run.
      env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', CC: lab.cc, LQ_MEMO: lab.memo, LQ_GATE: this.gate ?? '', LQ_MESSAGES_PER_S: '10000', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stderr.on('data', (bytes) => (this.err += bytes))
    this.ended = new Promise((done) => this.child.once('close', (code, signal) => done((this.end = { code, signal }))))
    this.ready = new Promise((done) => {
      this.child.stdout.on('data', (bytes) => {
        this.out += bytes
        this.port ??= Number(/ready on http:\/\/[^:]+:(\d+)/.exec(this.out)?.[1]) || undefined
        if (this.port) this.url = `http://127.0.0.1:${this.port}`
        if (this.port) done(true)
      })
      this.ended.then(() => done(false))
    })
    lab.servers.add(this)
    this.ended.then(() => lab.servers.delete(this))
    if (this.gate) this.attached = this.attach(strace)
  }
  async attach(strace) {
    while (!existsSync(`${this.gate}.here`) && !this.end) await wait(3)
    const tasks = `/proc/${this.child.pid}/task`
    const named = (task) => readFileSync(`${tasks}/${task}/comm`, 'utf8').trim() === 'lq-store'
    let store // a thread gets its name a moment after it starts
    while (!this.end && !(store = readdirSync(tasks).find(named))) await wait(3)
    if (!store) return
    const tracer = spawn('strace', [...strace, '-p', store], { stdio: 'ignore' })
    this.traced = new Promise((done) => tracer.once('close', done))
    while (/^TracerPid:\t0$/m.test(readFileSync(`${tasks}/${store}/status`, 'utf8')) && tracer.exitCode === null) await wait(3)
    writeFileSync(`${this.gate}.go`, '')
  }
  // Bounded: null when it does not come in time.
  async within(promise, ms) {
    let timer
    const late = new Promise((done) => (timer = setTimeout(() => done(null), ms)))
    const first = await Promise.race([promise, late])
    clearTimeout(timer)
    return first
  }
  async stop(signal) {
    this.child.kill(signal)
    const end = await this.within(this.ended, STEP_MS)
    if (!end) this.child.kill('SIGKILL')
    await this.ended
    await this.traced
    return end
  }
}

// ---- players: what they sent, what they know ----

export class Player {
  constructor(name, session) {
    Object.assign(this, { name, session, sent: 0, pending: new Map(), acked: new Set() })
  }
  async join(server) {
    const client = (this.client = new Client(server.port))
    client.onMessage = (m) => {
      if (m.evt === 'ack' && this.pending.delete(m.id)) this.acked.add(m.id)
    }
    const token = this.token ? { token: this.token } : {}
    const joined = await client.join({ ...token, ...(this.resume ? { resume: this.resume } : { session: this.session }) })
    if (this.player && joined.player !== this.player) throw new Error(`${this.name} was ${this.player} and came back as ${joined.player}`)
    this.player = joined.player
    this.resume = joined.resume
    for (const message of this.pending.values()) client.send(message)
  }
  // Sends `count` posts and waits until all that is pending is acknowledged.
  async post(count, bytes = 10) {
    if (this.client.closed) throw new Error('closed before')
    for (let i = 0; i < count; i++) {
      const id = `${this.name}-${++this.sent}`
      this.pending.set(id, { cmd: 'post', entity: this.player, text: id.padEnd(bytes, '.'), id })
      this.client.send(this.pending.get(id))
    }
    if (this.pending.size) await this.client.next((m) => m.evt === 'ack' && this.pending.size === 0, STEP_MS)
  }
}

// ---- the laboratory: folders that all runs share ----

export function laboratory() {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'lq-syscalls-'))
  const lab = { folder, memo: join(folder, 'memo'), cc: join(root, 'tests/e2e/memo_cc.sh'), serial: 0, bases: new Map(), servers: new Set() }
  mkdirSync(lab.memo)
  lab.games = {}
  for (const release of [1, 2]) {
    const game = (lab.games[release] = join(folder, `game-${release}`))
    cpSync(join(root, 'tests/e2e/games/posts'), game, { recursive: true })
    const yaml = join(game, 'game.yaml')
    writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('version: 1.0.0', `version: ${release}.0.0`))
  }
  lab.close = () => {
    for (const server of lab.servers) server.child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  return lab
}

// Why strace cannot be used here; undefined when it can.
export function straceTrouble() {
  const { error, status, stderr } = spawnSync('strace', ['-qq', '-e', 'trace=none', 'true'], { encoding: 'utf8' })
  if (error) return `strace is not installed (scripts/bootstrap.sh does that): ${error.message}`
  if (status !== 0) return `strace may not trace here (ptrace is forbidden, as in a container without SYS_PTRACE): ${stderr}`
}

async function baseOf(lab, name) {
  if (!lab.bases.has(name)) {
    const made = (async () => {
      const base = { folder: join(lab.folder, `base-${name}`), players: workloads[name].players() }
      mkdirSync(base.folder, { mode: 0o700 })
      await workloads[name].prepare?.(lab, base)
      return base
    })()
    lab.bases.set(name, made)
  }
  return lab.bases.get(name)
}

// One run of a workload, traced or not: the server as it ended, and what the players know.
async function run(lab, name, trace) {
  const base = await baseOf(lab, name)
  const data = join(lab.folder, `run-${lab.serial++}`)
  cpSync(base.folder, data, { recursive: true })
  const players = workloads[name].players()
  players.forEach((p, i) => Object.assign(p, { player: base.players[i].player, resume: base.players[i].resume, sent: base.players[i].sent }))
  players.forEach((p, i) => (p.acked = new Set(base.players[i].acked)))
  const result = { data, players, troubles: [] }
  const start = (more) => new Server(lab, data, workloads[name].args(lab), { trace, env: workloads[name].env, ...more })
  const server = (result.server = start())
  if ((await server.within(server.ready, START_MS)) === null) result.troubles.push('neither ready nor ended in time')
  if (server.port) await workloads[name].steps(server, players, lab).catch((error) => (result.interrupted = error))
  for (const p of players) p.client?.ws.terminate()
  if (/nothing came/.test(result.interrupted)) result.troubles.push(`a player waits and is told nothing: ${server.err}`)
  // One that said that it ends does so by itself.
  if (server.err.includes('this process ends')) await server.within(server.ended, STEP_MS)
  const stopped = await server.stop(trace?.kills || !workloads[name].orderly ? 'SIGKILL' : 'SIGTERM')
  if (!stopped) result.troubles.push('did not end in time')
  return result
}

// ---- after a run ----

async function check(lab, name, result) {
  const { data, players, troubles } = result
  const server = new Server(lab, data, workloads[name].again?.(lab) ?? workloads[name].args(lab), { env: workloads[name].env })
  if (!(await server.within(server.ready, START_MS))) {
    troubles.push(`does not start again: ${server.err}`)
    await server.stop('SIGKILL')
    return
  }
  try {
    for (const p of players) {
      p.token = undefined
      await p.join(server)
      await p.post(1)
      p.client.ws.terminate()
      const ids = new Map()
      for (const record of await journal(server, p.session))
        for (const { id } of record.commands) if (id) ids.set(id, (ids.get(id) ?? 0) + 1)
      for (const id of p.acked) if (ids.get(id) !== 1) troubles.push(`acknowledged ${id} is in the journal ${ids.get(id) ?? 0} times`)
    }
  } catch (error) {
    troubles.push(`cannot go on: ${error.message}`)
  }
  const end = await server.stop('SIGTERM')
  if (end?.code !== 0) troubles.push(`the next orderly end: ${JSON.stringify(end)} ${server.err}`)
  for (const session of new Set(players.map((p) => p.session))) {
    const args = ['session', 'verify', session, '--json', '--data', data]
    const child = spawn(lq, args, { env: { ...process.env, CC: lab.cc, LQ_MEMO: lab.memo }, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    child.stdout.on('data', (bytes) => (said += bytes))
    child.stderr.on('data', (bytes) => (said += bytes))
    const code = await new Promise((done) => child.once('close', done))
    if (code !== 0 || !/"findings":0/.test(said)) troubles.push(`lq session verify ${session}: ${code} ${said}`)
  }
}

// ---- the calls of a workload ----

// Every call of a thread, from the first that names the data folder on: what comes before is the C library's start.
function callsOf(log, data) {
  const counts = new Map()
  const calls = []
  let begun = false
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const call = /^(?:\d+ +)?([a-z_0-9]+)\(/.exec(line)?.[1]
    if (!call) continue
    counts.set(call, (counts.get(call) ?? 0) + 1)
    begun ||= line.includes(data)
    // Taking back a lock cannot fail on a real disk, and SQLite, which knows, would wait for the lock in vain.
    if (begun) calls.push({ call, n: counts.get(call), onFile: line.includes(data) && !line.includes('F_UNLCK') })
  }
  return calls
}

export async function survey(lab, name) {
  const points = []
  for (const thread of ['main', 'store']) {
    const log = join(lab.folder, `survey-${lab.serial++}`)
    const result = await run(lab, name, { thread, log, options: ['-e', `trace=${KILLED}`] })
    if (result.interrupted || result.troubles.length || (result.server.end.code !== 0 && workloads[name].orderly))
      throw new Error(`${name} does not run as it is: ${result.interrupted ?? result.troubles} ${JSON.stringify(result.server.end)} ${result.server.err}`)
    const data = thread === 'main' ? result.data : lab.folder
    points.push(...callsOf(log, data).map((c) => ({ ...c, thread, name })))
    rmSync(result.data, { recursive: true })
  }
  return points
}

export function pointsOf(points, pass) {
  const calls = new Set(passes[pass].split(','))
  return points.filter((p) => calls.has(p.call) && (pass === 'kill' || p.onFile)).map((p) => ({ ...p, pass }))
}

// One call killed at, or failed. Returns { outcome, troubles }.
export async function strike(lab, { name, thread, call, n, pass }) {
  const log = join(lab.folder, `log-${lab.serial++}`)
  const fault = pass === 'kill' ? 'signal=SIGKILL' : `error=${pass.toUpperCase()}`
  const result = await run(lab, name, { thread, log, kills: pass === 'kill', options: ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${n}`] })
  const { server, troubles, data } = result
  const said = existsSync(log) ? readFileSync(log, 'utf8') : ''
  const hit = pass === 'kill' ? /killed by SIGKILL/.test(said) : said.split('\n').find((line) => line.includes('(INJECTED)'))
  const elsewhere = pass !== 'kill' && hit && !hit.includes(data)
  let outcome = !hit ? 'not reached' : elsewhere ? 'elsewhere' : pass === 'kill' ? 'killed' : server.end.code === 0 ? 'went on' : 'ended 1'
  if (pass !== 'kill' && !elsewhere) {
    const { code, signal } = server.end
    // It may be told to stop while it already ends, with nobody listening any more.
    const twice = signal === 'SIGTERM' && server.err.includes('this process ends')
    if (workloads[name].orderly && code !== 0 && code !== 1 && !twice) troubles.push(`ended with ${code ?? signal}: ${server.err}`)
    if (code === 1 && !/^lq: [^]*\n {4}mend: /m.test(server.err)) troubles.push(`status 1 without cause and mend: ${server.err}`)
  }
  // A run's calls are not all where the survey had them: what must not fail was hit.
  const unlock = pass !== 'kill' && hit && hit.includes('F_UNLCK')
  if (unlock) troubles.length = 0
  else if (troubles.length === 0) await check(lab, name, result)
  if (troubles.length) outcome = 'FAILED'
  rmSync(log, { force: true })
  rmSync(data, { recursive: true, force: true })
  return { outcome, troubles, hit }
}
