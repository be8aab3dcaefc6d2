// What the end-to-end tests share: a real server process and a raw client of the protocol.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
export const lq = process.env.LQ_BIN ?? join(root, 'bin/lq')
export const game = join(root, 'examples/treasure_hunt_c')

export function dataFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'lq-e2e-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const wait = (ms) => new Promise((done) => setTimeout(done, ms))

// What `look` finds, as soon as it finds something.
export async function until(look, what, ms = 60000) {
  for (const end = Date.now() + ms; ; await wait(30)) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < end, `never: ${what}`)
  }
}

// Starts `lq ARGS` and waits for its ready line; the server ends with the test, or when killed.
export async function serve(t, data, args = ['dev', game], env = {}, program = lq) {
  const child = spawn(program, [...args, '--port', '0', '--data', data], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const server = { child, out: '', err: '', port: 0 }
  server.ended = new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })))
  child.stderr.on('data', (bytes) => (server.err += bytes))
  await new Promise((ready, failed) => {
    const timer = setTimeout(() => failed(new Error(`not ready: ${server.out}${server.err}`)), 30000)
    child.stdout.on('data', (bytes) => {
      server.out += bytes
      const match = /ready on http:\/\/[^:]+:(\d+)/.exec(server.out)
      if (match && !server.port) {
        server.port = Number(match[1])
        clearTimeout(timer)
        ready()
      }
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      failed(new Error(`exit ${code}: ${server.out}${server.err}`))
    })
  })
  server.kill = (signal) => {
    child.kill(signal)
    return server.ended
  }
  server.url = `http://127.0.0.1:${server.port}`
  t.after(() => child.exitCode === null && child.kill('SIGKILL'))
  return server
}

export function run(args, options = {}) {
  const result = spawnSync(lq, args, { encoding: 'utf8', timeout: 60000, ...options })
  return { code: result.status, out: result.stdout, err: result.stderr }
}

// A raw client: everything that came is kept in `log`; `next` waits for a message that fits.
export class Client {
  constructor(port, path = '/ws', options = {}) {
    this.log = []
    this.waiting = []
    this.closed = false
    this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, options)
    this.open = new Promise((done, failed) => {
      this.ws.once('open', done)
      this.ws.once('error', failed)
    })
    this.open.catch(() => {})
    this.gone = new Promise((done) =>
      this.ws.once('close', (code, reason) => {
        this.closed = true
        done({ code, reason: String(reason) })
        for (const w of this.waiting.splice(0)) w.failed(new Error(`closed ${code} ${reason}`))
      }),
    )
    this.ws.on('error', () => {})
    this.ws.on('message', (data) => {
      const message = JSON.parse(data)
      this.log.push(message)
      this.onMessage?.(message)
      this.waiting = this.waiting.filter((w) => {
        if (!w.fits(message)) return true
        w.done(message)
        return false
      })
    })
  }
  send(message) {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }
  next(fits, ms = 10000) {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`nothing came that fits ${fits}; ${JSON.stringify(this.log.slice(-5))}`)), ms)
      this.waiting.push({
        fits,
        done: (message) => (clearTimeout(timer), done(message)),
        failed: (error) => (clearTimeout(timer), failed(error)),
      })
    })
  }
  async ask(message, fits, ms) {
    const answer = this.next(fits, ms)
    this.send(message)
    return answer
  }
  async join(more = {}, ms) {
    await this.open
    const joined = await this.ask({ action: 'join', tenant: 'acme', game: 'demo', ...more }, (m) => m.evt === 'joined' || m.evt === 'error', ms)
    if (joined.evt === 'error') throw new Error(joined.code)
    this.player = joined.player
    this.resume = joined.resume
    return joined
  }
  close() {
    this.ws.close()
    return this.gone
  }
}

export async function rest(server, path, options = {}) {
  const answer = await fetch(server.url + path, options)
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text && answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text }
}

// The keys that `lq serve` showed at its first start: { operator, admin, player }. A restart shows none.
export const keysOf = (server) => Object.fromEntries([...server.out.matchAll(/^ +(operator|admin|player) +(lqk_\S+)/gm)].map(([, who, key]) => [who, key]))

export const bearer = (token) => ({ authorization: `Bearer ${token}` })

// The short token that a key is exchanged for.
export async function tokenOf(server, key) {
  const { status, body } = await rest(server, '/v1/auth/token', { method: 'POST', headers: bearer(key) })
  if (status !== 200) throw new Error(`no token: ${status} ${JSON.stringify(body)}`)
  return body.access_token
}

export async function journal(server, session = 'main', from = 1, headers = {}) {
  const records = []
  for (let next = from; next; ) {
    const { status, body } = await rest(server, `/v1/tenants/acme/games/demo/sessions/${session}/journal?from=${next}`, { headers })
    if (status !== 200) throw new Error(`journal: ${status} ${JSON.stringify(body)}`)
    records.push(...body.records)
    next = body.next
  }
  return records
}
