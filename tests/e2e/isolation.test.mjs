// One tenant cannot reach another: every operation of the OpenAPI document, by everybody, with the other tenant's names in
// every place a request has. What is foreign is answered like what does not exist, to the byte; nothing of it is in any
// answer; and nothing of it has changed afterwards. The operations come from the document, and the document from the
// server's own table of addresses, so a new one cannot be forgotten.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, bearer, dataFolder, game, keysOf, rest, root, serve, tokenOf } from './lib.mjs'

const VICTIM = 'zeta'
const UNKNOWN = 'nope' // as long, and never made
const json = { 'content-type': 'application/json' }
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })

// The whole answer but its time: status, headers, body.
function ask(server, method, path, headers = {}, body) {
  return new Promise((done, failed) => {
    const request = http.request({ port: server.port, agent, method, path, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part) => (text += part))
      answer.on('end', () => done({ status: answer.statusCode, head: answer.rawHeaders.filter((_, i, all) => all[i - (i % 2)] !== 'Date').join('\n'), body: text }))
    })
    request.on('error', failed)
    request.end(body)
  })
}

// Names of the same length that nothing has.
const strange = (name) => name.replaceAll(/[a-z]/g, 'q').replaceAll(/[A-Z]/g, 'Q').replaceAll(/[0-9]/g, '7')

async function world(t) {
  const server = await serve(t, dataFolder(t), ['serve', game, '--all-tenants'], { LQ_MESSAGES_PER_S: '100000', LQ_HIBERNATE_MS: '1' })
  const { body: document } = await rest(server, '/v1/openapi.json')
  const keys = keysOf(server)
  const tokens = { operator: await tokenOf(server, keys.operator), admin: await tokenOf(server, keys.admin), player: await tokenOf(server, keys.player) }
  const post = async (token, path, body, method = 'POST', more = {}) => {
    const answer = await ask(server, method, path, { ...json, ...bearer(token), ...more }, JSON.stringify(body))
    assert.ok(answer.status < 300, `${path}: ${answer.body}`)
    return JSON.parse(answer.body)
  }
  // What the victim has, with its canaries: names, contents, secrets.
  const victim = { session: 'Secret-Board-77', player: 'Canary-Player-1', user: 'canary-user', policy: 'canary-policy' }
  victim.adminKey = (await post(tokens.operator, '/v1/tenants', { tenant: VICTIM })).secret
  victim.admin = await tokenOf(server, victim.adminKey)
  const at = `/v1/tenants/${VICTIM}`
  await post(victim.admin, `${at}/users`, { user: victim.user, name: 'Canary Name of a User', roles: ['player'] })
  const made = await post(victim.admin, `${at}/keys`, { user: victim.user, label: 'canary label' })
  victim.key = made.about.key
  victim.secret = made.secret
  victim.token = await tokenOf(server, made.secret)
  await post(victim.admin, `${at}/policies/${victim.policy}`, { Version: '2012-10-17', Statement: [{ Sid: 'CanarySid', Effect: 'Deny', Principal: { User: 'canary-nobody' }, Action: 'lq:EndSession', Resource: '*' }] }, 'PUT')
  // The attacker's own session has the name `main`; the victim's idempotency key is used on a path of the same shape.
  victim.idempotency = 'canary-idempotency'
  await post(victim.admin, `${at}/games/demo/sessions`, { session: victim.session, seed: 99 }, 'POST', { 'idempotency-key': victim.idempotency })
  const client = new Client(server.port)
  const joined = await client.join({ tenant: VICTIM, session: victim.session, player: victim.player, token: victim.token })
  victim.resume = joined.resume
  victim.module = (await post(victim.admin, `${at}/games/demo/modules`, undefined, 'GET')).game.sha256
  victim.release = (await post(victim.admin, `${at}/games/demo/sessions/${victim.session}`, undefined, 'GET')).release
  await client.ask({ cmd: 'move', entity: victim.player, vec: [0, 1, 0], id: 'canary-command' }, (m) => m.evt === 'ack')
  await client.close()
  await post(tokens.admin, '/v1/tenants/acme/games/demo/sessions', { session: 'main' })
  victim.ticket = async () => (await post(victim.admin, '/v1/auth/ticket', {})).ticket
  victim.canaries = [victim.session, victim.player, victim.user, 'Canary Name', victim.key, 'canary label', victim.policy, 'CanarySid', 'canary-nobody', 'canary-command', victim.resume.split('~').at(-1), victim.secret]
  return { server, document, tokens, victim, post }
}

// Everything of the victim that anybody could have changed, once its sessions sleep. What was written before is durable with
// the policy that this puts, which is one leaf of the log.
async function portrait({ server, victim, post }) {
  const get = async (path) => JSON.parse((await ask(server, 'GET', `/v1/tenants/${VICTIM}${path}`, bearer(victim.admin))).body)
  let sessions
  do sessions = (await get('/games/demo/sessions')).sessions
  while (sessions.some((s) => s.state === 'live'))
  await post(victim.admin, `/v1/tenants/${VICTIM}/policies/portrait`, { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: { User: 'none' }, Action: 'lq:EndSession', Resource: '*' }] }, 'PUT')
  const [tenant, users, keys, policies, policy, log] = await Promise.all(['', '/users', '/keys', '/policies', `/policies/${victim.policy}`, '/audit?from=100000'].map(get))
  const states = await Promise.all(sessions.map((s) => get(`/games/demo/sessions/${s.session}/hash?tick=${s.tick}`)))
  return { sessions: sessions.map(({ changed_ms, ...s }) => s), states, tenant, users, keys, policies: policies.policies.filter((p) => p.policy !== 'portrait'), policy, log: log.size }
}

const operations = (document) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([name]) => name !== 'parameters').map(([method, about]) => ({ path, method: method.toUpperCase(), about, scope: about.security.flatMap((s) => s.token ?? [])[0] ?? '' })),
  )
const exampleOf = ({ about }) => about.requestBody?.content['application/json'].example

// An operation with its parts filled in.
function fill({ path }, parts) {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => {
    assert.ok(parts[name], `what is {${name}} of ${path}?`)
    return parts[name]
  })
}

// Each: the same request twice, about the victim and about nothing. `own`: sent to the caller's own tenant.
function variants(op, victim) {
  const theirs = { tenant: VICTIM, game: 'demo', session: victim.session, user: victim.user, key: victim.key, policy: victim.policy, issuer: 'canary-issuer', shape: '8112963841460667', sha256: 'c'.repeat(64) }
  const mine = { tenant: 'acme', game: 'demo', session: 'main', user: 'ghost', key: 'gggggggg', policy: 'ghost', issuer: 'ghost', shape: '1', sha256: 'd'.repeat(64) }
  const nothing = Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, name === 'tenant' ? UNKNOWN : name === 'game' ? value : strange(value)]))
  const list = []
  const body = exampleOf(op)
  const plain = body ? JSON.stringify(body) : undefined
  const own = fill(op, mine)
  const names = [...op.path.matchAll(/\{(\w+)\}/g)].map((m) => m[1])
  const pair = (channel, make) => list.push({ channel, pair: [make(theirs), make(nothing)] })
  if (names.includes('tenant')) pair('path', (p) => ({ path: fill(op, p), body: plain }))
  if (names.includes('tenant')) pair('tenant in the path, own names', (p) => ({ path: fill(op, { ...mine, tenant: p.tenant }), body: plain }))
  for (const name of names.filter((n) => !['tenant', 'game'].includes(n))) pair(`${name} in the path`, (p) => ({ path: fill(op, { ...mine, [name]: p[name] }), body: plain }))
  if (body) {
    // What the body of a POST to `/users` calls `user` is the new one's own name.
    for (const name of ['tenant', 'tid', 'user', 'player', 'session'].filter((n) => !op.path.endsWith(`/${n}s`))) pair(`${name} in the body`, (p) => ({ path: own, body: JSON.stringify({ ...body, [name]: name === 'player' ? (p === theirs ? victim.player : strange(victim.player)) : p[name === 'tid' ? 'tenant' : name] }) }))
    pair('tenant twice in the body', (p) => ({ path: own, body: `{"tenant":"acme","tenant":"${p.tenant}"}` }))
  }
  for (const name of ['tenant', 'tid', 'user', 'session', 'after', 'player', 'release'])
    pair(`${name} in the query`, (p) => ({ path: `${own}?${name}=${{ tid: p.tenant, after: p.session, player: p === theirs ? victim.player : strange(victim.player), release: p === theirs ? victim.release : strange(victim.release) }[name] ?? p[name]}`, body: plain }))
  const headers = (channel, make) => pair(channel, (p) => ({ path: own, body: plain, headers: make(p) }))
  headers('X-Tenant', (p) => ({ 'x-tenant': p.tenant, 'x-tenant-id': p.tenant, 'x-lq-tenant': p.tenant }))
  headers('Host', (p) => ({ host: `${p.tenant}.localhost` }))
  headers('Forwarded', (p) => ({ forwarded: `for=127.0.0.1;host=${p.tenant}.example`, 'x-forwarded-host': `${p.tenant}.example`, 'x-forwarded-prefix': `/v1/tenants/${p.tenant}` }))
  headers('X-Original-URL', (p) => ({ 'x-original-url': fill(op, p), 'x-rewrite-url': fill(op, p), 'x-http-method-override': 'DELETE' }))
  headers('Cookie', (p) => ({ cookie: `tenant=${p.tenant}; session=${p.session}`, from: p.user, 'x-user': p.user }))
  headers('If-None-Match', (p) => ({ 'if-none-match': `"${p === theirs ? victim.release : strange(victim.release)}"` }))
  headers('Idempotency-Key', (p) => ({ 'idempotency-key': p === theirs ? victim.idempotency : strange(victim.idempotency) }))
  return list
}

// An answer without the names that the caller sent, so that both of a pair can be compared.
function bare({ status, head, body }, names) {
  let text = `${status}\n${head}\n${body}`
  for (const name of [...names].sort((a, b) => b.length - a.length)) text = text.replaceAll(name, '<sent>')
  return text
}

// An operator may do these to a tenant: they are of the platform.
const operated = new Set(['lq:ReadTenant', 'lq:RotateTenant', 'lq:ShredTenant', 'lq:CreateTenant', 'lq:ListTenants', 'lq:ReadMetrics', 'lq:ManageQuotas'])

test('no operation of the document reaches another tenant', async (t) => {
  const place = await world(t)
  const { server, document, tokens, victim } = place
  const before = await portrait(place)
  const sentNames = [VICTIM, UNKNOWN, ...[victim.session, victim.user, victim.key, victim.policy, victim.player, victim.release, victim.idempotency, 'canary-issuer'].flatMap((n) => [n, strange(n)])]
  let asked = 0
  let compared = 0
  // What ends things comes last.
  for (const op of operations(document).sort((a, b) => (a.method === 'DELETE') - (b.method === 'DELETE'))) {
    for (const caller of ['nobody', 'admin', 'player', 'operator']) {
      if (caller === 'operator' && operated.has(op.scope)) continue
      const token = caller === 'nobody' ? {} : bearer(tokens[caller])
      const list = variants(op, victim)
      // Once as it is, so that what can be done but once has been done before any two are compared.
      const { path, body } = list.find(({ channel }) => channel === 'X-Tenant').pair[0]
      await ask(server, op.method, path, { ...(body && json), ...token }, body)
      for (const { channel, pair } of list) {
        const what = `${op.method} ${op.path} by ${caller}, ${channel}`
        const answers = []
        for (const { path, headers, body } of pair) answers.push(await ask(server, op.method, path, { ...(body && json), ...token, ...headers }, body))
        for (const [i, answer] of answers.entries()) {
          const request = JSON.stringify(pair[i])
          // The caller's own log tells of the names that they tried.
          for (const canary of victim.canaries)
            if (!request.includes(canary) && !(op.scope === 'lq:ReadAudit' && sentNames.includes(canary)))
              assert.ok(!answer.head.includes(canary) && !answer.body.includes(canary), `${what}: ${canary} in ${answer.body.slice(0, 500)}`)
          assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.body}`)
        }
        asked += 2
        const [theirs, nothing] = answers
        assert.equal(theirs.status, nothing.status, `${what}: ${theirs.body}\n${nothing.body}`)
        if (theirs.status >= 400) assert.equal(bare(theirs, sentNames), bare(nothing, sentNames), what)
        if (theirs.status >= 400) compared++
        // A policy or an issuer that the caller put under that name is their own.
        if (/path/.test(channel) && op.scope && !/^(policy|issuer) in the path/.test(channel)) assert.ok(theirs.status >= 400, `${what}: ${theirs.status} ${theirs.body}`)
        if (caller === 'nobody' && op.scope) assert.equal(theirs.status, 401, what)
      }
    }
  }
  assert.ok(asked > 3000 && compared > 1000, `${asked} answers, ${compared} pairs to the byte`)
  t.diagnostic(`${asked} answers, ${compared} pairs equal to the byte`)
  assert.deepEqual(await portrait(place), { ...before, log: before.log + 1 }, 'the victim is as it was, its log too')
})

test('a player of the tenant itself reaches what players may, and changes nothing else', async (t) => {
  const place = await world(t)
  const { server, document, victim } = place
  const { log, ...before } = await portrait(place)
  for (const op of operations(document)) {
    // Where one signs in is nobody's secret.
    if (!op.path.includes('{tenant}') || !op.scope || /^lq:(SendCommand|ReadUsers)$/.test(op.scope)) continue
    const path = fill(op, { tenant: VICTIM, game: 'demo', session: victim.session, user: 'admin', key: victim.key, policy: victim.policy, issuer: 'corp', shape: '1', sha256: victim.module })
    const body = exampleOf(op)
    const answer = await ask(server, op.method, path, { ...bearer(victim.token), ...(body && json) }, body && JSON.stringify(body))
    if (op.path.includes('{shape}')) assert.equal(answer.status, 404, answer.body) // the hunt has none
    else if (/^lq:(ReadGame|ListSessions|ReadSession|ReadState)$/.test(op.scope)) assert.equal(answer.status, 200, answer.body)
    else assert.equal(answer.status, 403, `${op.method} ${path}: ${answer.body}`)
    for (const canary of ['Canary Name', 'canary label', 'CanarySid']) assert.ok(answer.status === 200 || !answer.body.includes(canary), answer.body)
  }
  const { log: after, ...left } = await portrait(place)
  assert.deepEqual(left, before)
  assert.ok(after > log + 1, 'who was denied is in the log')
})

test('a WebSocket reaches no other tenant: names, tokens, tickets, resume tokens', async (t) => {
  const place = await world(t)
  const { server, tokens, victim, post } = place
  const before = await portrait(place)
  // What a join is told, and how the connection ends, without the names that were sent.
  const told = async (join) => {
    const client = new Client(server.port)
    await client.open
    const answer = client.next((m) => ['joined', 'error'].includes(m.evt))
    client.send({ action: 'join', game: 'demo', ...join })
    const { tick, resume, state, ...said } = await answer
    client.ws.terminate()
    await client.gone
    for (const canary of victim.canaries) if (!JSON.stringify(join).includes(canary)) assert.ok(!JSON.stringify(client.log).includes(canary), `${canary}: ${JSON.stringify(client.log)}`)
    let text = JSON.stringify(said)
    for (const name of [VICTIM, UNKNOWN, victim.session, strange(victim.session), victim.player, strange(victim.player)]) text = text.replaceAll(name, '<sent>')
    return text
  }
  let tried = 0
  for (const caller of ['nobody', 'admin', 'player', 'operator', 'ticket']) {
    const token = async () => (caller === 'nobody' ? {} : { token: caller === 'ticket' ? (await post(tokens.player, '/v1/auth/ticket', {})).ticket : tokens[caller] })
    const forged = `${victim.session}~${victim.player}~${'A'.repeat(22)}`
    for (const [channel, theirs, nothing] of [
      ['tenant', { tenant: VICTIM }, { tenant: UNKNOWN }],
      ['tenant and session', { tenant: VICTIM, session: victim.session }, { tenant: UNKNOWN, session: strange(victim.session) }],
      ['tenant and player', { tenant: VICTIM, session: victim.session, player: victim.player }, { tenant: UNKNOWN, session: strange(victim.session), player: strange(victim.player) }],
      ['tenant and resume', { tenant: VICTIM, resume: victim.resume }, { tenant: UNKNOWN, resume: victim.resume }],
      ['resume', { tenant: 'acme', resume: victim.resume }, { tenant: 'acme', resume: forged }],
      ['resume and seen', { tenant: 'acme', resume: victim.resume, seen: { tick: 0, seq: 0 } }, { tenant: 'acme', resume: forged, seen: { tick: 0, seq: 0 } }],
    ]) {
      const [a, b] = [await told({ ...theirs, ...(await token()) }), await told({ ...nothing, ...(await token()) })]
      assert.equal(a, b, `${caller}: ${channel}`)
      assert.match(a, /"evt":"error"/, `${caller}: ${channel}`)
      tried += 2
    }
  }
  // The victim's own ticket opens nothing of the attacker's, and their names are free elsewhere.
  assert.match(await told({ tenant: 'acme', token: await victim.ticket() }), /LQ_ERR_UNKNOWN_TENANT/)
  assert.match(await told({ tenant: 'acme', session: victim.session, player: victim.player, token: tokens.player }), /"evt":"joined"/)
  // A command of a joined player names a foreign entity: it is nobody's.
  const client = new Client(server.port)
  const { player } = await client.join({ token: tokens.player })
  const codeOf = async (entity) => (await client.ask({ cmd: 'move', entity, vec: [0, 1, 0], id: `x-${entity}` }, (m) => m.id === `x-${entity}`)).code
  assert.equal(await codeOf(victim.player), await codeOf(strange(victim.player)))
  assert.ok(player)
  await client.close()
  assert.ok(tried >= 60)
  // The ticket was given to the victim's own admin, and refused elsewhere: that is one leaf of their log.
  const { log, ...after } = await portrait(place)
  const { log: was, ...left } = before
  assert.deepEqual(after, left)
  assert.equal(log, was + 2)
})

test('every address that the server knows is in the document, and so in the matrix', async (t) => {
  const { body: document } = await rest(await serve(t, dataFolder(t)), '/v1/openapi.json')
  const source = readFileSync(join(root, 'lq_service/gateway/route.c'), 'utf8')
  const shape = (path) => path.replaceAll(/\{\w*\}/g, '{}')
  const known = new Set(Object.keys(document.paths).map((path) => shape(path).slice(1)))
  const table = [...source.matchAll(/\{(TENANT_PATH|GAME_PATH)?\s*(?:"([^"]*)")?,\s*LQI_ROUTE_(\w+)/g)].map(([, prefix, rest = '', route]) => ({
    route,
    path: ({ TENANT_PATH: 'v1/tenants/{}', GAME_PATH: 'v1/tenants/{}/games/{}' }[prefix] ?? '') + rest,
  }))
  assert.ok(table.length >= 27)
  const missing = table.filter(({ path, route }) => !['WS', 'PLAY'].includes(route) && !known.has(path))
  assert.deepEqual(missing, [])
})
