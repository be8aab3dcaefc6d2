// Every lq command as a newcomer meets it.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { Client, dataFolder, game, lq, rest, root, run, serve } from './lib.mjs'

const commands = ['new', 'build', 'dev', 'serve', 'join', 'session', 'config', 'doctor', 'bench', 'version', 'completion']

test('help names every command and shows examples', () => {
  const all = run(['--help'])
  assert.equal(all.code, 0)
  for (const command of commands) {
    assert.match(all.out, new RegExp(`\\b${command}\\b`))
    const one = run([command, '--help'])
    assert.equal(one.code, 0)
    assert.match(one.out, /usage: lq/)
    assert.match(one.out, /examples:\n {2}\S/)
  }
})

test('mistakes in usage exit 2 and say what is due', () => {
  for (const args of [[], ['fly'], ['build', '--nope'], ['session', 'dance'], ['join', 'nohost'], ['new'], ['completion', 'tcsh'], ['build', '--data']]) {
    const { code, err } = run(args)
    assert.equal(code, 2, args.join(' '))
    assert.ok(err.length > 10)
  }
})

test('new, build, session list', (t) => {
  const data = dataFolder(t)
  for (const template of ['treasure_hunt', 'turns', 'empty']) {
    const made = run(['new', `my-${template.replace('_', '-')}`, '--template', template, '--folder', join(data, template)])
    assert.equal(made.code, 0, made.err)
    const built = run(['build', join(data, template), '--data', data, '--json'])
    assert.equal(built.code, 0, built.err)
    assert.match(JSON.parse(built.out).release, /^[0-9a-f]{64}$/)
  }
  const twice = run(['new', 'x', '--folder', join(data, 'empty')])
  assert.equal(twice.code, 1)
  assert.match(twice.err, /mend: /)
  const broken = join(data, 'empty', 'game.yaml')
  writeFileSync(broken, `${readFileSync(broken, 'utf8')}\ncomponets: {}\n`)
  const bad = run(['build', join(data, 'empty'), '--data', data])
  assert.equal(bad.code, 1)
  assert.match(bad.err, /game\.yaml:\d+:\d+: .*componets/)
})

test('config, doctor, bench, version and completion answer, also as JSON', (t) => {
  const data = dataFolder(t)
  const config = JSON.parse(run(['config', '--json'], { env: { ...process.env, LQ_PORT: '9000' } }).out)
  assert.deepEqual(config.find((s) => s.setting === 'port').origin, 'environment')
  assert.equal(run(['config'], { env: { ...process.env, LQ_PORT: 'http' } }).code, 1)
  const env = { ...process.env, LQ_PORT: '0' }
  const doctor = run(['doctor', '--json', '--data', join(data, 'd')], { env })
  assert.equal(doctor.code, 0, doctor.out)
  assert.ok(JSON.parse(doctor.out).every((c) => c.ok))
  const bench = JSON.parse(run(['bench', '--quick', '--json', '--data', data]).out)
  assert.ok(bench.per_s > 0 && bench.p99_ms >= bench.p50_ms)
  assert.match(JSON.parse(run(['version', '--json']).out).version, /^\d+\.\d+\.\d+/)
  for (const shell of ['bash', 'zsh', 'fish']) assert.match(run(['completion', shell]).out, /lq/)
})

test('serve needs tokens beyond localhost, and asks for them', async (t) => {
  const data = dataFolder(t)
  const open = run(['serve', game, '--host', '0.0.0.0', '--auth', 'none', '--data', data])
  assert.equal(open.code, 1)
  assert.match(open.err, /localhost only/)
  const server = await serve(t, data, ['serve', game])
  const operator = /operator +(\S+)/.exec(server.out)[1]
  const player = /player +(\S+)/.exec(server.out)[1]
  const path = '/v1/tenants/acme/games/demo/sessions'
  assert.equal((await rest(server, path)).status, 401)
  assert.equal((await rest(server, path, { headers: { authorization: `Bearer ${operator}` } })).status, 200)
  await assert.rejects(new Client(server.port).join(), /LQ_ERR_UNAUTHORIZED/)
  await assert.rejects(new Client(server.port).join({ token: 'x' }), /LQ_ERR_UNAUTHORIZED/)
  const client = new Client(server.port)
  await client.join({ token: player })
  assert.equal((await rest(server, `${path}/main/journal`, { headers: { authorization: `Bearer ${player}` } })).status, 403)
  for (const file of ['operator.token', 'player.token', 'resume.key']) assert.equal(statSync(join(data, file)).mode & 0o777, 0o600)
})

test('two servers on one data folder: the second is refused', async (t) => {
  const data = dataFolder(t)
  await serve(t, data)
  const second = run(['serve', game, '--data', data, '--port', '0'])
  assert.equal(second.code, 1)
  assert.match(second.err, /another process|in use/)
  assert.match(second.err, /mend: /)
})

test('a foreign data file is named and left alone', (t) => {
  const data = dataFolder(t)
  const first = run(['doctor', '--data', data], { env: { ...process.env, LQ_PORT: '0' } })
  assert.equal(first.code, 0, first.out)
  writeFileSync(join(data, 'lq.db'), 'this is not a database, it is a letter to a friend\n'.repeat(200))
  const second = run(['serve', game, '--data', data, '--port', '0'])
  assert.equal(second.code, 1)
  assert.match(second.err, /lq\.db/)
  assert.match(readFileSync(join(data, 'lq.db'), 'utf8'), /^this is not/)
})

test('join plays from a pipe', async (t) => {
  const server = await serve(t, dataFolder(t))
  const child = spawn(lq, ['join', `127.0.0.1:${server.port}`])
  let out = ''
  child.stdout.on('data', (bytes) => (out += bytes))
  child.stdin.end('move entity=p1 vec=[0,1,0] id=c1\n{"cmd":"move","entity":"p1","vec":[0,-1,0],"id":"c2"}\n')
  assert.equal(await new Promise((done) => child.once('exit', done)), 0)
  const lines = out.trim().split('\n').map((line) => JSON.parse(line))
  assert.equal(lines[0].evt, 'joined')
  assert.deepEqual(lines.filter((m) => m.evt === 'ack').map((m) => m.id), ['c1', 'c2'])
})

test('dev swaps a changed game without dropping players', async (t) => {
  const data = dataFolder(t)
  const folder = join(data, 'game')
  cpSync(game, folder, { recursive: true })
  const server = await serve(t, join(data, 'd'), ['dev', folder])
  const client = new Client(server.port)
  const joined = await client.join()
  const yaml = join(folder, 'game.yaml')
  const text = readFileSync(yaml, 'utf8')
  // A broken edit leaves the running release alone.
  writeFileSync(yaml, text.replace('components:', 'componets:'))
  while (!/componets/.test(server.err)) await new Promise((r) => setTimeout(r, 50))
  await client.ask({ cmd: 'move', entity: 'p1', vec: [1, 0, 0], id: 'a' }, (m) => m.id === 'a' && m.evt === 'ack')
  // A good one: a new field with its default appears on the living player.
  writeFileSync(yaml, text.replace(/Position: \{fields: \{x: i32, y: i32\}\}/, 'Position: {fields: {x: i32, y: i32, z: {type: i32, default: 7}}}'))
  const snapshot = await client.next((m) => m.evt === 'snapshot', 30000)
  assert.equal(snapshot.state.p1.Position.z, 7)
  assert.ok(!client.closed)
  await client.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: 'b' }, (m) => m.id === 'b' && m.evt === 'ack')
  const info = (await rest(server, '/v1/tenants/acme/games/demo/sessions/main')).body
  await client.close()
  await server.kill('SIGTERM')
  const verify = run(['session', 'verify', 'main', '--data', join(data, 'd'), '--json'])
  assert.equal(verify.code, 0, verify.err)
  assert.ok(JSON.parse(verify.out).commands >= 3 && info.release !== joined.release)
})
