// Tenants, users and keys on the command line: over a server and over a folder; a shred with two approvals; a tenant taken from one
// server to another in a message that Amazon's SDK opens and makes.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, RawAesKeyringNode, RawAesWrappingSuiteIdentifier } from '@aws-crypto/client-node'
import { Client, dataFolder, game, rest, run, serve } from './lib.mjs'

const bare = { ...process.env }
for (const name of ['LQ_KEY', 'LQ_TOKEN', 'LQ_SERVER', 'LQ_DATA']) delete bare[name]

// The command's answer as JSON; its failure as the problem it tells.
function ask(args, env = {}) {
  const { code, out, err } = run([...args, '--json'], { env: { ...bare, ...env } })
  return { code, body: code === 0 ? JSON.parse(out) : JSON.parse(err.trim().split('\n').at(-1)) }
}
function good(args, env) {
  const { code, body } = ask(args, env)
  assert.equal(code, 0, `${args.join(' ')}: ${JSON.stringify(body)}`)
  return body
}

// A server with tokens, and its keys, which are shown once.
async function company(t, data = join(dataFolder(t), 'data'), env = {}) {
  const server = await serve(t, data, ['serve', game], env)
  const key = (name) => new RegExp(`^  ${name} +(lqk_\\S+)`, 'm').exec(server.out)?.[1]
  server.data = data
  server.as = (name) => ({ LQ_SERVER: server.url, LQ_KEY: key(name) })
  return server
}
const token = (env) => good(['token'], env).access_token

async function play(server, session = 'main', moves = 12) {
  const client = new Client(server.port)
  await client.join({ session, token: token(server.as('player')) })
  for (let i = 0; i < moves; i++) {
    await client.ask({ cmd: 'move', entity: client.player, vec: [1, 0, 0], id: `m${i}` }, (m) => m.evt === 'ack' && m.id === `m${i}`)
  }
  return client
}

test('users and keys are made, changed and revoked over a server', async (t) => {
  const server = await company(t)
  const admin = server.as('admin')
  assert.deepEqual(good(['user', 'make', 'ann', '--role', 'player,observer', '--name', 'Ann "B"'], admin).roles, ['player', 'observer'])
  assert.equal(ask(['user', 'make', 'ann', '--role', 'player'], admin).body.code, 'LQ_ERR_EXISTS')
  assert.equal(ask(['user', 'make', 'eve', '--role', 'operator'], admin).code, 1)
  const made = good(['key', 'make', 'ann', '--label', 'laptop', '--days', '1'], admin)
  const ann = { LQ_SERVER: server.url, LQ_KEY: made.secret }
  const bearer = { headers: { authorization: `Bearer ${token(ann)}` } }
  assert.equal((await rest(server, '/v1/tenants/acme/games/demo/sessions', bearer)).status, 200)
  assert.equal(ask(['user', 'list'], ann).body.code, 'LQ_ERR_FORBIDDEN')

  assert.equal(good(['user', 'set', 'ann', '--role', 'tenant-admin'], admin).roles[0], 'tenant-admin')
  assert.ok(good(['user', 'list'], ann).some((user) => user.user === 'ann'), 'a role holds at once')
  good(['user', 'revoke', 'ann'], admin)
  assert.equal((await rest(server, '/v1/tenants/acme/games/demo/sessions', bearer)).status, 401, 'her token is dead')
  assert.ok(token(ann), 'her key is not')
  good(['key', 'revoke', `lqk_${made.about.key}`], admin)
  assert.equal(ask(['token'], ann).body.code, 'LQ_ERR_UNAUTHORIZED')
  assert.ok(!good(['key', 'list'], admin).some((key) => key.key === made.about.key))
})

test('a tenant sees nothing of another, and an operator nothing inside', async (t) => {
  const server = await company(t)
  const zeta = { LQ_SERVER: server.url, LQ_KEY: good(['tenant', 'make', 'zeta'], server.as('operator')).secret }
  assert.deepEqual(good(['user', 'list', '--tenant', 'zeta'], zeta).map((user) => user.user), ['admin'])
  for (const env of [server.as('admin'), server.as('operator')]) {
    assert.equal(ask(['user', 'list', '--tenant', 'zeta'], env).body.code, 'LQ_ERR_UNKNOWN_TENANT')
    assert.equal(ask(['user', 'list', '--tenant', 'nobody'], env).body.code, 'LQ_ERR_UNKNOWN_TENANT')
  }
  assert.equal(ask(['tenant', 'list'], zeta).code, 1)
  assert.deepEqual(good(['tenant', 'list'], server.as('operator')).map((one) => one.tenant), ['acme', 'zeta'])
  // After a restart, too, although only acme is served.
  await server.kill('SIGTERM')
  const again = await serve(t, server.data, ['serve', game])
  assert.equal(good(['user', 'list', '--tenant', 'zeta'], { ...zeta, LQ_SERVER: again.url }).length, 1)
})

test('the folder itself is worked on when no server has it', async (t) => {
  const data = join(dataFolder(t), 'data')
  const at = ['--data', data]
  assert.equal(ask(['tenant', 'list', ...at]).body.code, 'LQ_ERR_NOT_FOUND')
  assert.ok(!existsSync(data), 'a slip makes no folder')
  assert.match(good(['tenant', 'make', 'zeta', ...at]).secret, /^lqk_/)
  good(['user', 'make', 'bob', '--tenant', '_', '--role', 'operator', ...at])
  const key = good(['key', 'make', 'bob', '--tenant', '_', ...at]).secret
  assert.equal(good(['tenant', 'rotate', 'zeta', ...at]).rewrapped, 2)
  assert.equal(good(['tenant', 'list', ...at, '--key', key])[0].tenant, 'zeta')
  assert.equal(ask(['tenant', 'list', ...at, '--key', `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`]).body.code, 'LQ_ERR_UNAUTHORIZED')
  const server = await company(t, data)
  const locked = ask(['tenant', 'list', ...at])
  assert.equal(locked.body.code, 'LQ_ERR_LOCKED')
  assert.match(locked.body.mend, /--server/)
  assert.equal(ask(['user', 'list'], { LQ_SERVER: server.url }).body.code, 'LQ_ERR_UNAUTHORIZED')
  assert.equal(ask(['user', 'list'], { LQ_SERVER: 'http://127.0.0.1:1', LQ_KEY: key }).body.code, 'LQ_ERR_NET')
})

const until = async (fits, what) => {
  for (let i = 0; i < 300; i++) {
    if (await fits()) return
    await new Promise((next) => setTimeout(next, 50))
  }
  assert.fail(`never: ${what}`)
}

test('a shred takes two people, ends the tenant, and leaves the others', async (t) => {
  const server = await company(t, undefined, { LQ_SHRED_DELAY_MS: '1500' })
  const operator = server.as('operator')
  const admin = server.as('admin')
  good(['tenant', 'make', 'zeta'], operator)
  const client = await play(server)
  const bearer = { headers: { authorization: `Bearer ${token(admin)}` } }
  const backup = join(dataFolder(t), 'copy')
  assert.equal(run(['backup', backup, '--data', server.data]).code, 0)
  assert.equal(run(['session', 'verify', 'main', '--data', backup], { env: { ...bare, LQ_KEYS: join(server.data, 'keys') } }).code, 0, 'with the keys a backup opens')

  assert.equal(good(['tenant', 'shred', 'acme'], operator).shred_approvals, 1)
  assert.equal(ask(['tenant', 'shred', 'acme'], operator).body.code, 'LQ_ERR_EXISTS', 'one person is not two')
  good(['tenant', 'shred', 'acme', '--cancel'], admin)
  assert.equal(good(['tenant', 'show', 'acme'], operator).state, 'active')
  good(['tenant', 'shred', 'acme'], operator)
  assert.equal(good(['tenant', 'shred', 'acme'], admin).state, 'shredding')
  await until(() => good(['tenant', 'show', 'acme'], operator).state === 'shredded', 'shredded')

  assert.equal((await client.gone).code, 1008, 'its players are put out')
  assert.equal((await rest(server, '/v1/tenants/acme/users', bearer)).status, 401, 'its tokens are refused')
  for (const who of ['admin', 'player']) assert.equal(ask(['token'], server.as(who)).body.code, 'LQ_ERR_UNAUTHORIZED')
  assert.ok(!existsSync(join(server.data, 'keys/acme.keys')))
  assert.equal(ask(['tenant', 'shred', 'acme', '--cancel'], operator).code, 1, 'too late')
  assert.equal(ask(['tenant', 'make', 'acme'], operator).body.code, 'LQ_ERR_EXISTS', 'its name is not given again')
  assert.equal(good(['tenant', 'show', 'zeta'], operator).state, 'active')
  const keys = { LQ_KEYS: join(server.data, 'keys') }
  assert.equal(run(['session', 'verify', 'main', '--data', backup], { env: { ...bare, ...keys } }).code, 1, 'nor does the backup open')
  assert.equal(run(['session', 'show', 'main', '--data', server.data], { env: bare }).code, 1)
  assert.equal((await server.kill('SIGTERM')).code, 0)
  assert.equal(good(['tenant', 'list', '--data', server.data]).find((one) => one.tenant === 'zeta').state, 'active')
})

test('a shred that came due while nobody was there is done at the next look', (t) => {
  const data = join(dataFolder(t), 'data')
  const env = { LQ_SHRED_DELAY_MS: '0' }
  const at = ['--data', data]
  const key = good(['tenant', 'make', 'zeta', ...at]).secret
  good(['tenant', 'shred', 'zeta', ...at], env)
  assert.equal(good(['tenant', 'shred', 'zeta', ...at, '--key', key], env).state, 'shredding')
  assert.equal(good(['tenant', 'show', 'zeta', ...at]).state, 'shredded')
  assert.deepEqual(readdirSync(join(data, 'keys')).filter((name) => name.startsWith('zeta')), [])
})

/* ---- export and import ---- */

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY
const keyring = (path) =>
  new RawAesKeyringNode({
    keyNamespace: 'ledgerquest',
    keyName: 'acme',
    unencryptedMasterKey: new Uint8Array(readFileSync(path)),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

function sized(bytes, at) {
  let length = 0
  let shift = 0
  for (; ; shift += 7) {
    const byte = bytes[at++]
    length += (byte & 127) << shift
    if (byte < 128) break
  }
  return [bytes.subarray(at, at + length), at + length]
}

// The stream as docs/keys.md tells it, read by nothing of ours.
function stream(plain) {
  assert.equal(plain.subarray(0, 8).toString(), 'LQTENANT')
  assert.equal(plain.readUInt32LE(8), 1)
  let [tenant, at] = sized(plain, 12)
  let digest = sha256(Buffer.alloc(32), plain.subarray(0, at))
  const read = { tenant: tenant.toString(), kinds: '', leaves: [], slices: {}, sessions: [], items: [], blobs: 0, checkpoints: 0 }
  for (let ended = false; !ended; ) {
    const kind = String.fromCharCode(plain[at])
    const length = plain.readUInt32LE(at + 1)
    const whole = plain.subarray(at, at + 5 + length)
    const body = whole.subarray(5)
    at += whole.length
    read.kinds += kind
    if (kind === 'B') {
      read.blobs++
      assert.ok(sha256(body.subarray(32)).equals(body.subarray(0, 32)), 'a blob is what its name says')
    }
    if (kind === 'H') {
      const [gameName, next] = sized(body, 0)
      read.sessions.push(`${gameName}/${sized(body, next)[0]}`)
    }
    if (kind === 'L') read.leaves.push(body)
    if (kind === 'S') {
      const session = body.readUInt32LE(0)
      const [leaf] = sized(body, 12)
      if (leaf.length) read.leaves.push(leaf)
      assert.equal(Number(body.readBigUInt64LE(4)), (read.slices[session] = (read.slices[session] ?? 0) + 1), 'no gap')
    }
    if (kind === 'C') read.checkpoints++
    if (kind === 'I') read.items.push(sized(body, 0)[0].toString())
    if (kind === 'E') {
      const counts = [0, 1, 2, 3, 4, 5].map((i) => Number(body.readBigUInt64LE(i * 8)))
      const slices = Object.values(read.slices).reduce((a, b) => a + b, 0)
      assert.deepEqual(counts, [read.blobs, read.sessions.length, read.leaves.length, slices, read.checkpoints, read.items.length])
      assert.ok(digest.equals(body.subarray(48)), 'the digest at the end')
      ended = true
    } else {
      digest = sha256(digest, whole)
    }
  }
  assert.equal(at, plain.length, 'nothing behind the end')
  return read
}

// RFC 6962, as short as it can be said.
function root(leaves) {
  if (leaves.length === 1) return sha256(Buffer.from([0]), leaves[0])
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return sha256(Buffer.from([1]), root(leaves.slice(0, half)), root(leaves.slice(half)))
}

const verify = (data, session) => good(['session', 'verify', session, '--data', data])
const hashes = (data) => Object.fromEntries(good(['session', 'list', '--data', data]).map((one) => [one.session, [one.hash, one.tick, one.slice, one.release]]))

// A data folder in which acme has played twice, has people, and has rested.
async function played(t) {
  const server = await company(t)
  good(['user', 'make', 'ann', '--role', 'facilitator', '--name', 'Canary Ann'], server.as('admin'))
  for (const [session, moves] of [['main', 30], ['other', 5]]) await (await play(server, session, moves)).close()
  assert.equal((await server.kill('SIGTERM')).code, 0)
  return server.data
}

test('a tenant moves to another server, whole', async (t) => {
  const from = await played(t)
  const folder = dataFolder(t)
  const [file, wrap, to] = ['acme.lqt', 'wrap.key', 'new'].map((name) => join(folder, name))
  const counts = good(['tenant', 'export', 'acme', file, '--data', from, '--wrap-key', wrap])
  assert.equal(statSync(wrap).size, 32)
  for (const path of [file, wrap]) assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.ok(!readFileSync(file).includes('Canary'))
  assert.deepEqual(readdirSync(folder).sort(), ['acme.lqt', 'wrap.key'], 'nothing beside them')

  // Amazon's SDK opens it.
  const { plaintext, messageHeader } = await decrypt(keyring(wrap), readFileSync(file))
  assert.deepEqual({ ...messageHeader.encryptionContext }, { format: '1', purpose: 'tenant-export', tenant: 'acme' })
  const read = stream(plaintext)
  assert.equal(read.tenant, 'acme')
  assert.match(read.kinds, /^B+H+[LS]+C+I+E$/)
  assert.deepEqual(read.sessions, ['demo/main', 'demo/other'])
  assert.deepEqual([read.leaves.length, read.blobs, read.items.length], [counts.leaves, counts.releases, counts.items])
  assert.ok(plaintext.includes('Canary Ann'), 'what was sealed is there to be read')
  assert.ok(read.items.includes('USER#ann') && !read.items.some((sk) => /^(KEY#|AUDIT|APIKEY)/.test(sk)))

  good(['tenant', 'import', file, '--tenant', 'acme', '--data', to, '--wrap-key', wrap])
  assert.deepEqual(hashes(to), hashes(from))
  for (const session of ['main', 'other']) {
    const there = verify(to, session)
    assert.equal(there.ok, true)
    assert.deepEqual(there, verify(from, session))
  }
  assert.deepEqual(
    good(['user', 'list', '--data', to]).map((user) => user.user),
    good(['user', 'list', '--data', from]).map((user) => user.user),
  )
  // The log is the same: exported again it has the same leaves, and one that tells of the second export.
  const second = join(folder, 'second.lqt')
  good(['tenant', 'export', 'acme', second, '--data', to, '--wrap-key', wrap])
  const again = stream((await decrypt(keyring(wrap), readFileSync(second))).plaintext)
  assert.equal(again.leaves.length, read.leaves.length + 1)
  assert.ok(root(again.leaves.slice(0, -1)).equals(root(read.leaves)), 'the same Merkle root')

  // And it goes on there: with keys of its own.
  const key = good(['key', 'make', 'player', '--data', to]).secret
  const server = await company(t, to)
  const client = new Client(server.port)
  const joined = await client.join({ token: token({ LQ_SERVER: server.url, LQ_KEY: key }) })
  assert.ok(joined.tick >= 30)
  await client.close()
})

test('what is not a whole export leaves nothing', async (t) => {
  const from = await played(t)
  const folder = dataFolder(t)
  const [file, wrap, bad, to] = ['acme.lqt', 'wrap.key', 'bad.lqt', 'new'].map((name) => join(folder, name))
  good(['tenant', 'export', 'acme', file, '--data', from, '--wrap-key', wrap])
  const whole = readFileSync(file)
  const bring = (tenant = 'acme', key = wrap) => ask(['tenant', 'import', bad, '--tenant', tenant, '--data', to, '--wrap-key', key])
  for (const cut of [0, 10, 200, whole.length >> 1, whole.length - 1]) {
    writeFileSync(bad, whole.subarray(0, cut))
    assert.equal(bring().code, 1, `cut at ${cut}`)
  }
  for (const at of [3, 60, whole.length >> 1, whole.length - 3]) {
    const flipped = Buffer.from(whole)
    flipped[at] ^= 1
    writeFileSync(bad, flipped)
    assert.equal(bring().code, 1, `byte ${at}`)
  }
  // Sealed well by whoever has the key, but no export: each part of the stream is checked again.
  const { plaintext } = await decrypt(keyring(wrap), whole)
  const encryptionContext = { format: '1', purpose: 'tenant-export', tenant: 'acme' }
  const sealed = async (text, context = encryptionContext) =>
    writeFileSync(bad, (await encrypt(keyring(wrap), text, { suiteId, frameLength: 4096, encryptionContext: context })).result)
  for (const at of [0, 8, 13, 40, plaintext.length >> 1, plaintext.length - 90, plaintext.length - 20]) {
    const flipped = Buffer.from(plaintext)
    flipped[at] ^= 1
    await sealed(flipped)
    assert.equal(bring().code, 1, `byte ${at} of the stream`)
  }
  for (const text of [plaintext.subarray(0, plaintext.length - 85), Buffer.concat([plaintext, Buffer.from('x')]), Buffer.alloc(0)]) {
    await sealed(text)
    assert.equal(bring().code, 1)
  }
  await sealed(plaintext, { ...encryptionContext, tenant: 'zeta' })
  assert.equal(bring().code, 1)
  copyFileSync(file, bad)
  assert.equal(bring('zeta').code, 1, 'another name')
  writeFileSync(join(folder, 'other.key'), randomBytes(32))
  assert.equal(bring('acme', join(folder, 'other.key')).code, 1)
  writeFileSync(join(folder, 'short.key'), randomBytes(31))
  assert.equal(bring('acme', join(folder, 'short.key')).body.code, 'LQ_ERR_INVALID')
  assert.ok(!existsSync(to), 'not even a folder')

  // What Amazon's SDK made of the same stream is taken; a second time it is refused, and all stays as it is.
  await sealed(plaintext)
  assert.equal(bring().code, 0)
  assert.deepEqual(hashes(to), hashes(from))
  assert.equal(bring().body.code, 'LQ_ERR_EXISTS')
  assert.equal(verify(to, 'main').ok, true)
  const server = await company(t, from)
  assert.equal(ask(['tenant', 'export', 'acme', file, '--data', from, '--wrap-key', wrap]).body.code, 'LQ_ERR_LOCKED')
  await server.kill('SIGTERM')
})
