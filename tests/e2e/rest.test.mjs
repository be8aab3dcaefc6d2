// The OpenAPI document is valid, and the server does what it says: every path and method, every error, every page.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv from 'ajv/dist/2020.js'
import { yardFolder } from '../yard.mjs'
import { Client, bearer, dataFolder, game, keysOf, rest, run, serve, tokenOf } from './lib.mjs'

const sessions = '/v1/tenants/{tenant}/games/{game}/sessions'
const one = `${sessions}/{session}`

// A server with its document, and `call`, which holds every answer to what the document says of it.
async function documented(t, args, env) {
  const server = await serve(t, dataFolder(t), args, env)
  const { body: document } = await rest(server, '/v1/openapi.json')
  const ajv = new Ajv({ strict: false, allErrors: true })
  ajv.addSchema(document, 'openapi')
  const resolve = (node) => (node?.$ref ? node.$ref.slice(2).split('/').reduce((at, key) => at[key], document) : node)
  const seen = new Map() // "GET /path" -> statuses
  async function call(method, path, status, { session = 'main', query = '', game = 'demo', tenant = 'acme', user = 'player', key = '12345678', policy = 'office', issuer = 'corp', shape = '1', sha256 = '0'.repeat(64), ...options } = {}) {
    const parts = { tenant, game, session, user, key, policy, issuer, shape, sha256 }
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name) => parts[name]) + query
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

// What there is without tokens, and what `lq serve` alone has.
const verbs = ['get', 'post', 'delete', 'put', 'patch']
function operations(document, fits = () => true) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    verbs.filter((verb) => methods[verb] && fits(methods[verb], path)).map((verb) => ({ path, method: verb.toUpperCase(), about: methods[verb] })),
  )
}
const isOpen = ({ tags }) => ['sessions', 'games', 'operation'].includes(tags[0])

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
  const modules = '/v1/tenants/{tenant}/games/{game}/modules'
  const listed = (await call('GET', modules, 200)).body
  assert.deepEqual([listed.game.file, listed.modules], ['game', []], 'its rules are in C')
  const { sha256 } = listed.game
  const encoded = await call('GET', `${modules}/{sha256}`, 200, { sha256 })
  assert.match(encoded.headers.get('cache-control'), /immutable/)
  const bytes = await (await fetch(`${server.url}/v1/tenants/acme/games/demo/modules/${sha256}`)).arrayBuffer()
  assert.equal(createHash('sha256').update(new Uint8Array(bytes)).digest('hex'), sha256)
  assert.equal(bytes.byteLength, listed.game.bytes)
  for (const no of ['0'.repeat(64), 'x', sha256.slice(1)]) await call('GET', `${modules}/{sha256}`, 404, { sha256: no })

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
  assert.deepEqual((await call('GET', `${one}/contacts`, 200)).body.contacts, [], 'a game without physics')
  for (const part of ['state', 'hash', 'contacts']) {
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

  // The hunt has no cooked shape: below.
  allCalled(document, seen, (about) => isOpen(about) && about.operationId !== 'getShape')
  await client.close()
})

test('a game with physics says what is drawn of it', async (t) => {
  const { server, call } = await documented(t, ['dev', yardFolder(t)])
  const client = new Client(server.port)
  await client.join()
  const { state } = (await call('GET', `${one}/state`, 200)).body
  for (const [name, shape, parts, lines] of [
    ['crystal', 'hull', 1, 15],
    ['table', 'compound', 5, 12],
    ['ramp', 'mesh', 1, 4 * 4 + 5 * 3 + 12],
    ['hills', 'field', 1, 16 * 9 + 17 * 8],
  ]) {
    const path = '/v1/tenants/{tenant}/games/{game}/shapes/{shape}'
    const { body, headers } = await call('GET', path, 200, { shape: String(state[name].Shape.asset) })
    assert.deepEqual([body.name, body.shape, body.parts.length], [name, shape, parts])
    for (const part of body.parts) assert.deepEqual([part.lines.length / 6, part.all], [lines, lines], name)
    await call('GET', path, 304, { shape: String(state[name].Shape.asset), headers: { 'if-none-match': headers.get('etag') } })
    assert.equal((await call('GET', path, 404, { shape: String(state[name].Shape.asset + 1) })).body.code, 'LQ_ERR_NOT_FOUND')
  }
  let now
  do now = (await call('GET', `${one}/contacts`, 200)).body
  while (!now.contacts.some(({ a, b, normal }) => a === 'table' && b === 'plate' && normal[1] > 0.9))
  // Played again up to there it says the same, and nothing of it is hidden.
  for (const player of ['', '&player=p1']) assert.deepEqual((await call('GET', `${one}/contacts`, 200, { query: `?tick=${now.tick}${player}` })).body, now)
  await client.close()
})

function allCalled(document, seen, fits) {
  // What sends a browser elsewhere is followed in tests/browser/sign_in.test.mjs.
  for (const { path, method, about } of operations(document, fits))
    assert.ok((seen.get(`${method} ${path}`) ?? []).some((status) => status < 300 || about.responses['302']), `${method} ${path} was never called`)
}

test('tenants, people and tokens do what the document says', async (t) => {
  const { server, document, call, seen } = await documented(t, ['serve', game, '--all-tenants'], { LQ_MESSAGES_PER_S: '100000' })
  const keys = keysOf(server)
  const of = '/v1/tenants/{tenant}'
  const given = (token, more = {}) => ({ ...more, headers: { ...more.headers, ...bearer(token) } })
  const jwks = (await call('GET', '/.well-known/jwks.json', 200)).body
  assert.deepEqual(jwks.keys.map(({ kty, crv }) => [kty, crv]), [['OKP', 'Ed25519']])
  const { body: shown } = await call('POST', '/v1/auth/token', 200, given(keys.admin))
  assert.deepEqual([shown.tenant, shown.user], ['acme', 'admin'])
  const claims = JSON.parse(Buffer.from(shown.access_token.split('.')[1], 'base64url'))
  assert.deepEqual([claims.tid, claims.sub, claims.exp - claims.iat], ['acme', 'admin', 900])
  const root = await tokenOf(server, keys.operator)
  const admin = shown.access_token
  const { body: ticket } = await call('POST', '/v1/auth/ticket', 200, given(admin))
  const client = new Client(server.port)
  await client.join({ token: ticket.ticket })

  // A tenant, its people, their keys.
  const { body: made } = await call('POST', '/v1/tenants', 201, given(root, json({ tenant: 'zeta' })))
  assert.deepEqual([made.about.tenant, made.about.user], ['zeta', 'admin'])
  await call('POST', '/v1/tenants', 409, given(root, json({ tenant: 'zeta' })))
  assert.deepEqual((await call('GET', '/v1/tenants', 200, given(root))).body.tenants.map((x) => [x.tenant, x.state]), [['acme', 'active'], ['zeta', 'active']])
  const zeta = await tokenOf(server, made.secret)
  const at = (more = {}) => ({ tenant: 'zeta', ...given(zeta, more) })
  assert.equal((await call('GET', of, 200, at())).body.tenant, 'zeta')
  await call('POST', sessions, 201, at(json({ session: 'main' }))) // it has the games, without a new start
  await call('POST', `${of}/users`, 201, at(json({ user: 'ann', name: 'Ann', roles: ['player'] })))
  await call('POST', `${of}/users`, 409, at(json({ user: 'ann', roles: ['player'] })))
  for (const wrong of [{ user: 'bob' }, { user: 'bob', roles: ['king'] }, { user: 'bob', roles: ['operator'] }, { user: 'b b', roles: [] }, { user: 'bob', roles: [], age: 3 }])
    await call('POST', `${of}/users`, 400, at(json(wrong)))
  assert.deepEqual((await call('GET', `${of}/users`, 200, at())).body.users.map((u) => u.user), ['admin', 'ann'])
  const ann = (await call('POST', `${of}/keys`, 201, at(json({ user: 'ann', label: 'laptop' })))).body
  await call('POST', `${of}/keys`, 404, at(json({ user: 'bob' })))
  assert.deepEqual((await call('GET', `${of}/keys`, 200, at())).body.keys.find((k) => k.user === 'ann'), ann.about)
  const hers = await tokenOf(server, ann.secret)
  assert.equal((await call('GET', sessions, 200, { tenant: 'zeta', ...given(hers) })).body.sessions.length, 1)

  // A policy holds from the next request on, also over the roles.
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: { User: 'ann' }, Action: 'lq:ListSessions', Resource: '*' }] }
  await call('PUT', `${of}/policies/{policy}`, 200, at(json(policy)))
  await call('PUT', `${of}/policies/{policy}`, 400, at(json({ Version: '2012-10-17' })))
  await call('GET', sessions, 403, { tenant: 'zeta', ...given(hers) })
  assert.deepEqual((await call('GET', `${of}/policies/{policy}`, 200, at())).body, policy)
  assert.deepEqual((await call('GET', `${of}/policies`, 200, at())).body.policies.map((p) => p.policy), ['office'])
  await call('DELETE', `${of}/policies/{policy}`, 200, at())
  await call('GET', sessions, 200, { tenant: 'zeta', ...given(hers) })

  // Limits are the operator's to set, the budget is the tenant's; both hold from now on.
  const limits = { sessions: 1 }
  await call('PUT', `${of}/quota`, 403, at(json(limits)))
  await call('PUT', `${of}/quota`, 200, { tenant: 'zeta', ...given(root, json(limits)) })
  await call('PUT', `${of}/quota`, 400, { tenant: 'zeta', ...given(root, json({ sessions: 0 })) })
  assert.deepEqual((await call('GET', `${of}/quota`, 200, at())).body, limits)
  await call('DELETE', `${of}/quota`, 200, { tenant: 'zeta', ...given(root) })
  assert.deepEqual((await call('GET', `${of}/quota`, 200, at())).body, {})
  const budget = { monthly: '500.00', currency: 'USD', alarms: [{ percent: 80, do: ['notify'] }] }
  await call('PUT', `${of}/budget`, 200, at(json(budget)))
  await call('PUT', `${of}/budget`, 400, at(json({ ...budget, currency: 'EUR' })))
  assert.deepEqual((await call('GET', `${of}/budget`, 200, at())).body, budget)
  await call('DELETE', `${of}/budget`, 200, at())
  assert.deepEqual((await call('GET', `${of}/budget`, 200, at())).body, {})
  // Where its people sign in; signing in itself is in tests/browser/sign_in.test.mjs.
  const signIn = '/v1/auth/oidc/{tenant}/{issuer}'
  const corp = { issuer: 'https://id.corp.example', client_id: 'lq', client_secret: 'hush', algorithm: 'RS256' }
  await call('GET', signIn, 404, { tenant: 'zeta' })
  await call('GET', `${signIn}/callback`, 404, { tenant: 'zeta' })
  await call('POST', '/v1/auth/sign-out', 403)
  await call('POST', '/v1/auth/sign-out', 204, { headers: { origin: server.url } })
  await call('PUT', `${of}/oidc/{issuer}`, 200, at(json(corp)))
  await call('PUT', `${of}/oidc/{issuer}`, 400, at(json({ ...corp, algorithm: 'none' })))
  await call('GET', signIn, 400, { tenant: 'zeta', query: '?return=//evil.example' })
  await call('GET', `${signIn}/callback`, 403, { tenant: 'zeta', query: '?state=x&code=y' })
  assert.deepEqual((await call('GET', `${of}/oidc/{issuer}`, 200, at())).body, { issuer: corp.issuer, client_id: 'lq', has_secret: true, algorithm: 'RS256', roles: ['player'], groups: {}, domains: [] })
  assert.deepEqual((await call('GET', `${of}/oidc`, 200, at())).body, { issuers: [{ name: 'corp' }] })
  assert.deepEqual((await call('GET', '/v1/auth/providers/{tenant}', 200, { tenant: 'zeta' })).body, { providers: [{ name: 'corp' }] })
  await call('DELETE', `${of}/oidc/{issuer}`, 200, at())
  await call('DELETE', `${of}/oidc/{issuer}`, 404, at())

  // Other roles, another name, no token any more, no key any more.
  await call('PATCH', `${of}/users/{user}`, 200, at({ user: 'ann', ...json({ name: 'Anna', roles: ['observer'] }) }))
  const { name, roles, epoch } = (await call('GET', `${of}/users/{user}`, 200, at({ user: 'ann' }))).body
  assert.deepEqual([name, roles, epoch], ['Anna', ['observer'], 1])
  await call('POST', `${of}/users/{user}/revoke`, 200, at({ user: 'ann' }))
  await call('GET', sessions, 401, { tenant: 'zeta', ...given(hers) })
  await tokenOf(server, ann.secret)
  await call('DELETE', `${of}/keys/{key}`, 200, at({ key: ann.about.key }))
  await call('POST', '/v1/auth/token', 401, given(ann.secret))
  assert.ok((await call('POST', `${of}/rotate`, 200, at())).body.rewrapped > 0)
  await call('POST', `${of}/shred`, 200, at())
  await call('POST', `${of}/shred`, 409, at())
  await call('DELETE', `${of}/shred`, 200, at())
  assert.equal((await call('GET', of, 200, at())).body.shred_approvals, 0)
  // The log told of it, with its proof; and what it cost.
  const log = (await call('GET', `${of}/audit`, 200, at())).body
  for (const action of ['oidc.put', 'oidc.drop', 'user.sign-in', 'user.make', 'key.make', 'policy.put', 'policy.drop', 'key.revoke', 'tenant.rotate']) assert.ok(log.entries.some(({ entry }) => entry.action === action), action)
  const page = (await call('GET', `${of}/audit`, 200, at({ query: '?from=1&limit=2' }))).body
  assert.deepEqual([page.entries, page.next], [log.entries.slice(1, 3), 3])
  // The log's follower signs a moment later.
  for (let size = 0; !(size >= log.size); ) size = (await rest(server, '/v1/tenants/zeta/audit/checkpoint', { headers: bearer(zeta) })).body.size
  await call('GET', `${of}/audit/checkpoint`, 200, at())
  assert.equal((await call('GET', `${of}/audit/proof`, 200, at({ query: '?leaf=0' }))).body.index, 0)
  assert.equal((await call('GET', `${of}/audit/proof`, 200, at({ query: '?from=1' }))).body.from, 1)
  await call('GET', `${of}/audit/proof`, 400, at())
  assert.equal((await call('GET', `${of}/usage`, 200, at())).body.tenant, 'zeta')
  assert.deepEqual((await call('GET', '/v1/usage', 200, at())).body.tenant, 'zeta')
  await call('GET', `${of}/usage`, 400, at({ query: '?from=yesterday' }))
  allCalled(document, seen, (about) => !isOpen(about))
  await client.close()
})

test('errors are problem+json with a code and a mend', async (t) => {
  const { server, document, call } = await documented(t)
  const client = new Client(server.port)
  await client.join()
  const code = async (want, ...args) => assert.equal((await call(...args)).body.code, want)
  for (const { path, method: M } of operations(document, (about, path) => isOpen(about) && path.includes('{'))) {
    const body = M === 'POST' ? json(path.endsWith('commands') ? move() : {}) : {}
    await code('LQ_ERR_UNKNOWN_TENANT', M, path, 404, { tenant: 'nobody', ...body })
    await code('LQ_ERR_UNKNOWN_GAME', M, path, 404, { game: 'nothing', ...body })
    if (path.includes('{session}')) await code('LQ_ERR_UNKNOWN_SESSION', M, path, 404, { session: 'never', ...body })
  }
  // Without tokens there are no users, and no address says otherwise.
  for (const { path, method } of operations(document, (about) => !isOpen(about))) {
    const answer = await rest(server, path.replaceAll(/\{\w+\}/g, 'acme'), { method })
    assert.deepEqual([answer.status, answer.body.code], [404, 'LQ_ERR_NOT_FOUND'], `${method} ${path}`)
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
  const { sha256 } = (await rest(server, '/v1/tenants/acme/games/demo/modules')).body.game
  for (const [path, methods] of Object.entries(document.paths)) {
    const url = path.replace('{game}', 'demo').replace('{session}', 'main').replace('{sha256}', sha256).replaceAll(/\{\w+\}/g, 'acme')
    const answer = await rest(server, url, { method: verbs.findLast((verb) => !methods[verb]).toUpperCase(), ...json({}) })
    assert.equal(answer.status, 405, url)
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    const allowed = answer.headers.get('allow').split(/, */)
    for (const method of Object.keys(methods).filter((m) => m !== 'parameters')) assert.ok(allowed.includes(method.toUpperCase()), `${url}: ${allowed}`)
    assert.ok(answer.body.code && answer.body.mend)
    const options = await fetch(server.url + url, { method: 'OPTIONS' })
    assert.deepEqual(options.headers.get('allow').split(/, */), allowed)
    const head = await fetch(server.url + url, { method: 'HEAD' })
    assert.equal(await head.text(), '')
    if (methods.get && isOpen(methods.get)) assert.equal(head.status, url.includes('/shapes/') ? 404 : 200, `HEAD ${url}`)
  }
  for (const url of ['/v1', '/v2/tenants', '/v1/tenants/acme/games/demo/sessions/main/nothing', '/nowhere']) {
    const answer = await rest(server, url)
    assert.equal(answer.status, 404, url)
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    assert.ok(answer.body.code && answer.body.mend)
  }
  await client.close()
})

// Who may do what is said by the document's scopes and the role's policy, and held by the server.
test('tokens: 401 without one, 403 where the role does not allow the action', async (t) => {
  const { server, document, call } = await documented(t, ['serve', game], { LQ_MESSAGES_PER_S: '10000' })
  const keys = keysOf(server)
  const admin = await tokenOf(server, keys.admin)
  await call('POST', sessions, 201, json({ session: 'main' }, bearer(admin)))
  const allowed = {}
  for (const role of ['player', 'tenant-admin']) {
    const { Statement } = JSON.parse(run(['policy', 'show', role]).out)
    allowed[role] = new Set(Statement.filter((s) => !/\$\{lq:user\}/.test(s.Resource)).flatMap((s) => s.Action))
  }
  let asked = 0
  for (const { path, method, about } of operations(document)) {
    const scopes = about.security.flatMap((s) => s.token ?? [])
    const wants = about.security.some((s) => s.token || s.key)
    const given = ['POST', 'PATCH', 'PUT'].includes(method) ? json({}) : {}
    const headers = (more) => ({ ...given, headers: { ...given.headers, ...more } })
    if (!wants) {
      // A browser's own: without its cookie and its Origin there is nothing for them to do.
      if (about.tags[0] !== 'sign-in') await call(method, path, 200)
      continue
    }
    const none = await call(method, path, 401, given)
    assert.match(none.headers.get('www-authenticate'), /Bearer/)
    for (const wrong of ['wrong', `${admin}x`, admin.slice(0, -1), keys.player.slice(0, -1), '']) await call(method, path, 401, headers(bearer(wrong)))
    if (!scopes.length || /^lq:(ListTenants|CreateTenant|ReadMetrics)$/.test(scopes[0])) continue
    for (const [role, key] of [['player', keys.player], ['tenant-admin', keys.admin]]) {
      if (allowed[role].has(scopes[0])) continue
      await call(method, path, 403, { user: 'admin', ...headers(bearer(await tokenOf(server, key))) })
      asked++
    }
  }
  assert.ok(asked > 10)
  for (const key of [keys.admin, keys.player])
    for (const path of ['/v1/tenants', '/metrics']) await call('GET', path, 404, { headers: bearer(await tokenOf(server, key)) })
  await call('GET', '/metrics', 200, { headers: bearer(keys.operator) })
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
