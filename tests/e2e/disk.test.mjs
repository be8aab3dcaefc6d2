// A disk that is really full: a small file system of its own. Mounting needs root; without it the test says so.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, dataFolder, journal, run, serve } from './lib.mjs'

test('a full disk is said, the session goes on when there is room, and nothing acknowledged is lost', async (t) => {
  const data = dataFolder(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', data]).status !== 0) {
    t.skip('mounting a small file system needs root')
    return
  }
  const umount = () => execFileSync('umount', ['-l', data])
  process.once('exit', () => spawnSync('umount', ['-l', data]))
  const server = await serve(t, data, undefined, { LQ_MESSAGES_PER_S: '5000' })
  const acked = new Set()
  let refused = null
  let client = new Client(server.port)
  const watch = (m) => {
    if (m.evt === 'ack') acked.add(m.id)
    if (m.evt === 'error') refused = m
  }
  client.onMessage = watch
  await client.join()
  await client.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'first' }, (m) => m.id === 'first' && m.evt === 'ack')
  // Fill what is left, but for a little.
  const left = statfsSync(data)
  writeFileSync(join(data, 'filler'), Buffer.alloc(left.bavail * left.bsize - 64 * 1024))
  for (let i = 0; i < 4000 && !refused && !client.closed; i++) {
    client.send({ cmd: 'move', entity: 'p1', vec: [i % 2 ? 1 : -1, 0, 0], id: `f${i}` })
    await new Promise((r) => setTimeout(r, 5))
  }
  await Promise.race([client.gone, new Promise((r) => setTimeout(r, 5000))])
  assert.equal(refused?.code, 'LQ_ERR_DISK_FULL', JSON.stringify(refused))
  assert.ok(refused.mend)
  const before = new Set(acked)
  // Room again: the same server, the same player.
  rmSync(join(data, 'filler'))
  const back = new Client(server.port)
  back.onMessage = watch
  const joined = await back.join({ resume: client.resume })
  assert.equal(joined.player, 'p1')
  await back.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: 'after' }, (m) => m.id === 'after' && m.evt === 'ack')
  const ids = (await journal(server)).flatMap((r) => r.commands).map((c) => c.id)
  for (const id of before) assert.equal(ids.filter((x) => x === id).length, 1, `${id} is in the journal once`)
  await back.close()
  await server.kill('SIGTERM')
  const verify = run(['session', 'verify', 'main', '--data', data, '--json'])
  assert.equal(verify.code, 0, verify.err)
  assert.ok(readdirSync(data).length > 0)
  umount()
})
