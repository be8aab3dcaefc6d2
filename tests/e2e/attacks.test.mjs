// Attacks on a running server: forged and replayed tokens, tickets and keys, names that look like others, policies that say
// nothing, wrong key files, ciphertexts put in another's place, foreign pages.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign as ed25519 } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { Client, bearer, dataFolder, game, keysOf, rest, run, serve, tokenOf } from './lib.mjs'
import { resum } from './pages.mjs'

const json = (body, more = {}) => ({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...more } })
const b64 = (value) => Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString('base64url')
const DEMO = '/v1/tenants/acme/games/demo'

// One server for all that does no harm to it: acme, zeta, and somebody in each.
const cleanups = []
const t = { after: (f) => cleanups.push(f) }
after(() => cleanups.reverse().forEach((f) => f()))
let data, server, keys, admin, player, root, seed
const make = async (token, path, body, more) => {
  const answer = await rest(server, path, { ...json(body, bearer(token)), ...more })
  assert.ok(answer.status < 300, `${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}
// Somebody new of acme, with a key and a token.
async function somebody(user, roles = ['player'], more = {}) {
  await make(admin, '/v1/tenants/acme/users', { user, roles })
  const { secret, about } = await make(admin, '/v1/tenants/acme/keys', { user, ...more })
  return { secret, key: about.key }
}
before(async () => {
  data = dataFolder(t)
  server = await serve(t, data, ['serve', game, '--all-tenants'], { LQ_MESSAGES_PER_S: '100000', LQ_ORIGINS: 'https://lms.example https://b.example:8443' })
  keys = keysOf(server)
  for (const who of ['admin', 'player', 'operator']) assert.ok(keys[who])
  ;[admin, player, root] = await Promise.all([keys.admin, keys.player, keys.operator].map((key) => tokenOf(server, key)))
  seed = readFileSync(join(data, 'keys/token.key')).subarray(0, 32)
  await make(root, '/v1/tenants', { tenant: 'zeta' })
  await make(admin, `${DEMO}/sessions`, { session: 'main' })
})

/* ---- tokens ---- */

const ours = () => createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
const parts = (token) => token.split('.')
const claims = (token = admin) => JSON.parse(Buffer.from(parts(token)[1], 'base64url'))
const header = (token = admin) => JSON.parse(Buffer.from(parts(token)[0], 'base64url'))
function signed(head, payload, key = ours()) {
  const text = `${b64(head)}.${b64(payload)}`
  return `${text}.${ed25519(null, Buffer.from(text), key).toString('base64url')}`
}
// What is wrong with a token is nobody's business: every answer is this one.
let refusal
async function refused(what, token) {
  const answer = await rest(server, DEMO, { headers: bearer(token) })
  assert.equal(answer.status, 401, `${what}: ${JSON.stringify(answer.body)}`)
  refusal ??= answer.body
  assert.deepEqual(answer.body, refusal, what)
}

test('a token of our own making is taken, so that the next tests can fail', async () => {
  assert.equal((await rest(server, DEMO, { headers: bearer(signed(JSON.stringify(header()), claims())) })).status, 200)
})

test('tokens that are not what this server signs are refused, all in the same words', async () => {
  const [h, p, s] = parts(admin)
  const stranger = generateKeyPairSync('ed25519')
  const publicKey = createPublicKey(ours())
  const jwk = publicKey.export({ format: 'jwk' })
  const text = (head) => `${b64(head)}.${p}`
  for (const alg of ['none', 'None', 'NONE', 'nOnE']) for (const end of ['', '.', `.${s}`]) await refused(`alg ${alg}${end.slice(0, 2)}`, text({ ...header(), alg }) + end)
  // Key confusion: the public key, in each of its forms, as the secret of an HMAC.
  const forms = { raw: Buffer.from(jwk.x, 'base64url'), x: jwk.x, pem: publicKey.export({ format: 'pem', type: 'spki' }), der: publicKey.export({ format: 'der', type: 'spki' }), jwk: JSON.stringify(jwk), empty: '' }
  for (const [form, secret] of Object.entries(forms))
    for (const alg of ['HS256', 'EdDSA']) await refused(`${alg} with the public key as ${form}`, `${text({ ...header(), alg })}.${createHmac('sha256', secret).update(text({ ...header(), alg })).digest('base64url')}`)
  for (const alg of ['RS256', 'ES256', 'PS256', 'HS512', 'Ed25519', 'eddsa', '']) await refused(`alg ${alg}`, signed({ ...header(), alg }, claims()))
  // Key ids that would be somebody's file, row or shell word, also under the right signature.
  for (const kid of ['../../../../dev/null', '/dev/null', "' OR '1'='1", "x' UNION SELECT 'k", 'zeta', '$(id)', '%00', '', null, 0, [header().kid], `${header().kid} `])
    for (const key of [ours(), stranger.privateKey]) await refused(`kid ${kid}`, signed({ ...header(), kid }, claims(), key))
  const { kid, ...without } = header()
  await refused('no kid', signed(without, claims()))
  // A key that the token brings along.
  await refused('embedded jwk', signed({ ...header(), jwk: stranger.publicKey.export({ format: 'jwk' }) }, claims(), stranger.privateKey))
  await refused('embedded jwk beside our signature', signed({ ...header(), jwk }, claims()))
  await refused('a stranger', signed(JSON.stringify(header()), claims(), stranger.privateKey))
  for (const more of [{ crit: ['exp'] }, { crit: [] }, { b64: false, crit: ['b64'] }, { cty: 'JWT' }, { zip: 'DEF' }, { x5c: ['MIIB'] }]) await refused(JSON.stringify(more), signed({ ...header(), ...more }, claims()))
  await refused('typ', signed({ ...header(), typ: 'at+jwt' }, claims()))
  await refused('another order of the header', signed({ kid, typ: 'JWT', alg: 'EdDSA' }, claims()))
  // Cut, swapped, malleable.
  await refused('the signature of another', `${h}.${p}.${parts(player)[2]}`)
  await refused('the payload of another', `${h}.${parts(player)[1]}.${s}`)
  for (const cut of [`${h}.${p}.`, `${h}.${p}`, `${h}..${s}`, `.${p}.${s}`, `${admin}.`, `${admin}.${s}`, `${admin}=`, ` ${admin}`, `${h}.${p}.${s.slice(0, -1)}`, `${h}.${p}.${s}AA`, '..', '.', 'x', 'Bearer']) await refused(`cut: ${cut.slice(-8)}`, cut)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(s.at(-1))
  for (let i = 1; i < 16; i++) await refused('bits that say nothing', `${h}.${p}.${s.slice(0, -1)}${alphabet[last ^ i]}`)
  const bytes = Buffer.from(s, 'base64url')
  const L = 2n ** 252n + 27742317777372353535851937790883648493n
  const S = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + L
  const more = Buffer.from(S.toString(16).padStart(64, '0'), 'hex').reverse()
  await refused('S + L', `${h}.${p}.${Buffer.concat([bytes.subarray(0, 32), more]).toString('base64url')}`)
})

test('claims that do not hold are refused under the right signature', async () => {
  const now = Math.floor(Date.now() / 1000)
  const wrong = {
    expired: { iat: now - 900, exp: now - 1 },
    'expires now': { iat: now - 900, exp: now },
    'from the future': { iat: now + 600, exp: now + 900 },
    'not yet': { nbf: now + 600 },
    'too long': { iat: now, exp: now + 901 },
    'for ever': { exp: 2 ** 52 },
    'no end': { exp: undefined },
    'an end as text': { exp: String(now + 600) },
    'an end as a fraction': { exp: now + 600.5 },
    'negative': { iat: -1 },
    audience: { aud: 'other' },
    audiences: { aud: ['ledgerquest', 'other'] },
    'audience in a list': { aud: ['ledgerquest'] },
    'no audience': { aud: undefined },
    issuer: { iss: 'other' },
    'issuer with an end': { iss: 'ledgerquest/' },
    'another purpose': { typ: 'id' },
    'no purpose': { typ: undefined },
    'unknown tenant': { tid: 'nope' },
    'no tenant': { tid: undefined },
    'the platform by its name': { tid: '_' },
    'the platform, as somebody it has not': { tid: 'platform' },
    separator: { tid: 'acme#GAME' },
    'upper case': { tid: 'ACME' },
    'no such user': { sub: 'nobody' },
    'another tenant, and nobody there': { tid: 'zeta', sub: 'player' },
    'user with a separator': { sub: 'admin#' },
    'no user': { sub: '' },
    'epoch before': { epoch: 0 },
    'epoch after': { epoch: 2 },
    'epoch as text': { epoch: '1' },
    'no epoch': { epoch: undefined },
    'roles as text': { roles: 'operator' },
    'no name': { jti: undefined },
  }
  for (const [what, change] of Object.entries(wrong)) await refused(what, signed(JSON.stringify(header()), { ...claims(), ...change }))
  // Roles in a token give nothing: they are the user's.
  const given = signed(JSON.stringify(header()), { ...claims(player), roles: ['operator', 'tenant-admin'] })
  assert.equal((await rest(server, '/v1/tenants/acme/users', { headers: bearer(given) })).status, 403)
  // Members that come twice, and what is no JSON object.
  const text = JSON.stringify(claims(player))
  for (const payload of [text.replace('{', '{"sub":"admin",'), text.replace('}', ',"sub":"admin"}'), text.replace('"tid":', '"tid":"zeta","tid":'), `[${text}]`, `${text} x`, '{}', 'null', '', '\u{feff}' + text, text.replace('"acme"', '"ac\\u006de"').replace('"sub":"player"', '"sub":"adm\\u0000in"')])
    await refused(`payload ${payload.slice(0, 24)}`, signed(JSON.stringify(header()), payload))
  await refused('huge', signed(JSON.stringify(header()), { ...claims(), pad: 'x'.repeat(5000) }))
  const huge = await rest(server, DEMO, { headers: bearer('x'.repeat(15000)) })
  assert.equal(huge.status, 401)
  await assert.rejects(rest(server, DEMO, { headers: bearer('x'.repeat(40000)) }).then(({ status }) => assert.equal(status, 200)))
})

test('a token that says where its key is makes nobody fetch it', async () => {
  let met = 0
  const listener = http.createServer((_, answer) => (met++, answer.end('{}')))
  listener.on('connection', () => met++)
  await new Promise((done) => listener.listen(0, '127.0.0.1', done))
  const stranger = generateKeyPairSync('ed25519')
  const url = `http://127.0.0.1:${listener.address().port}/keys`
  for (const more of [{ jku: url }, { x5u: url }, { jku: url, x5u: url, kid: url }])
    for (const key of [ours(), stranger.privateKey]) await refused(JSON.stringify(more), signed({ ...header(), ...more }, claims(), key))
  await refused('iss', signed(JSON.stringify(header()), { ...claims(), iss: url }, stranger.privateKey))
  await fetch(url) // it would have been seen
  assert.equal(met, 2)
  await new Promise((done) => listener.close(done) && listener.closeAllConnections())
})

test('a revoked epoch, a disabled user, a token in the wrong place', async () => {
  const ann = await somebody('ann')
  const before = await tokenOf(server, ann.secret)
  const seen = async (token) => (await rest(server, DEMO, { headers: bearer(token) })).status
  assert.equal(await seen(before), 200)
  const playing = new Client(server.port)
  await playing.join({ token: before, session: 'revoked' })
  await make(admin, '/v1/tenants/acme/users/ann/revoke', {})
  assert.equal((await playing.gone).code, 1008, 'put out of the session')
  await refused('revoked', before)
  const next = await tokenOf(server, ann.secret)
  assert.equal(await seen(next), 200)
  await make(admin, '/v1/tenants/acme/users/ann', { disabled: true }, { method: 'PATCH' })
  await refused('disabled', next)
  await assert.rejects(tokenOf(server, ann.secret), /401/)
  // A token counts in its header alone, once.
  for (const [path, headers] of [
    [`${DEMO}?access_token=${admin}&token=${admin}`, {}],
    [DEMO, { cookie: `token=${admin}; access_token=${admin}` }],
    [DEMO, { 'x-access-token': admin, 'x-api-key': keys.admin, 'proxy-authorization': `Bearer ${admin}` }],
    [DEMO, { authorization: `Basic ${Buffer.from(`admin:${keys.admin}`).toString('base64')}` }],
    [DEMO, { authorization: `Bearer ${admin}, Bearer ${player}` }],
    [DEMO, { authorization: admin }],
  ])
    assert.equal((await rest(server, path, { headers })).status, 401, path)
  const twice = await new Promise((done) => {
    const request = http.request({ port: server.port, path: DEMO, headers: ['Host', 'localhost', 'Authorization', `Bearer ${admin}`, 'Authorization', `Bearer ${player}`] }, (answer) => (answer.resume(), done(answer.statusCode)))
    request.end()
  })
  assert.ok([400, 401].includes(twice), `two tokens: ${twice}`)
  const inAddress = new Client(server.port, `/ws?token=${admin}`)
  await assert.rejects(inAddress.join(), /LQ_ERR_UNAUTHORIZED/)
})

/* ---- tickets and keys ---- */

test('tickets: forged, replayed, of somebody revoked', async () => {
  const ticketOf = async (token) => (await make(token, '/v1/auth/ticket', {})).ticket
  const joins = (token) => new Client(server.port).join({ token, session: 'tickets' })
  const good = await ticketOf(player)
  const client = new Client(server.port)
  await client.join({ token: good, session: 'tickets' })
  await assert.rejects(joins(good), /LQ_ERR_UNAUTHORIZED/, 'used')
  await client.close()
  // Two at once: one wins.
  const one = await ticketOf(player)
  const both = await Promise.allSettled([joins(one), joins(one)])
  assert.deepEqual(both.map((r) => r.status).sort(), ['fulfilled', 'rejected'])
  const fresh = await ticketOf(player)
  for (const at of [0, 4, 5, 10, 30, 51]) await assert.rejects(joins(fresh.slice(0, at) + (fresh[at] === 'A' ? 'B' : 'A') + fresh.slice(at + 1)), /LQ_ERR_UNAUTHORIZED/)
  for (const forged of [`lqt_${'A'.repeat(48)}`, 'lqt_', `${fresh}A`, fresh.slice(0, -1), fresh.toUpperCase(), `lqt_${'_'.repeat(48)}`]) await assert.rejects(joins(forged), /LQ_ERR_UNAUTHORIZED/)
  const late = await ticketOf(player)
  await joins(late) // the forgeries used none up
  const bob = await somebody('bob')
  const his = await ticketOf(await tokenOf(server, bob.secret))
  await make(admin, '/v1/tenants/acme/users/bob/revoke', {})
  await assert.rejects(joins(his), /LQ_ERR_UNAUTHORIZED/)
})

test('API keys: flipped, misspelt, revoked, expired', async () => {
  let words
  const none = async (what, key) => {
    const answer = await rest(server, '/v1/auth/token', { method: 'POST', headers: bearer(key) })
    assert.equal(answer.status, 401, what)
    words ??= answer.body
    assert.deepEqual(answer.body, words, what)
  }
  const carl = await somebody('carl')
  const key = carl.secret
  await tokenOf(server, key)
  for (let at = 0; at < key.length; at++) await none(`character ${at}`, key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1))
  for (const text of ['lqk_', 'lqk', `${key}0`, key.slice(0, -1), key.toLowerCase(), `${key.slice(0, 48)}000000`, 'lqk_' + 'A'.repeat(43) + '_000000', admin, `${key} `.repeat(2), "lqk_' OR 1=1 --"]) await none(text, text)
  // The right name and checksum, another secret.
  const crc = (text) => {
    let c = ~0
    for (const byte of Buffer.from(text)) for (let i = ((c ^= byte), 0); i < 8; i++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0)
    return ~c >>> 0
  }
  const base62 = (n) => Array.from({ length: 6 }, (_, i) => '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'[Math.floor(n / 62 ** (5 - i)) % 62]).join('')
  const spelt = (body) => `${body}_${base62(crc(body))}`
  assert.equal(spelt(key.slice(0, 47)), key, 'the checksum is the documented one')
  await none('the same name', spelt(`${key.slice(0, 12)}${'A'.repeat(35)}`))
  await make(admin, '/v1/tenants/acme/users', { user: 'dora', roles: ['player'] })
  const old = await make(admin, '/v1/tenants/acme/keys', { user: 'dora', expires_ms: 1 })
  await none('expired', old.secret)
  assert.equal((await rest(server, `/v1/tenants/acme/keys/${carl.key}`, { method: 'DELETE', headers: bearer(admin) })).status, 200)
  await none('revoked', key)
})

test('guessing is bounded: one connection is told to slow down', async () => {
  // So few that a slow machine changes nothing: a burst of 20, then 10 a second.
  const own = await serve(t, dataFolder(t), ['serve', game], { LQ_MESSAGES_PER_S: '10' })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const status = () =>
    new Promise((done, failed) =>
      http.request({ port: own.port, agent, method: 'POST', path: '/v1/auth/token', headers: bearer(`lqk_${'A'.repeat(43)}_000000`) }, (answer) => (answer.resume(), answer.on('end', () => done(answer.statusCode)))).on('error', failed).end(),
    )
  const count = {}
  for (const one of await Promise.all(Array.from({ length: 400 }, status))) count[one] = (count[one] ?? 0) + 1
  assert.ok(count[429] >= 50 && count[401] >= 20 && count[401] + count[429] === 400, JSON.stringify(count))
  agent.destroy()
  await own.kill('SIGTERM')
})

/* ---- names ---- */

const LOOKALIKES = ['acme#GAME', 'acme#', 'acme/..', 'acme/../zeta', '../acme', 'acme ', ' acme', 'ACME', 'Acme', 'acmé', 'аcme', 'ａｃｍｅ', 'ac\u200bme', 'acme\u0000', 'acme\u0000zeta', 'acme\n', 'xn--acme-', 'acme.', 'acme%23GAME', 'acme%2523', 'acme%2f..', 'acme*', 'ac?me', 'acme:zeta', 'TENANT#acme', '_', '-acme', 'acme-', '', 'a'.repeat(32), "acme'--", '${lq:tenant}', 'acme\\', 'acme;zeta']

test('tenants that look like another are none, in every spelling', async () => {
  const list = async () => (await rest(server, '/v1/tenants', { headers: bearer(root) })).body.tenants.map((x) => x.tenant)
  const was = await list()
  // What is sent: once encoded, twice encoded, and raw where HTTP has no objection.
  for (const name of LOOKALIKES) {
    for (const spelt of new Set([encodeURIComponent(name), encodeURIComponent(encodeURIComponent(name))])) {
      if (spelt === 'acme') continue
      for (const token of [admin, root]) {
        const answer = await rest(server, `/v1/tenants/${spelt}/games/demo/sessions`, { headers: bearer(token) })
        assert.ok([400, 404].includes(answer.status), `${spelt}: ${answer.status} ${JSON.stringify(answer.body)}`)
        assert.ok(!JSON.stringify(answer.body).includes('"main"'), spelt)
      }
    }
    const made = await rest(server, '/v1/tenants', json({ tenant: name }, bearer(root)))
    assert.equal(made.status, 400, `${JSON.stringify(name)}: ${JSON.stringify(made.body)}`)
    const client = new Client(server.port)
    await assert.rejects(client.join({ tenant: name, token: admin }), /LQ_ERR_(UNKNOWN_TENANT|INVALID|NOT_FOUND)/, JSON.stringify(name))
    client.ws.terminate()
  }
  // "platform" is what a token says for the operator's own partition: no tenant may have that name, or its people were operators.
  for (const name of ['platform']) assert.equal((await rest(server, '/v1/tenants', json({ tenant: name }, bearer(root)))).status, 400)
  assert.deepEqual(await list(), was)
  // `acme2` begins like `acme` and is somebody else.
  const { secret } = await make(root, '/v1/tenants', { tenant: 'acme2' })
  const other = await tokenOf(server, secret)
  for (const [token, tenant] of [[other, 'acme'], [admin, 'acme2']])
    for (const path of ['/users', '/games/demo/sessions', '/policies', '/audit']) assert.equal((await rest(server, `/v1/tenants/${tenant}${path}`, { headers: bearer(token) })).status, 404)
  assert.deepEqual((await rest(server, '/v1/tenants/acme2/games/demo/sessions', { headers: bearer(other) })).body.sessions, [])
})

/* ---- policies ---- */

test('policies that are not whole are refused, and nothing of them holds', async () => {
  const good = { Effect: 'Deny', Principal: { Role: 'player' }, Action: 'lq:ReadGame', Resource: '*' }
  const with_ = (change) => ({ Version: '2012-10-17', Statement: [{ ...good, ...change }] })
  const documents = {
    'no JSON': '{', empty: '', 'a list': '[]', 'a text': '"allow"', null: 'null', 'no version': { Statement: [good] }, 'another version': { Version: '2008-10-17', Statement: [good] }, 'no statements': { Version: '2012-10-17' },
    'a statement that is none': { Version: '2012-10-17', Statement: [1] }, 'statements as text': { Version: '2012-10-17', Statement: 'Deny' }, 'an unknown part': { Version: '2012-10-17', Statement: [good], Extra: 1 },
    'no effect': with_({ Effect: undefined }), 'another effect': with_({ Effect: 'deny' }), 'effect as a list': with_({ Effect: ['Deny'] }), 'no action': with_({ Action: undefined }), 'action and its opposite': with_({ NotAction: 'lq:ReadGame' }),
    'no resource': with_({ Resource: undefined }), 'action as a number': with_({ Action: 1 }), 'a resource of nothing': with_({ Resource: [] }), 'unknown member': with_({ Efect: 'Allow' }), 'an unknown role': with_({ Principal: { Role: 'king' } }),
    'an unknown principal': with_({ Principal: { Group: 'x' } }), 'operator unknown': with_({ Condition: { StringIs: { 'lq:user': 'ann' } } }), 'a condition of nothing': with_({ Condition: { StringEquals: { 'lq:user': [] } } }), 'condition as text': with_({ Condition: 'lq:user' }),
    'an address that is none': with_({ Condition: { IpAddress: { 'lq:SourceIp': '10.0.0.0/99' } } }), 'a date that is none': with_({ Condition: { DateLessThan: { 'lq:CurrentTime': 'soon' } } }), 'a number that is none': with_({ Condition: { NumericEquals: { 'lq:user': 'one' } } }),
    'the same member twice': '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}', 'the same name twice': { Version: '2012-10-17', Statement: [{ ...good, Sid: 'A' }, { ...good, Sid: 'A' }] }, 'a name with blanks': with_({ Sid: 'a b' }),
    'a variable without an end': with_({ Resource: 'lq:${lq:tenant' }), 'not UTF-8': Buffer.from('{"Version":"2012-10-17","Statement":[{"Sid":"\xff"}]}', 'latin1'), 'too long': with_({ Sid: 'x'.repeat(7000) }), deep: '['.repeat(5000),
    'too many': { Version: '2012-10-17', Statement: Array.from({ length: 400 }, () => good) },
  }
  for (const [what, document] of Object.entries(documents)) {
    const body = typeof document === 'string' || Buffer.isBuffer(document) ? document : JSON.stringify(document)
    const answer = await rest(server, '/v1/tenants/acme/policies/broken', { method: 'PUT', body, headers: { 'content-type': 'application/json', ...bearer(admin) } })
    assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${JSON.stringify(answer.body)}`)
    assert.ok(answer.body.code && answer.body.mend, what)
  }
  assert.deepEqual((await rest(server, '/v1/tenants/acme/policies', { headers: bearer(admin) })).body.policies, [])
  assert.equal((await rest(server, DEMO, { headers: bearer(player) })).status, 200)
  // And a whole one of that kind does hold.
  const put = { method: 'PUT', body: JSON.stringify(with_({})), headers: { 'content-type': 'application/json', ...bearer(admin) } }
  assert.equal((await rest(server, '/v1/tenants/acme/policies/whole', put)).status, 200)
  assert.equal((await rest(server, DEMO, { headers: bearer(player) })).status, 403)
  assert.equal((await rest(server, '/v1/tenants/acme/policies/whole', { method: 'DELETE', headers: bearer(admin) })).status, 200)
})

/* ---- pages of other sites ---- */

test('pages of other origins may not come in, but for those that are named', async () => {
  const opens = (origin) => new Promise((done) => {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, { origin })
    ws.on('open', () => (ws.terminate(), done(101)))
    ws.on('unexpected-response', (_, answer) => (answer.resume(), done(answer.statusCode)))
    ws.on('error', () => {})
  })
  const own = `http://127.0.0.1:${server.port}`
  for (const origin of ['https://lms.example', 'https://b.example:8443', 'HTTPS://LMS.EXAMPLE', own]) {
    assert.equal(await opens(origin), 101, origin)
    assert.equal((await rest(server, DEMO, { headers: { origin, ...bearer(admin) } })).status, 200, origin)
  }
  for (const origin of ['https://lms.example.evil', 'https://evil-lms.example', 'http://lms.example', 'https://lms.example:444', 'https://b.example', 'https://b.example:84430', 'https://lms.example/', 'null', 'file://', 'https://lms.example https://b.example:8443', 'https://127.0.0.1.evil.example', 'https://localhost.evil', 'https://evil/localhost', 'https://lms.example@evil', '*']) {
    assert.equal(await opens(origin), 403, origin)
    assert.equal((await rest(server, DEMO, { headers: { origin, ...bearer(admin) } })).status, 403, origin)
    assert.equal((await rest(server, '/v1/auth/token', { method: 'POST', headers: { origin, ...bearer(keys.admin) } })).status, 403, origin)
  }
})

/* ---- key files ---- */

test('wrong, missing, damaged and swapped keys: the server does not start, and says why', async () => {
  await server.kill('SIGTERM')
  const other = dataFolder(t)
  const second = await serve(t, other, ['serve', game])
  await second.kill('SIGTERM')
  const without = (name) => (folder) => rmSync(join(folder, 'keys', name))
  const flip = (name, at) => (folder) => {
    const file = join(folder, 'keys', name)
    const bytes = readFileSync(file)
    bytes[at < 0 ? bytes.length + at : at] ^= 1
    writeFileSync(file, bytes)
  }
  const cut = (name, bytes) => (folder) => truncateSync(join(folder, 'keys', name), bytes)
  const foreign = (name) => (folder) => cpSync(join(other, 'keys', name), join(folder, 'keys', name))
  const cases = [
    ['no root key', without('root.key'), /_\.keys.*stored data fails its check[^]*root key/],
    ['a root key of another server', foreign('root.key'), /_\.keys.*stored data fails its check[^]*root key/],
    ['a flipped root key', flip('root.key', 3), /root\.key/],
    ['half a root key', cut('root.key', 16), /root\.key/],
    ['an empty root key', cut('root.key', 0), /root\.key/],
    ['no keys of the platform', without('_.keys'), /the platform.*_\.keys.*there are none[^]*LQ_KEYS/],
    ['keys of another platform', foreign('_.keys'), /the platform.*_\.keys/],
    ['flipped keys of the platform', flip('_.keys', 30), /the platform.*_\.keys/],
    ["a tenant's keys for the platform", (f) => cpSync(join(f, 'keys/acme.keys'), join(f, 'keys/_.keys')), /the platform.*_\.keys/],
    ['no tenant keys', without('acme.keys'), /acme\.keys.*there are none[^]*LQ_KEYS/],
    ['tenant keys of another server', foreign('acme.keys'), /acme\.keys/],
    ["another tenant's keys", (f) => cpSync(join(f, 'keys/zeta.keys'), join(f, 'keys/acme.keys')), /acme\.keys/],
    ['flipped tenant keys', flip('acme.keys', 30), /acme\.keys/],
    ['tenant keys with a flipped end', flip('acme.keys', -1), /acme\.keys/],
    ['half the tenant keys', cut('acme.keys', 40), /acme\.keys/],
    ['empty tenant keys', cut('acme.keys', 0), /acme\.keys/],
    ['a folder instead', (f) => (rmSync(join(f, 'keys/acme.keys')), mkdirSync(join(f, 'keys/acme.keys'))), /acme\.keys/],
    ['a flipped token key', flip('token.key', 7), /token\.key/],
    ['a passphrase instead of the file', () => {}, /_\.keys.*[^]*root key/, { LQ_ROOT_PASSPHRASE: 'guess' }],
    ['an empty passphrase', () => {}, /passphrase is empty/, { LQ_ROOT_PASSPHRASE: '' }],
  ]
  for (const [what, damage, says, env = {}] of cases) {
    const folder = join(dataFolder(t), 'd')
    cpSync(data, folder, { recursive: true })
    damage(folder)
    const { code, err } = run(['serve', game, '--data', folder, '--port', '0'], { env: { ...process.env, ...env } })
    assert.equal(code, 1, `${what}: ${err}`)
    assert.match(err, says, what)
    assert.match(err, /\n {4}mend: \S/, what)
  }
  // Another tenant's loss is told, and the others play.
  const folder = join(dataFolder(t), 'd')
  cpSync(data, folder, { recursive: true })
  rmSync(join(folder, 'keys/zeta.keys'))
  const left = await serve(t, folder, ['serve', game, '--all-tenants'])
  assert.match(left.err, /zeta\.keys.*there are none/)
  const mine = await tokenOf(left, keys.admin)
  assert.equal((await rest(left, DEMO, { headers: bearer(mine) })).status, 200)
  await left.kill('SIGTERM')
})

test('a passphrase: the right one opens, a wrong one is told so', async () => {
  const folder = dataFolder(t)
  const first = await serve(t, folder, ['serve', game], { LQ_ROOT_PASSPHRASE: 'correct horse' })
  const key = keysOf(first).admin
  await first.kill('SIGTERM')
  const wrong = run(['serve', game, '--data', folder, '--port', '0'], { env: { ...process.env, LQ_ROOT_PASSPHRASE: 'correct house' } })
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /this is not the passphrase/)
  const again = await serve(t, folder, ['serve', game], { LQ_ROOT_PASSPHRASE: 'correct horse' })
  await tokenOf(again, key)
  await again.kill('SIGTERM')
})

/* ---- ciphertexts in another's place ---- */

test('a ciphertext put in the place of another opens nothing', async () => {
  // Two tenants with two sessions each, at rest.
  const base = join(dataFolder(t), 'd')
  const first = await serve(t, base, ['serve', game, '--all-tenants'], { LQ_HIBERNATE_MS: '1' })
  const shown = keysOf(first)
  const operator = await tokenOf(first, shown.operator)
  const zetaKey = (await rest(first, '/v1/tenants', json({ tenant: 'zeta' }, bearer(operator)))).body.secret
  for (const [tenant, key] of [['acme', shown.admin], ['zeta', zetaKey]])
    for (const session of ['one', 'two']) {
      const client = new Client(first.port)
      await client.join({ tenant, session, token: await tokenOf(first, key) })
      await client.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: 'm' }, (m) => m.evt === 'ack')
      await client.close()
    }
  await first.kill('SIGTERM')
  const sqlite = (db, sql) => {
    const { status, stdout, stderr } = spawnSync('sqlite3', [db, sql], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return stdout.trim()
  }
  const swap = (table, column, one, two) => (db) => {
    const value = (where) => sqlite(db, `SELECT hex(${column}) FROM ${table} WHERE ${where}`).split('\n')[0]
    const [a, b] = [value(one), value(two)]
    assert.ok(a && b && a !== b, `${table}: ${one}, ${two}`)
    sqlite(db, `UPDATE ${table} SET ${column}=X'${b}' WHERE ${one};UPDATE ${table} SET ${column}=X'${a}' WHERE ${two};`)
  }
  const session = (tenant, name) => `(SELECT id FROM session WHERE tenant='${tenant}' AND name='${name}')`
  const item = (tenant, sk) => `tenant=(SELECT id FROM tenant WHERE name='${tenant}') AND sk='${sk}'`
  const S = (tenant, name) => `session=${session(tenant, name)}`
  const reads = async (s, key, tenant, name) => {
    const { status, body } = await rest(s, `/v1/tenants/${tenant}/games/demo/sessions/${name}/journal`, { headers: bearer(await tokenOf(s, key)) })
    assert.deepEqual([status, body.code], [500, 'LQ_ERR_CORRUPT'])
  }
  const joins = async (s, key, more) => new Client(s.port).join({ ...more, token: await tokenOf(s, key) })
  const cases = {
    'slices of another session': [swap('archive', 'body', S('acme', 'one'), S('acme', 'two')), (s) => reads(s, shown.admin, 'acme', 'one')],
    'slices of another tenant': [swap('archive', 'body', S('acme', 'one'), S('zeta', 'one')), (s) => reads(s, zetaKey, 'zeta', 'one')],
    'a checkpoint of another session': [swap('checkpoint', 'body', S('acme', 'one'), S('acme', 'two')), (s) => assert.rejects(joins(s, shown.admin, { session: 'one' }), /LQ_ERR_CORRUPT/)],
    'a checkpoint of another tenant': [swap('checkpoint', 'body', S('acme', 'one'), S('zeta', 'one')), (s) => assert.rejects(joins(s, zetaKey, { tenant: 'zeta', session: 'one' }), /LQ_ERR_CORRUPT/)],
    'the key of another session': [swap('item', 'value', item('acme', 'KEY#S#demo#one'), item('acme', 'KEY#S#demo#two')), (s) => assert.rejects(joins(s, shown.admin, { session: 'one' }), /LQ_ERR_CORRUPT/)],
    'the key of another tenant': [swap('item', 'value', item('acme', 'KEY#S#demo#one'), item('zeta', 'KEY#S#demo#one')), (s) => assert.rejects(joins(s, shown.admin, { session: 'one' }), /LQ_ERR_CORRUPT/)],
    'the record of an admin for a player': [swap('item', 'value', item('acme', 'USER#admin'), item('acme', 'USER#player')), (s) => assert.rejects(tokenOf(s, shown.player), /LQ_ERR_CORRUPT/)],
    'the record of another tenant': [swap('item', 'value', item('acme', 'USER#admin'), item('zeta', 'USER#admin')), (s) => assert.rejects(tokenOf(s, zetaKey), /LQ_ERR_CORRUPT/)],
  }
  let started = 0
  for (const [what, [change, check]] of Object.entries({ 'nothing at all': [() => {}, async (s) => assert.ok(await joins(s, shown.admin, { session: 'one' }))], ...cases })) {
    const folder = join(dataFolder(t), 'd')
    cpSync(base, folder, { recursive: true })
    change(join(folder, 'lq.db'))
    resum(join(folder, 'lq.db'))
    // It starts, or says that something fails its check.
    const s = await serve(t, folder, ['serve', game, '--all-tenants']).catch((error) => error)
    if (s instanceof Error) {
      assert.match(s.message, /fails its check[^]*mend: /, what)
      continue
    }
    started++
    await check(s).catch((error) => assert.fail(`${what}: ${error.message}`))
    await s.kill('SIGTERM')
  }
  assert.ok(started >= 6, `${started} started: the sums were right`)
})
