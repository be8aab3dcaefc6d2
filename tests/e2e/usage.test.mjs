// The bill of docs/usage.md computed again, with whole numbers, from the price table alone; and lq usage beside a server.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, dataFolder, root, run, serve } from './lib.mjs'
import { read } from './markdown.mjs'

const table = JSON.parse(readFileSync(join(root, 'lq_service/meter/prices.json'), 'utf8'))
const blocks = read('docs/usage.md').blocks
const words = (begin) => blocks.find((b) => b.lines[0].startsWith(begin)).lines.map((line) => line.trim().split(/\s+/))

// A decimal text as a whole number of 10^-digits.
function whole(text, digits) {
  const [before, behind = ''] = text.split('.')
  assert.ok(behind.length <= digits, text)
  return BigInt(before + behind.padEnd(digits, '0'))
}
// a / b to the nearest whole number, and in the middle to the even one.
function halfEven(a, b) {
  const quotient = a / b
  const rest = (a % b) * 2n
  return rest > b || (rest === b && quotient % 2n === 1n) ? quotient + 1n : quotient
}

test('the bill by hand is right', () => {
  const count = Object.fromEntries(words('ticks ').map(([name, value]) => [name, BigInt(value)]))
  const bill = words('lambda.compute')
  assert.equal(bill.length, table.lines.length + 1)
  let sum = 0n
  for (const [i, line] of table.lines.entries()) {
    const top = Object.entries(line.of).reduce((all, [name, times]) => all + (count[name] ?? 0n) * BigInt(times), 0n)
    const divide = BigInt(line.divide ?? 1)
    const cost = halfEven(top * whole(line.price, 9), divide * BigInt(line.per ?? 1))
    assert.equal(bill[i][0], line.id)
    assert.equal(whole(bill[i][1], 6), halfEven(top * 1000000n, divide), `quantity of ${line.id}`)
    assert.equal(whole(bill[i][2], 9), cost, `cost of ${line.id}`)
    sum += cost
  }
  assert.equal(whole(bill.at(-1)[1], 9), sum)
})

test('lq usage beside a server is JSON, CSV and a table of one and the same', async (t) => {
  const data = dataFolder(t)
  await serve(t, data)
  const json = JSON.parse(run(['usage', '--by', 'total', '--json', '--data', data]).out)
  assert.deepEqual([json.tenant, json.by, json.total.cost.currency], ['acme', 'total', 'USD'])
  const [head, ...rows] = run(['usage', '--csv', '--data', data]).out.trimEnd().split('\r\n')
  const fields = rows.at(-1).split(',')
  assert.equal(fields[0], 'total')
  for (const [name, value] of Object.entries(json.total.usage)) assert.ok(head.split(',').includes(name), `${name} ${value}`)
  assert.equal(head.split(',').length, fields.length)
  assert.match(run(['usage', '--forecast', '--data', data]).out, /forecast of \d{4}-\d{2}: /)
  const prices = join(data, 'prices.json')
  writeFileSync(prices, '{"name":"n","date":"d","currency":"EUR","lines":[{"id":"a","price":"1.0000000001","of":{}}]}')
  const wrong = run(['usage', '--prices', prices, '--data', data])
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /nine digits/)
  for (const bad of [['--from', 'monday'], ['--by', 'moon'], ['--from', '2026-02', '--to', '2026-01'], ['--csv', '--json']]) assert.equal(run(['usage', ...bad, '--data', data]).code, 2)
})

// An independent count: what lq session export prints, added up here.
function counted(data, session) {
  const lines = run(['session', 'export', session, '--data', data]).out.trimEnd().split('\n').map((line) => JSON.parse(line))
  let last = 0
  const sum = { ticks: 0, commands: 0, events: 0, slices: lines.length }
  for (const slice of lines) {
    sum.ticks += slice.tick - last
    last = slice.tick
    sum.commands += slice.commands.length
    sum.events += slice.events.length
  }
  return sum
}

// LQ_PLAY_SECONDS=3600 plays for an hour, of which the kill is the middle; without it, as fast as it goes.
test('what was counted is what the journals say, to the unit, also after kill -9', async (t) => {
  const data = dataFolder(t)
  const names = ['one', 'two', 'three']
  const half = Number(process.env.LQ_PLAY_SECONDS ?? 0) / 2
  let acknowledged = 0
  const play = async (server, session, player, moves) => {
    const client = new Client(server.port)
    await client.join({ session, player })
    const end = Date.now() + half * 1000
    for (let i = 0; i < moves || Date.now() < end; i++) {
      await client.ask({ cmd: 'move', entity: player, vec: [i % 26 < 13 ? 1 : -1, i % 9 < 4 ? 1 : i % 9 < 8 ? -1 : 1, 0], id: `${player}${i}` }, (m) => m.evt === 'ack')
      acknowledged++
      if (half) await new Promise((next) => setTimeout(next, 500 + 100 * (i % 7)))
    }
    return client
  }
  let server = await serve(t, data)
  await Promise.all(names.map((name, i) => play(server, name, 'ann', 5 + 3 * i)))
  await server.kill('SIGKILL')
  server = await serve(t, data)
  await play(server, 'two', 'bob', 4) // one of them goes on; the others are not woken again
  const until = Date.now() + 30000
  const rows = () => JSON.parse(run(['usage', '--by', 'session', '--json', '--data', data]).out).rows
  while (names.some((name) => !rows().some((row) => row.session === name)) && Date.now() < until) await new Promise((r) => setTimeout(r, 250))
  await server.kill('SIGTERM')
  const sum = { ticks: 0, commands: 0, events: 0, slices: 0 }
  for (const name of names) {
    const mine = counted(data, name)
    const row = rows().find((r) => r.session === name)
    assert.ok(row, `${name} was counted`)
    for (const key of Object.keys(mine)) assert.equal(row.usage[key], mine[key], `${name}: ${key}`)
    for (const key of Object.keys(sum)) sum[key] += mine[key]
  }
  const { total } = JSON.parse(run(['usage', '--by', 'total', '--json', '--data', data]).out)
  for (const key of Object.keys(sum)) assert.equal(total.usage[key], sum[key], key)
  assert.ok(acknowledged > 20 && sum.commands >= acknowledged && sum.ticks >= 20 * 2 * half)
  t.diagnostic(`${acknowledged} moves acknowledged; counted and in the journals: ${JSON.stringify(sum)}`)
})
