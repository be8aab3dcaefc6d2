// A disk that fails: the server tells its players, ends with status 1, and loses nothing it acknowledged.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as lib from './lib.mjs'

// Files may not grow beyond 1 MiB: a write above fails, as on a broken disk (EFBIG is no "disk full").
test('a write error ends the server with a clear message, and nothing acknowledged is lost', { timeout: 60000 }, async (t) => {
  const data = lib.dataFolder(t)
  const limited = join(lib.dataFolder(t), 'limited')
  writeFileSync(limited, `#!/bin/bash\ntrap '' XFSZ\nulimit -f 1024\nexec ${lib.lq} "$@"\n`, { mode: 0o755 })
  const server = await lib.serve(t, data, undefined, {}, limited)
  const client = new lib.Client(server.port)
  await client.join()
  const acked = new Set()
  client.onMessage = (m) => m.evt === 'ack' && acked.add(m.id)
  let n = 0
  const sending = setInterval(() => {
    for (let i = 0; i < 3 && !client.closed; i++)
      client.send({ cmd: 'move', entity: client.player, vec: [n % 2 ? 1 : -1, 0, 0], id: `c${n++}` })
  }, 35)
  const { code } = await server.ended
  clearInterval(sending)
  assert.equal(code, 1)
  assert.match(server.err, /cannot be written: .*\n.*mend: /)
  await client.gone
  assert.ok(client.log.some((m) => m.evt === 'error' && m.code === 'LQ_ERR_IO'), 'the player was told')
  assert.ok(acked.size > 0)

  const again = await lib.serve(t, data)
  const told = new Set()
  for (const record of await lib.journal(again)) for (const c of record.commands) told.add(c.id)
  for (const id of acked) assert.ok(told.has(id), `${id} was acknowledged and is not in the journal`)
})
