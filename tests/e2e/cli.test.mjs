// Every lq command as a newcomer meets it.
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import net from 'node:net'
import { test } from 'node:test'
import { Client, bearer, dataFolder, game, keysOf, lq, rest, root, run, serve, tokenOf } from './lib.mjs'

const commands = ['new', 'build', 'dev', 'serve', 'join', 'session', 'policy', 'backup', 'telemetry', 'config', 'doctor', 'bench', 'version', 'completion']

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
  for (const [args, says] of [
    [[], /usage: lq COMMAND/],
    [['fly'], /no command 'fly'/],
    [['sesion'], /did you mean 'session'/],
    [['help', 'bild'], /did you mean 'build'/],
    [['build', '--nope'], /no option --nope; see lq build --help/],
    [['build', '--data'], /--data needs a value/],
    [['build', 'a', 'b'], /one folder/],
    [['new'], /lq new NAME/],
    [['new', 'a', 'b'], /one game/],
    [['dev', 'a', 'b'], /one game/],
    [['dev', game, '--port', '99999'], /0 to 65535 is due[^]*mend: .*--port/],
    [['serve', game, '--port', 'http'], /0 to 65535 is due/],
    [['serve', '--auth', 'maybe'], /token or none/],
    [['session'], /list, show, replay, verify or export/],
    [['session', 'dance'], /not 'dance'/],
    [['session', 'list', 'main'], /takes no name/],
    [['session', 'show', 'a', 'b'], /one session/],
    [['session', 'replay', '--tick', '-1'], /--tick is a number/],
    [['session', 'verify', '--tick', '1'], /for lq session replay/],
    [['join', 'nohost'], /HOST:PORT/],
    [['join', 'a:1', 'b:2'], /one server/],
    [['join', '--seconds', 'x'], /--seconds is a number/],
    [['policy'], /list, show, check, explain or render/],
    [['policy', 'explain'], /needs --action and --resource/],
    [['backup'], /where to\?/],
    [['telemetry'], /metrics, sample or trace is due/],
    [['telemetry', 'fly'], /not 'fly'/],
    [['telemetry', 'metrics', 'x'], /one word/],
    [['telemetry', 'metrics', '--otlp', 'x'], /for lq telemetry trace/],
    [['telemetry', 'trace', '--parent', 'x'], /W3C traceparent/],
    [['completion'], /bash, zsh or fish/],
    [['completion', 'tcsh'], /bash, zsh or fish/],
    [['config', 'port'], /takes no 'port'/],
    [['doctor', 'now'], /takes no 'now'/],
    [['bench', 'x'], /takes no 'x'/],
    [['version', '-v'], /two dashes/],
  ]) {
    const { code, out, err } = run(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, says)
    assert.equal(out, '', 'a mistake writes nothing to stdout')
    if (!args.length || args.at(-1).startsWith('--data')) continue
    const json = run([...args, '--json'])
    assert.equal(json.code, 2)
    const told = JSON.parse(json.err)
    assert.ok(/^LQ_ERR_/.test(told.code) && told.message && told.mend, json.err)
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

test('a folder without a game, or that nobody may read, leaves nothing behind', (t) => {
  const home = dataFolder(t)
  const data = join(home, 'data')
  mkdirSync(join(home, 'empty'))
  for (const command of ['build', 'dev', 'serve']) {
    for (const [args, says] of [
      [[command, 'empty'], /there is no game\.yaml in empty/],
      [[command], /there is no game\.yaml in this folder/],
      [[command, 'nowhere'], /there is no folder nowhere/],
    ]) {
      const { code, err } = run([...args, '--data', data], { cwd: home })
      assert.equal(code, 1)
      assert.match(err, says)
      assert.match(err, /mend: .*lq new NAME/)
    }
    assert.ok(!existsSync(data), `${command} made a data folder for a slip of the pen`)
  }
  const locked = join(home, 'locked')
  cpSync(game, locked, { recursive: true })
  chmodSync(locked, 0)
  chmodSync(home, 0o755)
  // As root everything can be read: somebody else looks then.
  const other = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {}
  // The program where that user can reach it, wherever the tree lies.
  copyFileSync(realpathSync(lq), join(home, 'lq'))
  chmodSync(join(home, 'lq'), 0o755)
  const { status, stderr: err, error } = spawnSync(join(home, 'lq'), ['dev', locked, '--port', '0', '--data', data], { ...other, cwd: home, encoding: 'utf8', timeout: 60000 })
  chmodSync(locked, 0o755)
  assert.equal(status, 1, String(error))
  assert.match(err, /locked cannot be read: /)
  assert.match(err, /mend: .*right to read/)
})

test('session on a data folder that is not there says so and makes nothing', (t) => {
  const data = join(dataFolder(t), 'nowhere')
  for (const verb of ['list', 'show', 'replay', 'verify', 'export']) {
    const { code, err } = run(['session', verb, '--data', data])
    assert.equal(code, 1)
    assert.match(err, /there is no data file .*nowhere\/lq\.db/)
    assert.match(err, /mend: .*--data or LQ_DATA/)
    const json = run(['session', verb, '--data', data, '--json'])
    assert.equal(JSON.parse(json.err).code, 'LQ_ERR_NOT_FOUND')
    assert.ok(!existsSync(data))
  }
})

test('session list, show, replay, verify, export read well', async (t) => {
  const data = dataFolder(t)
  const server = await serve(t, data)
  assert.match(run(['session', 'list', '--data', data]).out, /no sessions of acme\/demo .* yet/)
  const client = new Client(server.port)
  const { player } = await client.join()
  const { tick } = await client.ask({ cmd: 'move', entity: player, vec: [0, 1, 0], id: 'a' }, (m) => m.evt === 'ack')
  // Beside the running server.
  const list = run(['session', 'list', '--data', data]).out.split('\n')
  assert.match(list[0], /^session +state +tick +slices +players +changed \(UTC\) +hash$/)
  assert.match(list[1], /^main +live +\d+ +\d+ +1 +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +[0-9a-f]{16}$/)
  const show = run(['session', 'show', 'main', '--data', data]).out
  for (const line of [/^session +main$/m, /^state +live$/m, /^tick +\d+$/m, /^created +20.* UTC$/m, /^release +[0-9a-f]{64}$/m]) assert.match(show, line)
  const replay = run(['session', 'replay', '--data', data, '--tick', String(tick)])
  assert.equal(replay.code, 0, replay.err)
  assert.match(replay.out, new RegExp(`^tick ${tick}, hash [0-9a-f]{16}\n`))
  assert.match(replay.out, new RegExp(`^${player} +\\{"Position":`, 'm'))
  const hashes = run(['session', 'replay', '--data', data, '--tick', String(tick), '--hashes']).out.trim().split('\n')
  assert.equal(hashes.length, tick)
  assert.equal(hashes.at(-1).split(' ')[1], /hash ([0-9a-f]+)/.exec(replay.out)[1])
  assert.match(run(['session', 'verify', '--data', data]).out, /^main: verified: \d+ slices, .*0 findings/)
  const lines = run(['session', 'export', '--data', data]).out.trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(lines.map((l) => l.slice), lines.map((_, i) => i + 1))
  const ahead = run(['session', 'replay', '--data', data, '--tick', '99999999'])
  assert.equal(ahead.code, 1)
  assert.match(ahead.err, /mend: /)
  const none = run(['session', 'show', 'nobody', '--data', data])
  assert.equal(none.code, 1)
  assert.match(none.err, /no session 'nobody' of acme\/demo[^]*mend: .*lq session list/)
  await client.close()
})

test('a port in use is named', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await new Promise((done) => taken.once('listening', done))
  t.after(() => taken.close())
  const port = String(taken.address().port)
  const { code, err } = run(['dev', game, '--port', port, '--data', dataFolder(t)])
  assert.equal(code, 1)
  assert.match(err, new RegExp(`port ${port}.*in use[^]*mend: `))
  const doctor = run(['doctor', '--data', dataFolder(t)], { env: { ...process.env, LQ_PORT: port } })
  assert.equal(doctor.code, 1, 'a finding')
  assert.match(doctor.out, new RegExp(`BAD +port +${port} is in use\n +mend: `))
})

test('doctor and bench leave nothing behind', (t) => {
  const home = dataFolder(t)
  const env = { ...process.env, LQ_PORT: '0' }
  const doctor = run(['doctor', '--data', join(home, 'data')], { env })
  assert.equal(doctor.code, 0, doctor.out)
  for (const what of ['engine', 'compiler', 'data folder', 'disk', 'open files', 'port', 'guests python', 'guests lua', 'guests wasm', 'wasm compiler']) assert.match(doctor.out, new RegExp(`^ok +${what} `, 'm'))
  assert.match(doctor.out, /disk +\d+\.\d\d ms a durable write in \S+\n/)
  assert.equal(run(['bench', '--quick', '--data', join(home, 'data')]).code, 0)
  assert.equal(run(['bench', '--quick'], { cwd: home, env: { ...process.env, LQ_DATA: '' } }).code, 0)
  assert.deepEqual(readdirSync(home), [])
})

// A terminal of its own needs /dev/pts, which a bare container may lack.
const noTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0 && 'no terminal can be opened here'

test('long work shows how far it is on a terminal, and only there', { skip: noTerminal }, (t) => {
  const data = dataFolder(t)
  const piped = run(['bench', '--data', data, '--json'])
  assert.equal(piped.err, '')
  // Where a sync costs nothing the work is over before there is anything to show.
  if (JSON.parse(piped.out).per_s > 4000) return t.skip('this disk is too fast')
  const seen = spawnSync('script', ['-qec', `'${lq}' bench --data '${data}'`, '/dev/null'], { encoding: 'utf8', timeout: 60000 })
  assert.equal(seen.status, 0, seen.stdout)
  assert.match(seen.stdout, /commits: \d+ of 2000 \(\d+ %\)/)
  assert.match(seen.stdout, /\r\x1b\[Kdurable commits/, 'the line is gone before the answer')
})

test('verify and replay of a long journal show how far they are', { timeout: 120000, skip: noTerminal }, async (t) => {
  const data = dataFolder(t)
  const folder = join(data, 'game')
  cpSync(game, folder, { recursive: true })
  const yaml = join(folder, 'game.yaml')
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace(/^tick: .*$/m, 'tick: on_command'))
  const server = await serve(t, join(data, 'd'), ['dev', folder], { LQ_MESSAGES_PER_S: '100000' })
  const client = new Client(server.port)
  await client.join()
  const seen = (verb) => {
    const { status, stdout } = spawnSync('script', ['-qec', `'${lq}' session ${verb} --data '${data}/d'`, '/dev/null'], { encoding: 'utf8', timeout: 60000 })
    assert.equal(status, 0, stdout)
    return stdout
  }
  const says = {
    verify: /\rslices verified: \d+ of \d+ \(\d+ %\)[^]*\r\x1b\[Kmain: verified/,
    replay: /\rslices replayed: \d+ of \d+ \(\d+ %\)[^]*\r\x1b\[Ktick \d+, hash/,
  }
  // Until running it again takes longer than the line waits, however busy the machine is.
  let missing = Object.keys(says)
  for (let round = 0; missing.length && round < 12; round++) {
    for (let i = 0; i < 100000; i++) {
      client.send({ cmd: 'move', entity: 'p1', vec: [i % 2 ? 1 : -1, 0, 0] })
      if (i % 1000 === 0) await client.ask({ cmd: 'move', entity: 'p1', vec: [0, 1, 0], id: `${round}-${i}` }, (m) => m.evt === 'ack')
    }
    missing = missing.filter((verb) => !says[verb].test(seen(verb)))
  }
  assert.deepEqual(missing, [], 'the line is shown')
  const piped = run(['session', 'verify', '--data', join(data, 'd')])
  assert.equal(piped.code, 0, piped.err)
  assert.equal(piped.err, '', 'nothing where nobody looks')
  await client.close()
})

test('config, doctor, bench, version and completion answer, also as JSON', (t) => {
  const data = dataFolder(t)
  const config = JSON.parse(run(['config', '--json'], { env: { ...process.env, LQ_PORT: '9000' } }).out)
  assert.deepEqual(config.find((s) => s.setting === 'port').origin, 'environment')
  const wrong = run(['config'], { env: { ...process.env, LQ_PORT: 'http' } })
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /'http'[^]*mend: change LQ_PORT/)
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
  const keys = keysOf(server)
  const admin = await tokenOf(server, keys.admin)
  const player = await tokenOf(server, keys.player)
  const path = '/v1/tenants/acme/games/demo/sessions'
  assert.equal((await rest(server, path)).status, 401)
  assert.equal((await rest(server, path, { headers: bearer(admin) })).status, 200)
  await assert.rejects(new Client(server.port).join(), /LQ_ERR_UNAUTHORIZED/)
  for (const token of ['x', keys.player]) await assert.rejects(new Client(server.port).join({ token }), /LQ_ERR_UNAUTHORIZED/)
  const client = new Client(server.port)
  await client.join({ token: player })
  assert.equal((await rest(server, `${path}/main/journal`, { headers: bearer(player) })).status, 403)
  for (const file of ['resume.key', 'keys/root.key', 'keys/token.key', 'keys/_.keys', 'keys/acme.keys']) assert.equal(statSync(join(data, file)).mode & 0o777, 0o600)
  for (const file of ['lq.db', 'lq.db-wal', 'keys/root.key', 'keys/acme.keys'])
    for (const key of Object.values(keys)) assert.ok(!readFileSync(join(data, file)).includes(key), `${file} holds a key`)
  await server.kill('SIGTERM')
  const again = await serve(t, data, ['serve', game])
  assert.deepEqual(keysOf(again), {}, 'shown once')
  assert.equal((await rest(again, path, { headers: bearer(await tokenOf(again, keys.admin)) })).status, 200)
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
  writeFileSync(join(data, 'lq.db'), 'this is not a database, it is a letter to a friend\n'.repeat(200))
  const second = run(['serve', game, '--data', data, '--port', '0'])
  assert.equal(second.code, 1)
  assert.match(second.err, /lq\.db/)
  assert.match(readFileSync(join(data, 'lq.db'), 'utf8'), /^this is not/)
  const doctor = run(['doctor', '--data', data], { env: { ...process.env, LQ_PORT: '0' } })
  assert.equal(doctor.code, 1)
  assert.match(doctor.out, /BAD +data folder +.*lq\.db[^]*mend: /)
})

test('join says why it cannot, in the words of the server', async (t) => {
  const nobody = run(['join', 'ws://127.0.0.1:1/ws'])
  assert.equal(nobody.code, 1)
  assert.match(nobody.err, /nobody answers on 127\.0\.0\.1:1\n +mend: .*lq dev/)
  const server = await serve(t, dataFolder(t))
  const wrong = run(['join', `http://127.0.0.1:${server.port}/play/acme/demo`, '--game', 'nothing', '--json'], { input: '' })
  assert.equal(wrong.code, 1)
  const said = JSON.parse(wrong.err)
  assert.equal(said.code, 'LQ_ERR_UNKNOWN_GAME')
  assert.match(said.message, /nothing/)
  if (!noTerminal) {
    const typed = spawnSync('script', ['-qec', `'${lq}' join 127.0.0.1:${server.port} --seconds 1`, '/dev/null'], { encoding: 'utf8', timeout: 60000 })
    assert.match(typed.stdout, /you are p1 in session main[^]*move entity=p1/)
  }
  const bad = run(['join', `127.0.0.1:${server.port}`], { input: 'move entity\n' })
  assert.match(bad.err, /a line is JSON, or: COMMAND name=value/)
})

test('join shows a key or a token, and says what is wrong with it', async (t) => {
  const server = await serve(t, dataFolder(t), ['serve', game])
  const { player } = keysOf(server)
  const joins = (args, env = {}) => run(['join', `127.0.0.1:${server.port}`, ...args], { input: 'move entity=p1 vec=[0,1,0] id=c1\n', env: { ...process.env, ...env } })
  for (const [args, env] of [[['--key', player]], [[], { LQ_KEY: player }], [['--token', await tokenOf(server, player)]], [[], { LQ_TOKEN: await tokenOf(server, player) }]]) {
    const { code, out, err } = joins([...args, '--player', 'p1', '--session', `s${args[0] ?? ''}${Object.keys(env ?? {})}`], env)
    assert.equal(code, 0, err)
    assert.match(out, /"evt":"ack","id":"c1"/)
    assert.ok(!out.includes(player) && !err.includes(player))
  }
  assert.match(joins([]).err, /needs a "token"[^]*mend/)
  const wrong = joins(['--key', `${player}x`])
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /does not know this key[^]*mend: /)
  // A server without users needs none.
  const open = await serve(t, dataFolder(t))
  assert.equal(run(['join', `127.0.0.1:${open.port}`], { input: '', env: { ...process.env, LQ_KEY: player } }).code, 0)
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

test('dev and join tell where the code of a game failed, in words', async (t) => {
  const data = dataFolder(t)
  const made = run(['new', 'market', '--folder', join(data, 'market')])
  assert.equal(made.code, 0, made.err)
  const path = join(data, 'market/systems/treasure_hunt.py')
  const text = readFileSync(path, 'utf8')
  // What an author says may hold anything; nothing of it moves the reader's cursor.
  writeFileSync(path, text.replace(/^( +)for player/m, '$1raise ValueError("no \\x1b[2J\\x07\\u009b2J chest")\n$&'))
  const line = text.slice(0, text.indexOf('for player')).split('\n').length
  const server = await serve(t, join(data, 'd'), ['dev', join(data, 'market')])
  const joined = run(['join', `127.0.0.1:${server.port}`, '--game', 'market', '--seconds', '2'], { input: '' })
  const said = new RegExp(`lq: guest failed: systems/treasure_hunt\\.py:${line}: ValueError: no \\?\\[2J\\?\\?2J chest\\n +systems/treasure_hunt\\.py:${line} in process\\n +in systems\\.treasure_hunt\\.TreasureCollectSystem, tick \\d+ of session main: that tick ran without it\\n`)
  assert.match(joined.err, said)
  assert.doesNotMatch(joined.err, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
  // A program reads the messages as they came.
  const messages = joined.out.trim().split('\n').map((one) => JSON.parse(one)).filter((one) => one.evt === 'guest.failed')
  assert.ok(messages.length >= 1)
  const client = new Client(server.port)
  await client.join({ game: 'market' })
  for (const end = Date.now() + 20000; !/the third failure: SUSPENDED in this session\n +mend: save a mended file/.test(server.err); await new Promise((r) => setTimeout(r, 50))) assert.ok(Date.now() < end, server.err)
  await client.close()
  // In the terminal of lq dev the place is one to open.
  assert.match(server.err, new RegExp(`guest failed: ${join(data, 'market')}/systems/treasure_hunt\\.py:${line}: ValueError`))
  assert.doesNotMatch(server.err, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
  const shown = JSON.parse(run(['session', 'show', 'main', '--game', 'market', '--data', join(data, 'd'), '--json']).out)
  assert.deepEqual(shown.guests_failed.map(({ name, strikes, suspended }) => ({ name, strikes, suspended })), [{ name: 'systems.treasure_hunt.TreasureCollectSystem', strikes: 3, suspended: true }])
  assert.match(run(['session', 'show', 'main', '--game', 'market', '--data', join(data, 'd')]).out, /guest +systems\.treasure_hunt\.TreasureCollectSystem: suspended, failed 3 times/)
  await server.kill('SIGTERM')
  // What it took is counted, whatever its names are.
  const used = JSON.parse(run(['usage', '--data', join(data, 'd'), '--json']).out).total
  assert.ok(used.usage.ticks > 0 && used.usage.guest_cpu_ns > 0, JSON.stringify(used.usage))
  assert.ok('systems.treasure_hunt.TreasureCollectSystem' in used.systems)
})
