// The bill of docs/usage.md computed again, with whole numbers, from the price table alone; and lq usage beside a server.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataFolder, root, run, serve } from './lib.mjs'
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
