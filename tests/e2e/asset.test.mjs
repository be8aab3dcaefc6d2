// lq asset as people use it: the same text gives the same bytes, the id is the content's, mistakes have their line.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataFolder, run } from './lib.mjs'

const crate = (x = 0) => [...Array(8).keys()].map((i) => `v ${x + (i & 1)} ${(i >> 1) & 1} ${i >> 2}`)
const faces = ['f 1 2 4 3', 'f 5 6 8 7']

function file(t, lines, name = 'crate.obj') {
  const path = join(dataFolder(t), name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}
const cook = (path, ...more) => run(['asset', 'cook', path, ...more])

test('a crate is cooked, told, and shown again; the id is the hash of its bytes', (t) => {
  const path = file(t, ['# a crate', ...crate(), ...faces])
  const blob = path.replace('.obj', '.lqs')
  const text = cook(path, '--hull')
  assert.equal(text.code, 0, text.err)
  assert.match(text.out, /hull of 8 vertices and 6 faces/)
  const told = JSON.parse(cook(path, '--hull', '--json').out)
  assert.deepEqual([told.shape, told.vertices, told.faces, told.file], ['hull', 8, 6, blob])
  assert.ok(Math.abs(told.volume_m3 - 1) < 1e-5 && told.inertia_m2.every((i) => Math.abs(i - 1 / 6) < 1e-5))
  assert.deepEqual(told.centre_m, [0.5, 0.5, 0.5])
  const bytes = readFileSync(blob)
  assert.equal(told.bytes, bytes.length)
  assert.equal(told.id, createHash('sha256').update(bytes).digest().readBigUInt64LE().toString(16).padStart(16, '0'))
  assert.equal(run(['asset', 'show', blob, '--json']).out, JSON.stringify(told) + '\n')
  // Points in another order, twice, and between: the same shape.
  const other = file(t, [...crate().reverse(), ...crate(), 'v 0.5 0.5 0.25'])
  assert.equal(JSON.parse(cook(other, '--hull', '--json').out).id, told.id)
  const small = JSON.parse(cook(path, '--hull', '--scale', '0.1', '--out', join(blob, '../small'), '--json').out)
  assert.ok(Math.abs(small.volume_m3 - 0.001) < 1e-7)
  assert.ok(existsSync(join(blob, '../small')))
})

test('each part of a file is a hull of a compound', (t) => {
  const told = JSON.parse(cook(file(t, ['o left', ...crate(), 'g right', ...crate(3)]), '--compound', '--json').out)
  assert.deepEqual([told.shape, told.children], ['compound', 2])
  assert.ok(Math.abs(told.volume_m3 - 2) < 1e-5 && Math.abs(told.centre_m[0] - 2) < 1e-6)
  const none = cook(file(t, crate()), '--compound')
  assert.equal(none.code, 1)
  assert.match(none.err, /0 parts/)
  const flat = cook(file(t, ['o a', ...crate(), 'o b', 'v 0 0 0', 'v 1 0 0', 'v 0 1 0', 'v 1 1 0']), '--compound')
  assert.match(flat.err, /part 2: points: all in one plane/)
})

test('triangles are a mesh, points on a grid a field', (t) => {
  const ground = file(t, [...crate(), 'f 1 2 4 3', 'f 5 7 8 6', 'f 1 3 7 5', 'f 1 2 2', 'v 9 9 9'], 'ground.obj')
  const told = JSON.parse(cook(ground, '--mesh', '--json').out)
  assert.deepEqual([told.shape, told.triangles, told.welded, told.flat, told.twice, told.volume_m3], ['mesh', 6, 1, 1, 0, 0])
  assert.deepEqual([told.low_m, told.high_m], [[0, 0, 0], [1, 1, 1]])
  assert.match(cook(ground, '--mesh').out, /mesh of 6 triangles/)
  // Lines in another order: the same bytes.
  const other = file(t, [...crate().reverse(), 'f 8 6 2 4', 'f 4 2 1 3', 'f 8 7 5 6'], 'other.obj')
  assert.equal(JSON.parse(cook(other, '--mesh', '--json').out).id, told.id)
  const square = (x, z) => `v ${10 + 2 * x} ${x + z} ${z}`
  const hills = file(t, [...Array(12).keys()].map((i) => square(i % 4, i >> 2)), 'hills.obj')
  const field = JSON.parse(cook(hills, '--field', '--json').out)
  assert.deepEqual([field.shape, field.samples_x, field.samples_z], ['field', 4, 3])
  assert.deepEqual([field.centre_m, field.low_m, field.high_m], [[13, 0, 1], [-3, 0, -1], [3, 5, 1]])
  assert.match(run(['asset', 'show', hills.replace('.obj', '.lqs')]).out, /field of 4 by 3 samples/)
  assert.match(cook(file(t, [...crate(), 'f 1 2 3'], 'none.obj'), '--field').err, /another height/)
  assert.match(cook(file(t, crate(), 'none.obj'), '--mesh').err, /0 triangles/)
})

test('what is wrong is named with its place, and nothing is written', (t) => {
  const tells = (lines, what) => {
    const path = file(t, lines)
    const { code, out, err } = cook(path, '--hull')
    assert.equal(code, 1)
    assert.ok(!out && !existsSync(path.replace('.obj', '.lqs')))
    assert.match(err, what)
    assert.match(err, /mend: /)
    assert.match(JSON.parse(cook(path, '--hull', '--json').err).code, /^LQ_ERR_/)
  }
  tells([...crate(), 'v 1 2'], /crate\.obj:9: v needs three numbers/)
  tells([...crate(), 'f 1 2 9'], /crate\.obj:9: a corner that is no point/)
  tells(['hello'], /crate\.obj:1: not a line of OBJ/)
  tells(crate().slice(0, 3), /points: 3/)
  tells(crate().slice(0, 4), /one plane/)
  tells([...crate(), 'v 1e9 0 0'], /beyond 4096 m/)
  const path = file(t, crate())
  for (const words of [['cook', path], ['cook', path, '--hull', '--compound'], ['cook'], ['show'], ['dance', path], [], ['cook', path, '--hull', '--out', path], ['show', path, '--hull']]) {
    const { code, out, err } = run(['asset', ...words])
    assert.equal(code, 2, words.join(' '))
    assert.ok(err && !out)
  }
  assert.match(run(['asset', 'show', path]).err, /asset/)
  for (const scale of ['0', '-1', 'x', '1e9', 'nan', '']) assert.equal(cook(path, '--hull', '--scale', scale).code, 1, scale)
  assert.equal(cook(join(path, 'none'), '--hull').code, 1)
  assert.equal(cook(path, '--hull', '--out', '/nowhere/at/all').code, 1)
})
