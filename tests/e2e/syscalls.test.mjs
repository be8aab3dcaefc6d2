// SIGKILL, EIO and ENOSPC at the system calls of five workloads: after each the server starts again, and whatever was
// acknowledged is in the journal, once; players come back as who they were; lq session verify has no findings.
// LQ_SYSCALLS says how many calls of each workload and pass, evenly spread; "all" is every one (make kill).
import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { laboratory, passes, pointsOf, straceTrouble, strike, survey } from './syscalls.mjs'
import { workloads } from './workloads.mjs'

const LIMIT = process.env.LQ_SYSCALLS === 'all' ? Infinity : Number(process.env.LQ_SYSCALLS ?? 16)
const UNTIL = Date.now() + 1000 * Number(process.env.LQ_SECONDS ?? 86400)
const WORKLOADS = (process.env.LQ_WORKLOADS ?? Object.keys(workloads).join(',')).split(',')
const atOnce = (name) => (name === 'sleep' ? 6 : 2) // that one mostly waits

const trouble = straceTrouble()
test('strace may trace here', () => assert.equal(trouble, undefined))

const lab = laboratory()
process.once('exit', () => lab.close())

const spread = (all) => (all.length <= LIMIT ? [...all] : Array.from({ length: LIMIT }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / LIMIT)]))

for (const name of WORKLOADS)
  test(`nothing acknowledged is lost: ${name}`, { timeout: 3 * 3600000 }, async (t) => {
    assert.equal(trouble, undefined)
    assert.ok(workloads[name], `there is no workload ${name}`)
    const points = await survey(lab, name)
    const calls = (thread) => new Set(points.filter((p) => p.thread === thread).map((p) => p.call))
    for (const call of ['pwrite64', 'pread64', 'fcntl']) assert.ok(calls('main').has(call), `${name} has no ${call} on its main thread`)
    for (const call of ['pwrite64', 'fdatasync', 'write']) assert.ok(calls('store').has(call), `${name} has no ${call} on the store's thread`)
    for (const pass of Object.keys(passes)) {
      const all = pointsOf(points, pass)
      const queue = spread(all)
      const outcomes = {}
      const failed = []
      const begun = Date.now()
      const worker = async () => {
        while (queue.length && Date.now() < UNTIL) {
          const point = queue.shift()
          const { outcome, troubles, hit } = await strike(lab, point)
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
          if (troubles.length) failed.push(`${pass} at ${point.call} ${point.n} of the ${point.thread} thread${typeof hit === 'string' ? ` (${hit})` : ''}:\n    ${troubles.join('\n    ')}`)
        }
      }
      await Promise.all(Array.from({ length: atOnce(name) }, worker))
      const count = Object.values(outcomes).reduce((a, b) => a + b, 0)
      const line = `| ${name} | ${pass} | ${all.length} | ${count} | ${Object.entries(outcomes).map(([k, v]) => `${k} ${v}`).join(', ')} | ${((Date.now() - begun) / 1000).toFixed(0)} s |`
      t.diagnostic(line)
      if (process.env.LQ_REPORT) appendFileSync(process.env.LQ_REPORT, `${line}\n`)
      assert.equal(failed.length, 0, failed.slice(0, 10).join('\n'))
      assert.ok(pass !== 'kill' || (outcomes.killed ?? 0) > count * 0.5 || Date.now() >= UNTIL, 'most calls were reached') // the survey of a busy machine has a few more
    }
  })
