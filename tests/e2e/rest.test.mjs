// The OpenAPI document is valid, and the server does what it says: every path and method, every error, every page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv from 'ajv/dist/2020.js'
import { Client, dataFolder, rest, serve } from './lib.mjs'

const sessions = '/v1/tenants/{tenant}/games/{game}/sessions'
const one = `${sessions}/{session}`

// A server with its document, and `call`, which holds every answer to what the document says of it.
async function documented(t, args) {
  const server = await serve(t, dataFolder(t), args)
  const { body: document } = await rest(server, '/v1/openapi.json')
  const ajv = new Ajv({ strict: false, allErrors: true })
  ajv.addSchema(document, 'openapi')
  const resolve = (node) => (node?.$ref ? node.$ref.slice(2).split('/').reduce((at, key) => at[key], document) : node)
  const seen = new Map() // "GET /path" -> statuses
  async function call(method, path, status, { session = 'main', query = '', game = 'demo', tenant = 'acme', ...options } = {}) {
    const url = path.replace('{tenant}', tenant).replace('{game}', game).replace('{session}', session) + query
    const answer = await rest(server, url, { method, ...options })
    const what = `${method} ${url} ${JSON.stringify(answer.body)?.slice(0, 300)}`
    assert.equal(answer.status, status, what)
    const response = resolve(document.paths[path][method.toLowerCase()].responses[status])
    assert.ok(response, `${status} is not documented: ${what}`)
    seen.set(`${method} ${path}`, [...(seen.get(`${method} ${path}`) ?? []), status])
    const [type, media] = Object.entries(response.content ?? {})[0] ?? []
    if (type) assert.equal(answer.headers.get('content-type').split(';')[0], type, what)
    if (!type) assert.equal(answer.body, '', what)
    for (const [name, header] of Object.entries(response.headers ?? {})) assert.equal(typeof answer.headers.get(name), header.schema.type, `${name}: ${what}`)
    if (media && type !== 'text/plain') {
      const valid = ajv.validate({ $ref: `openapi#${pointer(document, media.schema)}` }, answer.body)
      assert.ok(valid, `${ajv.errorsText()}: ${what}`)
      const schema = resolve(media.schema)
      if (schema.properties) for (const key of Object.keys(answer.body)) assert.ok(schema.properties[key], `${key} is not documented: ${what}`)
    }
    if (type === 'application/problem+json') {
      assert.equal(answer.body.status, status, what)
      for (const key of ['title', 'detail', 'mend']) assert.ok(answer.body[key].length > 3, `${key}: ${what}`)
    }
    return answer
  }
  return { server, document, call, seen }
}

// Where a node stands in the document, as a JSON pointer.
function pointer(document, node) {
  const find = (at, path) => {
    if (at === node) return path
    if (at === null || typeof at !== 'object') return undefined
    for (const [key, value] of Object.entries(at)) {
      const found = find(value, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return find(document, '').split('/').map(encodeURIComponent).join('/')
}

const json = (body, more = {}) => ({ body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...more } })
const move = (more = {}) => ({ cmd: 'move', player: 'p1', entity: 'p1', vec: [0, 1, 0], ...more })

test('the OpenAPI document is valid, and says no address twice', async (t) => {
  const server = await serve(t, dataFolder(t))
  const answer = await rest(server, '/v1/openapi.json')
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(answer.body))
  assert.ok(valid, JSON.stringify(errors))
  assert.equal(validator.version, '3.1')
  const ids = Object.values(answer.body.paths).flatMap((path) => Object.values(path).map((operation) => operation.operationId).filter(Boolean))
  assert.equal(new Set(ids).size, ids.length)
  // The validator itself can say no.
  const broken = structuredClone(answer.body)
  delete broken.info.title
  assert.equal((await new Validator().validate(broken)).valid, false)
})

test('every path and method does what the document says', async (t) => {
  const { server, document, call, seen } = await documented(t)
  const client = new Client(server.port)
  await client.join()

  for (const path of ['/healthz', '/readyz', '/metrics', '/v1/openapi.json']) await call('GET', path, 200)
  const { headers } = await call('GET', '/v1/openapi.json', 200)
  assert.equal(await fetch(`${server.url}/v1/openapi.json`, { headers: { 'if-none-match': headers.get('etag') } }).then((r) => r.status), 304)
  const game = (await call('GET', '/v1/tenants/{tenant}/games/{game}', 200)).body
  assert.ok('move' in game.commands || game.commands.some?.((c) => c.name === 'move'), 'the game shows its commands')

  // Make, list page by page, look.
  const made = await call('POST', sessions, 201, json({ session: 'monday', seed: 7 }))
  assert.equal(made.body.session, 'monday')
  assert.equal((await rest(server, made.headers.get('location'))).body.session, 'monday')
  for (const session of ['tuesday', 'wednesday']) await call('POST', sessions, 201, json({ session }))
  await call('POST', sessions, 409, json({ session: 'monday' }))
  const named = []
  for (let query = '?limit=1', pages = 0; query; pages++) {
    assert.ok(pages < 10)
    const { body } = await call('GET', sessions, 200, { query })
    assert.ok(body.sessions.length <= 1)
    named.push(...body.sessions.map((s) => s.session))
    query = body.next === undefined ? '' : `?limit=1&after=${body.next}`
  }
  assert.deepEqual(named, ['main', 'monday', 'tuesday', 'wednesday'])

  // Command, durable; the same id and the same key are the same command.
  const first = await call('POST', `${one}/commands`, 200, json(move({ id: 'r1' })))
  assert.equal((await call('POST', `${one}/commands`, 200, json(move({ id: 'r1' })))).body.tick, first.body.tick)
  const keyed = await call('POST', `${one}/commands`, 200, json(move(), { 'idempotency-key': '"k1"' }))
  assert.deepEqual((await call('POST', `${one}/commands`, 200, json(move(), { 'idempotency-key': '"k1"' }))).body, keyed.body)
  assert.equal((await call('POST', `${one}/commands`, 422, json(move({ vec: [1, 0, 0] }), { 'idempotency-key': '"k1"' }))).body.code, 'LQ_ERR_IDEMPOTENCY')
  const again = { session: 'keyed' }
  const made1 = await call('POST', sessions, 201, json(again, { 'idempotency-key': 'k2' }))
  const made2 = await call('POST', sessions, 201, json(again, { 'idempotency-key': 'k2' }))
  assert.deepEqual(made2.body, made1.body, 'the first answer, not a conflict')
  await call('POST', sessions, 422, json({ session: 'other' }, { 'idempotency-key': 'k2' }))

  // State and hash, now and then.
  const tick = keyed.body.tick
  const then = (await call('GET', `${one}/state`, 200, { query: `?tick=${tick}` })).body
  assert.equal(then.tick, tick)
  const before = (await call('GET', `${one}/state`, 200, { query: `?tick=${first.body.tick - 1}` })).body
  assert.equal(before.tick, first.body.tick - 1)
  assert.equal((await call('GET', `${one}/hash`, 200, { query: `?tick=${tick}` })).body.hash, then.hash)
  const now = (await call('GET', `${one}/state`, 200)).body
  assert.ok(now.tick >= tick && now.state.p1.Position)
  assert.ok((await call('GET', `${one}/hash`, 200)).body.tick >= now.tick)
  assert.ok((await call('GET', `${one}/state`, 200, { query: '?player=p1' })).body.state.p1)
  for (const part of ['state', 'hash']) {
    await call('GET', `${one}/${part}`, 400, { query: '?tick=99999999' })
    await call('GET', `${one}/${part}`, 400, { query: '?tick=soon' })
  }

  // The journal, a slice a page; no `next` at the end, also when nothing is left.
  const slices = []
  for (let next = 1, pages = 0; next; pages++) {
    assert.ok(pages < 1000)
    const { body } = await call('GET', `${one}/journal`, 200, { query: `?from=${next}&limit=1` })
    assert.ok(body.records.length <= 1)
    slices.push(...body.records)
    assert.ok(body.next === undefined || body.next === next + 1)
    next = body.next
  }
  assert.deepEqual(slices.map((s) => s.slice), slices.map((_, i) => i + 1))
  const ids = slices.flatMap((s) => s.commands).map((c) => c.id)
  for (const id of ['r1', 'k1']) assert.equal(ids.filter((x) => x === id).length, 1, `${id} in the journal, once`)
  const past = (await call('GET', `${one}/journal`, 200, { query: '?from=1000000' })).body
  assert.deepEqual(past, { records: [] })
  await call('GET', `${one}/journal`, 400, { query: '?limit=0' })

  // The end of a session: its journal stays, commands do not.
  assert.notEqual((await call('GET', one, 200, { session: 'monday' })).body.state, 'ended')
  const ended = await call('DELETE', one, 200, { session: 'monday' })
  assert.equal((await call('GET', one, 200, { session: 'monday' })).body.state, 'ended')
  await call('DELETE', one, 410, { session: 'monday' })
  await call('POST', `${one}/commands`, 410, { session: 'monday', ...json(move()) })
  const kept = (await call('GET', `${one}/journal`, 200, { session: 'monday' })).body
  assert.equal(kept.records.at(-1).tick, ended.body.tick)
  await assert.rejects(new Client(server.port).join({ session: 'monday' }), /LQ_ERR_ENDED/)

  for (const [path, methods] of Object.entries(document.paths))
    for (const method of Object.keys(methods).filter((m) => ['get', 'post', 'delete', 'put', 'patch'].includes(m)))
      assert.ok((seen.get(`${method.toUpperCase()} ${path}`) ?? []).some((status) => status < 300), `${method} ${path} was never called`)
  await client.close()
})

test('errors are problem+json with a code and a mend', async (t) => {
  const { server, document, call } = await documented(t)
  const client = new Client(server.port)
  await client.join()
  const code = async (want, ...args) => assert.equal((await call(...args)).body.code, want)
  for (const [path, methods] of Object.entries(document.paths)) {
    if (!path.includes('{')) continue
    for (const method of Object.keys(methods).filter((m) => ['get', 'post', 'delete'].includes(m))) {
      const M = method.toUpperCase()
      const body = M === 'POST' ? json(path.endsWith('commands') ? move() : {}) : {}
      await code('LQ_ERR_UNKNOWN_TENANT', M, path, 404, { tenant: 'nobody', ...body })
      await code('LQ_ERR_UNKNOWN_GAME', M, path, 404, { game: 'nothing', ...body })
      if (path.includes('{session}')) await code('LQ_ERR_UNKNOWN_SESSION', M, path, 404, { session: 'never', ...body })
    }
  }
  const commands = `${one}/commands`
  for (const [want, body] of [
    ['LQ_ERR_SYNTAX', '{'],
    ['LQ_ERR_INVALID', '[]'],
    ['LQ_ERR_INVALID', {}],
    ['LQ_ERR_INVALID', move({ extra: 1 })],
    ['LQ_ERR_INVALID', move({ vec: [1] })],
    ['LQ_ERR_RANGE', move({ vec: [1, 0, 3e9] })],
    ['LQ_ERR_DEPTH', '['.repeat(100)],
  ])
    await code(want, 'POST', commands, 400, json(body))
  await code('LQ_ERR_UNKNOWN_COMMAND', 'POST', commands, 400, json(move({ cmd: 'fly' })))
  await code('LQ_ERR_NOT_FOUND', 'POST', commands, 404, json(move({ player: 'p9' })))
  await code('LQ_ERR_NOT_FOUND', 'GET', `${one}/state`, 404, { query: '?player=p9' })
  await code('LQ_ERR_INVALID', 'POST', sessions, 400, json({ session: 'no spaces' }))
  await code('LQ_ERR_INVALID', 'POST', sessions, 400, json({ sesion: 'x' }))
  for (const path of [sessions, commands]) {
    await call('POST', path, 415, { body: JSON.stringify(move()), headers: { 'content-type': 'text/plain' } })
    await call('POST', path, 413, json(`{"cmd":"${'x'.repeat(2 << 20)}"}`))
    await call('POST', path, 400, json(move(), { 'idempotency-key': 'no spaces!' }))
  }
  // Methods and addresses that the document does not have.
  for (const [path, methods] of Object.entries(document.paths)) {
    const url = path.replace('{tenant}', 'acme').replace('{game}', 'demo').replace('{session}', 'main')
    const answer = await rest(server, url, { method: 'PUT', ...json({}) })
    assert.equal(answer.status, 405, url)
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    const allowed = answer.headers.get('allow').split(/, */)
    for (const method of Object.keys(methods).filter((m) => m !== 'parameters')) assert.ok(allowed.includes(method.toUpperCase()), `${url}: ${allowed}`)
    assert.ok(answer.body.code && answer.body.mend)
    const options = await fetch(server.url + url, { method: 'OPTIONS' })
    assert.deepEqual(options.headers.get('allow').split(/, */), allowed)
    const head = await fetch(server.url + url, { method: 'HEAD' })
    assert.equal(await head.text(), '')
    if (methods.get) assert.equal(head.status, 200, `HEAD ${url}`)
  }
  for (const url of ['/v1', '/v2/tenants', '/v1/tenants/acme/games/demo/sessions/main/nothing', '/nowhere']) {
    const answer = await rest(server, url)
    assert.equal(answer.status, 404, url)
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    assert.ok(answer.body.code && answer.body.mend)
  }
  await client.close()
})

test('tokens: 401 without, 403 with a player token where the operator is due', async (t) => {
  const { server, document, call } = await documented(t, ['serve', 'examples/treasure_hunt'].map((a, i) => (i ? new URL(`../../${a}`, import.meta.url).pathname : a)))
  const operator = { authorization: `Bearer ${/operator +(\S+)/.exec(server.out)[1]}` }
  const player = { authorization: `Bearer ${/player +(\S+)/.exec(server.out)[1]}` }
  await call('POST', sessions, 201, json({ session: 'main' }, operator))
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, { security }] of Object.entries(methods).filter(([m]) => m !== 'parameters')) {
      const M = method.toUpperCase()
      const given = M === 'POST' ? json(move()) : {}
      const headers = (more) => ({ ...given, headers: { ...given.headers, ...more } })
      if (!security.length) {
        await call(M, path, 200)
        continue
      }
      const none = await call(M, path, 401, given)
      assert.match(none.headers.get('www-authenticate'), /Bearer/)
      await call(M, path, 401, headers({ authorization: 'Bearer wrong' }))
      if (security.some((s) => s.player)) await call(M, path, 200, headers(player))
      else await call(M, path, 403, headers(player))
      if (M === 'GET') await call(M, path, 200, headers(operator))
    }
})

test('/metrics is Prometheus text', async (t) => {
  const server = await serve(t, dataFolder(t))
  const client = new Client(server.port)
  await client.join()
  await client.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'a' }, (m) => m.evt === 'ack')
  const { body, headers } = await rest(server, '/metrics')
  assert.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  assert.ok(body.endsWith('\n'))
  const families = new Map()
  let family
  for (const line of body.trimEnd().split('\n')) {
    const about = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line)
    if (about?.[1] === 'HELP') {
      assert.ok(!families.has(about[2]), `${about[2]} comes twice`)
      families.set(about[2], (family = { name: about[2], samples: [] }))
      assert.ok(about[3].length > 5)
      continue
    }
    if (about) {
      assert.equal(about[2], family?.name, 'TYPE follows its HELP')
      assert.ok(['counter', 'gauge', 'histogram', 'summary'].includes(about[3]), line)
      family.type = about[3]
      continue
    }
    const sample = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]\w*="(?:[^"\\\n]|\\.)*",?)+\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf)$/.exec(line)
    assert.ok(sample, `no sample: ${line}`)
    const ends = family.type === 'histogram' ? /_(bucket|sum|count)$/ : family.type === 'summary' ? /_(sum|count)$/ : /$^/
    assert.equal(family.type ? sample[1].replace(ends, '') : '', family.name, line)
    assert.ok(!family.samples.includes(sample[1] + (sample[2] ?? '')), `${line} comes twice`)
    family.samples.push(sample[1] + (sample[2] ?? ''))
    if (family.type === 'counter') assert.ok(Number(sample[3]) >= 0)
  }
  assert.ok(families.size >= 10)
  for (const { name, type, samples } of families.values()) {
    assert.ok(type && samples.length, `${name} has a type and a value`)
    assert.equal(/_total$/.test(name), type === 'counter', `${name} is a ${type}`)
    assert.match(name, /^(lq|process)_/)
  }
  await client.close()
})
