// Messages of lq_service/esdk against Amazon's own SDK, both ways: what we write it opens, what it writes we open, and each
// refuses what the other would refuse.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node'
import { lq } from './lib.mjs'

const tool = join(dirname(realpathSync(lq)), 'esdk_tool')
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY
const signing = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
const key = randomBytes(32)
const context = { purpose: 'export', tenant: 'acme', wörter: 'Straße "#*\n' }
// Nothing, less than a frame, whole frames exactly, one byte more, and many.
const sizes = [0, 1, 63, 64, 65, 128, 129, 5000, 200000]

function keyring(bytes = key, keyName = 'acme-1') {
  return new RawAesKeyringNode({
    keyName,
    keyNamespace: 'ledgerquest',
    // The SDK keeps and clears what it is given.
    unencryptedMasterKey: new Uint8Array(bytes),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
}

function ours(what, input, { bytes = key, name = 'acme-1', frame = 64, words = [] } = {}) {
  const args = [what, bytes.toString('hex'), 'ledgerquest', name, String(frame), ...words]
  const result = spawnSync(tool, args, { input, maxBuffer: 1 << 26, timeout: 60000 })
  assert.ifError(result.error)
  return { code: result.status, out: result.stdout, err: result.stderr.toString() }
}

function sealed(text, options = {}) {
  const words = Object.entries(context).map(([name, value]) => `${name}=${value}`)
  const result = ours('seal', text, { words, ...options })
  assert.equal(result.code, 0, result.err)
  return result.out
}

test('what we seal opens with the SDK, and the context is what it says', async () => {
  for (const size of sizes) {
    for (const frame of [64, 4096]) {
      const text = randomBytes(size)
      const { plaintext, messageHeader } = await decrypt(keyring(), sealed(text, { frame }))
      assert.ok(plaintext.equals(text), `${size} bytes in frames of ${frame}`)
      assert.deepEqual({ ...messageHeader.encryptionContext }, context)
      assert.equal(messageHeader.suiteId, suiteId)
      assert.equal(messageHeader.frameLength, frame)
    }
  }
})

test('what the SDK seals we open, and tell its context', async () => {
  for (const size of sizes) {
    for (const frameLength of [64, 4096]) {
      const text = randomBytes(size)
      const { result } = await encrypt(keyring(), text, { suiteId, frameLength, encryptionContext: context })
      const opened = ours('open', result, { words: ['tenant', 'none', 'wörter'] })
      assert.equal(opened.code, 0, opened.err)
      assert.ok(opened.out.equals(text), `${size} bytes in frames of ${frameLength}`)
      assert.equal(opened.err, `tenant=acme\nnone=\nwörter=${context['wörter']}\n`)
    }
  }
})

test('a message without a context goes both ways', async () => {
  const { plaintext } = await decrypt(keyring(), ours('seal', 'text').out)
  assert.equal(plaintext.toString(), 'text')
  const { result } = await encrypt(keyring(), 'text', { suiteId })
  assert.equal(ours('open', result).out.toString(), 'text')
})

// A byte in each region: the message id, context, wrapped key's name, IV, key and tag, frame length, commitment, header tag;
// then a frame's number, IV, content and tag, and the last frame's mark, number, length, content and tag.
test('a byte flipped in any region is refused, by us and by the SDK', async () => {
  const message = sealed(randomBytes(150))
  const ending = 24 + 22 + 16
  const frames = message.length - ending - 2 * (16 + 64 + 16)
  const header = frames - 16 - 32 - 5
  const places = [3, 40, header - 60, header - 55, header - 40, header - 5, header + 3, header + 10, frames - 5]
  for (const at of [3, 10, 20, 90]) places.push(frames + at)
  for (const at of [0, 6, 12, 23, 30, 60]) places.push(message.length - ending + at)
  for (const at of places) {
    const damaged = Buffer.from(message)
    damaged[at] ^= 1
    assert.notEqual(ours('open', damaged).code, 0, `byte ${at} of ${message.length}`)
    await assert.rejects(decrypt(keyring(), damaged), undefined, `the SDK, byte ${at} of ${message.length}`)
  }
})

test('cut messages, swapped frames and wrong keys are refused', async () => {
  const { result: message } = await encrypt(keyring(), randomBytes(300), {
    suiteId,
    frameLength: 64,
    encryptionContext: context,
  })
  for (const length of [0, 1, 50, message.length - 150, message.length - 1]) {
    assert.match(ours('open', message.subarray(0, length)).err, /LQ_ERR_TRUNCATED/)
  }
  assert.match(ours('open', Buffer.concat([message, Buffer.from('x')])).err, /LQ_ERR_SYNTAX/)
  const frame = 16 + 64 + 16
  const first = message.length - (24 + 44 + 16) - 4 * frame
  const swapped = Buffer.concat([
    message.subarray(0, first),
    message.subarray(first + frame, first + 2 * frame),
    message.subarray(first, first + frame),
    message.subarray(first + 2 * frame),
  ])
  assert.match(ours('open', swapped).err, /LQ_ERR_CORRUPT/)
  assert.match(ours('open', message, { bytes: randomBytes(32) }).err, /LQ_ERR_CORRUPT/)
  assert.match(ours('open', message, { name: 'acme-2' }).err, /LQ_ERR_NOT_FOUND/)
  assert.equal(ours('open', message).code, 0)

  await assert.rejects(decrypt(keyring(randomBytes(32)), sealed('text')))
  await assert.rejects(decrypt(keyring(key, 'acme-2'), sealed('text')))
})

test('other suites than the committing one without a signature are refused', async () => {
  const { result } = await encrypt(keyring(), 'text', { suiteId: signing })
  assert.match(ours('open', result).err, /LQ_ERR_UNSUPPORTED/)
})
