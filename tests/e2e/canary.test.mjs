// A hundred tenants, each with strings that nobody else has, in every field that takes one. They play and look at what is
// theirs. Then every answer, line and file is searched: a canary is seen by its own tenant only, and what is on the disk
// is sealed, but for the names that are plain by design.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, bearer, dataFolder, keysOf, rest, root, run, serve, tokenOf } from './lib.mjs'

const TENANTS = 100
// Deterministic, and not to be found anywhere else.
let state = 0x51ed2701
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0).toString(36).padStart(7, '0')

// What a field is, and whether it lies in lq.db as it is. Plain are names by which things are found without a key (docs/keys.md):
// of sessions, users and policies.
const KINDS = { session: true, user: true, label: false, name: false, policy: true, sid: false, principal: false, player: false, text: false, command: false, idempotency: false }
const CANARY = new RegExp(`Zq(${Object.keys(KINDS).join('|')})-(\\d\\d)-[0-9a-z]{7}`, 'g')
const canariesOf = (i) => Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, `Zq${kind}-${String(i).padStart(2, '0')}-${random()}`]))
const found = (text) => [...text.matchAll(CANARY)].map(([canary, kind, tenant]) => ({ canary, kind, tenant: Number(tenant) }))

// Every file below, also in other spellings of the same bytes.
function search(folder, known) {
  const plain = new Map()
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const bytes = readFileSync(join(entry.parentPath ?? entry.path, entry.name))
    const text = bytes.toString('latin1')
    for (const { kind } of found(text)) plain.set(kind, (plain.get(kind) ?? new Set()).add(entry.name))
    for (const kind of Object.keys(KINDS).filter((k) => !KINDS[k])) {
      const canary = known[0][kind]
      for (const spelt of [Buffer.from(canary, 'utf16le'), Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64url').slice(0, 24)]) assert.ok(!bytes.includes(spelt), `${kind} in ${entry.name}`)
    }
  }
  return plain
}
function checkFiles(what, folder, known) {
  const plain = search(folder, known)
  for (const [kind, files] of plain) assert.ok(KINDS[kind], `${what}: ${kind} lies plain in ${[...files]}`)
  return plain
}

test('canaries of a hundred tenants are seen by their own tenant alone, and sealed on the disk', async (t) => {
  const data = join(dataFolder(t), 'd')
  const server = await serve(t, data, ['serve', join(root, 'tests/e2e/games/diary'), '--all-tenants'], { LQ_MESSAGES_PER_S: '100000', LQ_HIBERNATE_MS: '1' })
  const operator = await tokenOf(server, keysOf(server).operator)
  const seen = [] // what each tenant was told
  const elsewhere = [] // what the operator and nobody in particular were told
  const call = async (told, token, path, body, method = body ? 'POST' : 'GET', headers = {}) => {
    const answer = await rest(server, path, { method, headers: { ...bearer(token), ...headers, ...(body && { 'content-type': 'application/json' }) }, body: body && JSON.stringify(body) })
    told.push(JSON.stringify([answer.status, [...answer.headers], answer.body]))
    return answer
  }
  const known = Array.from({ length: TENANTS }, (_, i) => canariesOf(i))

  async function live(i) {
    const c = known[i]
    const told = (seen[i] = [])
    const at = `/v1/tenants/tenant-${i}`
    const made = await rest(server, '/v1/tenants', { method: 'POST', headers: { 'content-type': 'application/json', ...bearer(operator) }, body: JSON.stringify({ tenant: `tenant-${i}` }) })
    assert.equal(made.status, 201)
    const admin = await tokenOf(server, made.body.secret)
    const must = async (...args) => {
      const answer = await call(told, admin, ...args)
      assert.ok(answer.status < 300, `${args[0]}: ${JSON.stringify(answer.body)}`)
      return answer.body
    }
    await must(`${at}/users`, { user: c.user, name: c.name, roles: ['player'] })
    const { secret } = await must(`${at}/keys`, { user: c.user, label: c.label })
    await must(`${at}/policies/${c.policy}`, { Version: '2012-10-17', Statement: [{ Sid: c.sid, Effect: 'Deny', Principal: { User: c.principal }, Action: 'lq:EndSession', Resource: '*' }] }, 'PUT')
    await must(`${at}/games/demo/sessions`, { session: c.session }, 'POST', { 'idempotency-key': c.idempotency })
    const token = await tokenOf(server, secret)
    const client = new Client(server.port)
    await client.join({ tenant: `tenant-${i}`, session: c.session, player: c.player, token })
    await client.ask({ cmd: 'write', entity: c.player, text: c.text, id: c.command }, (m) => m.evt === 'ack')
    await client.close()
    told.push(...client.log.map((m) => JSON.stringify(m)))
    const one = `${at}/games/demo/sessions/${c.session}`
    for (const path of [at, `${at}/users`, `${at}/keys`, `${at}/policies`, `${at}/policies/${c.policy}`, `${at}/audit`, `${at}/usage?by=session`, `${at}/games/demo`, `${at}/games/demo/sessions`, one, `${one}/state`, `${one}/journal`, `${one}/hash`]) await must(path)
    // The neighbour's, by name.
    const other = known[(i + 1) % TENANTS]
    for (const path of [`/v1/tenants/tenant-${(i + 1) % TENANTS}/users`, `${at}/games/demo/sessions/${other.session}/state`, `/v1/tenants/tenant-${(i + 1) % TENANTS}/games/demo/sessions/${other.session}/journal`]) {
      const { status, body } = await call([], admin, path)
      assert.equal(status, 404)
      assert.deepEqual(found(JSON.stringify(body)), [])
    }
  }
  for (let i = 0; i < TENANTS; i += 10) await Promise.all(Array.from({ length: 10 }, (_, k) => live(i + k)))

  for (const path of ['/v1/tenants', '/metrics', '/v1/openapi.json', '/', '/play/tenant-0/demo', '/healthz', '/readyz', '/.well-known/jwks.json', '/v1/usage', '/v1/tenants/_/audit', '/v1/tenants/tenant-0', '/v1/tenants/tenant-0/users', '/v1/tenants/tenant-0/audit']) await call(elsewhere, operator, path)

  // Each has seen all of its own, so the search finds what there is; and nothing of the others.
  for (const [i, told] of seen.entries()) {
    const here = found(told.join('\n'))
    assert.deepEqual(here.filter(({ tenant }) => tenant !== i), [], `tenant-${i}`)
    for (const [kind, canary] of Object.entries(known[i])) if (kind !== 'idempotency') assert.ok(here.some((one) => one.canary === canary), `tenant-${i} did not see its own ${kind}`)
  }
  assert.deepEqual(found(elsewhere.join('\n')), [], 'an operator runs tenants without seeing them')

  // The disk, as it is under the running server, in a backup, and after the end.
  const copy = join(data, '../copy')
  checkFiles('the running server', data, known)
  assert.equal(run(['backup', copy, '--data', data]).code, 0)
  checkFiles('a backup', copy, known)
  await server.kill('SIGTERM')
  const plain = checkFiles('at rest', data, known)
  assert.deepEqual([...plain.keys()].sort(), Object.keys(KINDS).filter((kind) => KINDS[kind]).sort(), 'the search finds what is plain')
  assert.deepEqual(found(server.out + server.err), [], 'lines of the server')

  // And it is all there, for whoever has the key store.
  const again = run(['session', 'export', known[7].session, '--tenant', 'tenant-7', '--data', data])
  assert.ok(again.out.includes(known[7].text), again.err)
  assert.equal(run(['session', 'verify', known[7].session, '--tenant', 'tenant-7', '--data', data]).code, 0)
})
