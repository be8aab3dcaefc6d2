// Telemetry against what will read it: promtool and a real Prometheus, the official OTLP schema, and CloudWatch's rules.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import Ajv from 'ajv'
import { Client, bearer, dataFolder, game, keysOf, lq, rest, root, run, serve } from './lib.mjs'

const registry = JSON.parse(run(['telemetry', 'metrics', '--json']).out).metrics
const known = new Map(registry.map((metric) => [metric.name, metric]))
const sample = run(['telemetry', 'sample']).out
const families = (text) => new Map([...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\S+)$/gm)].map((m) => [m[1], { help: m[2], type: m[3] }]))

let prometheusFolder
function tool(name) {
  prometheusFolder ??= spawnSync(join(root, 'scripts/prometheus.sh'), { encoding: 'utf8' }).stdout.trim()
  assert.ok(prometheusFolder, 'scripts/prometheus.sh found no Prometheus')
  return join(prometheusFolder, name)
}
function promtool(args, input = '') {
  const { status, stdout, stderr } = spawnSync(tool('promtool'), args, { encoding: 'utf8', input })
  return { status, said: stdout + stderr }
}

async function listen(t, answer) {
  const server = http.createServer(answer)
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.close())
  return server.address().port
}

/* ---- metrics ---- */

test('every metric is in the list, as the list says', async (t) => {
  const server = await serve(t, dataFolder(t))
  const live = families((await rest(server, '/metrics')).body)
  for (const [name, { help, type }] of [...live, ...families(sample)]) {
    assert.equal(known.get(name)?.type, type, name)
    assert.equal(known.get(name).help, help, name)
  }
  const shown = new Set([...live.keys(), ...families(sample).keys()])
  for (const { name } of registry) assert.ok(shown.has(name), `nobody writes ${name}`)
})

test('promtool finds nothing to say', async (t) => {
  const server = await serve(t, dataFolder(t))
  for (const text of [(await rest(server, '/metrics')).body, sample]) assert.deepEqual(promtool(['check', 'metrics'], text), { status: 0, said: '' })
  assert.notEqual(promtool(['check', 'metrics'], '# TYPE a counter\na 1\n').status, 0) // it would
})

/* ---- CloudWatch ---- */

// The specification's rules, as a schema: the embedded metric format, 2023.
const units = ['Seconds', 'Microseconds', 'Milliseconds', 'Bytes', 'Percent', 'Count', 'Count/Second', 'Bytes/Second', 'None']
const name = { type: 'string', minLength: 1, maxLength: 1024 }
const emf = new Ajv().compile({
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer', minimum: 1.6e12, maximum: 1e14 },
        CloudWatchMetrics: {
          type: 'array',
          minItems: 1,
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            additionalProperties: false,
            properties: {
              Namespace: name,
              Dimensions: { type: 'array', minItems: 1, items: { type: 'array', maxItems: 30, items: name } },
              Metrics: {
                type: 'array',
                minItems: 1,
                maxItems: 100,
                items: { type: 'object', required: ['Name'], additionalProperties: false, properties: { Name: name, Unit: { enum: units }, StorageResolution: { enum: [1, 60] } } },
              },
            },
          },
        },
      },
    },
  },
})

const cloudNames = new Map()
for (const { type, cloudwatch, unit } of registry.filter((metric) => metric.cloudwatch)) {
  cloudNames.set(cloudwatch, unit)
  if (type === 'histogram') for (const suffix of ['P50', 'P99']) cloudNames.set(cloudwatch + suffix, unit)
}

test('each line for CloudWatch keeps its rules', () => {
  const lines = run(['telemetry', 'sample', '--json']).out.trimEnd().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(lines.map((line) => line.Tenant), ['acme', 'globex', '_other', undefined])
  for (const line of lines) {
    assert.ok(emf(line), JSON.stringify(emf.errors))
    for (const { Namespace, Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
      assert.equal(Namespace, 'LedgerQuest')
      for (const set of Dimensions) for (const key of set) assert.equal(typeof line[key], 'string', key)
      for (const { Name, Unit } of Metrics) {
        assert.ok(Number.isFinite(line[Name]), Name)
        assert.equal(cloudNames.get(Name), Unit, Name)
      }
    }
    assert.ok(JSON.stringify(line).length < 256 * 1024)
  }
  for (const wanted of ['FrameTime', 'PhysicsBodies', 'AIThinkTime', 'CommitTime', 'Connections', 'Commands', 'Errors']) assert.ok(Number.isFinite(lines[0][wanted]), wanted)
})

/* ---- dashboards ---- */

const dashboards = join(root, 'infrastructure/dashboards')
const grafana = JSON.parse(readFileSync(join(dashboards, 'grafana.json'), 'utf8'))
const expressions = grafana.panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ title: panel.title, expr: target.expr })))

test('the dashboards are what their table says', () => {
  const { status, stderr } = spawnSync('python3', [join(root, 'scripts/dashboards.py'), '--check'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
})

test('every metric that a dashboard or an alarm names exists', () => {
  const alerts = readFileSync(join(dashboards, 'prometheus-alerts.yaml'), 'utf8')
  const named = [grafana.templating.list.map((v) => v.definition ?? '').join(' '), ...expressions.map(({ expr }) => expr), alerts].join(' ').match(/\blq_\w+/g)
  assert.ok(named.length > 40)
  for (const metric of named) {
    const whole = known.has(metric) ? metric : metric.replace(/_(bucket|sum|count)$/, '')
    assert.ok(known.has(whole), `there is no ${metric}`)
    if (whole !== metric) assert.equal(known.get(whole).type, 'histogram', metric)
  }
  assert.ok(grafana.panels.every((panel) => panel.gridPos.x + panel.gridPos.w <= 24))
  assert.equal(new Set(grafana.panels.map((panel) => panel.id)).size, grafana.panels.length)
})

test('the CloudFormation template names what there is', () => {
  const { Parameters, Resources } = JSON.parse(readFileSync(join(dashboards, 'cloudwatch.json'), 'utf8'))
  const body = JSON.parse(Resources.Dashboard.Properties.DashboardBody['Fn::Sub'].replaceAll('${AWS::Region}', 'eu-central-1'))
  assert.ok(body.widgets.length > 10)
  for (const { properties } of body.widgets) {
    const [search, all] = properties.metrics
    assert.ok(cloudNames.has(all[1]), all[1])
    assert.match(search[0].expression, new RegExp(`^SEARCH\\('\\{LedgerQuest,Tenant,Game\\} MetricName="${all[1]}"', '(Sum|Maximum|Average)', 60\\)$`))
  }
  const alarms = Object.values(Resources).filter((resource) => resource.Type === 'AWS::CloudWatch::Alarm')
  assert.ok(alarms.length >= 5)
  for (const { Properties: p } of alarms) {
    assert.ok(cloudNames.has(p.MetricName), p.MetricName)
    if (p.Threshold.Ref) assert.equal(Parameters[p.Threshold.Ref].Type, 'Number')
    assert.ok(p.Period * p.EvaluationPeriods <= 86400 && p.Period % 60 === 0)
  }
})

test('alarms are raised when they must be, and not before', (t) => {
  const folder = dataFolder(t)
  const rules = join(dashboards, 'prometheus-alerts.yaml')
  assert.equal(promtool(['check', 'rules', rules]).status, 0)
  const series = (text, values) => ({ series: text, values })
  const raised = (alertname, eval_time, labels) => ({ alertname: `LedgerQuest${alertname}`, eval_time, exp_alerts: labels ? [{ exp_labels: labels }] : [] })
  const cases = [
    [series('lq_commits_failed_total', '0 0 0 0 0 0 1 1 1'), raised('CommitsFail', '5m', null), raised('CommitsFail', '7m', { severity: 'critical' })],
    [series('lq_commit_seconds{quantile="0.99",instance="a"}', '0.06x20'), raised('CommitSlow', '4m', null), raised('CommitSlow', '6m', { severity: 'warning', instance: 'a' })],
    [series('lq_tick_seconds{quantile="0.99",instance="a"}', '0.016x20'), raised('TickSlow', '15m', null)],
    [series('lq_tenant_cost_total{tenant="acme",game="demo"}', '0+0.2x90'), raised('CostHigh', '30m', null), raised('CostHigh', '80m', { severity: 'warning', tenant: 'acme' })],
    [series('lq_tenant_errors_total{tenant="acme",game="demo"}', '0+60x20'), raised('TenantErrors', '15m', { severity: 'warning', tenant: 'acme' })],
    [series('up{job="ledgerquest",instance="a"}', '1 1 0 0 0'), raised('Down', '1m', null), raised('Down', '4m', { severity: 'critical', job: 'ledgerquest', instance: 'a' })],
  ]
  // Annotations are the table's business: without them here promtool would ask for them word by word.
  const plain = join(folder, 'rules.yaml')
  writeFileSync(plain, readFileSync(rules, 'utf8').replaceAll(/^ +annotations:.*\n/gm, ''))
  const file = join(folder, 'test.yaml')
  writeFileSync(file, JSON.stringify({ rule_files: [plain], evaluation_interval: '1m', tests: cases.map(([input, ...due]) => ({ interval: '1m', input_series: [input], alert_rule_test: due })) }))
  const { status, said } = promtool(['test', 'rules', file])
  assert.equal(status, 0, said)
})

/* ---- a real Prometheus ---- */

test('Prometheus scrapes a server, and every panel has something to show', async (t) => {
  const folder = dataFolder(t)
  const server = await serve(t, join(folder, 'lq'))
  const client = new Client(server.port)
  await client.join()
  // What no server shows yet comes from the sample, under another job.
  const samplePort = await listen(t, (request, response) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(sample))
  const job = (job_name, port) => ({ job_name, static_configs: [{ targets: [`127.0.0.1:${port}`] }] })
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, JSON.stringify({ global: { scrape_interval: '1s', evaluation_interval: '1s' }, rule_files: [join(dashboards, 'prometheus-alerts.yaml')], scrape_configs: [job('ledgerquest', server.port), job('sample', samplePort)] }))
  const checked = promtool(['check', 'config', config])
  assert.equal(checked.status, 0, checked.said)

  const child = spawn(tool('prometheus'), [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((done) => child.once('exit', done))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    await client.close()
  })
  let said = ''
  const port = await new Promise((done, failed) => {
    child.stderr.on('data', (bytes) => {
      said += bytes
      const match = /msg="Listening on" address=127\.0\.0\.1:(\d+)/.exec(said)
      if (match) done(match[1])
    })
    ended.then((code) => failed(new Error(`prometheus ended with ${code}: ${said}`)))
  })
  const api = async (path) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const body = await answer.json()
    assert.equal(body.status, 'success', `${path}: ${JSON.stringify(body)}`)
    return body.data
  }
  const query = async (expr) => (await api(`query?query=${encodeURIComponent(expr)}`)).result
  // Prometheus has its own clock: asked until it has seen enough, for a minute at most.
  const until = async (what, is) => {
    for (const end = Date.now() + 60000; ; await new Promise((next) => setTimeout(next, 250))) {
      if (await is().catch((error) => (Date.now() > end ? Promise.reject(error) : false))) return
      assert.ok(Date.now() < end, `${what}: not within a minute; ${said.slice(-500)}`)
    }
  }

  await until('both are up', async () => (await query('up == 1')).length === 2)
  const targets = (await api('targets')).activeTargets
  assert.deepEqual(targets.map((target) => target.lastError), ['', ''])
  await until('a command is counted', async () => {
    client.send({ cmd: 'move', entity: 'p1', vec: [1, 0, 0] })
    return Number((await query('lq_commands_total{job="ledgerquest"}'))[0]?.value[1]) > 0
  })
  assert.equal((await query('lq_tenant_commands_total{tenant="globex"}'))[0].value[1], '600')
  for (const { title, expr } of expressions) {
    const asked = expr.replaceAll('$tenant', '.*').replaceAll('$game', '.*').replaceAll('$__rate_interval', '1m')
    await until(`${title}: ${expr}`, async () => (await query(asked)).length > 0)
  }
  const rules = (await api('rules')).groups.flatMap((group) => group.rules)
  assert.equal(rules.length, 9)
  await until('all rules are evaluated', async () => (await api('rules')).groups[0].rules.every((rule) => rule.health === 'ok'))
})

/* ---- OTLP ---- */

// The official messages, as generated from opentelemetry-proto. A collector's JSON has ids in hex where the binary form has bytes.
const require = createRequire(import.meta.url)
const { ExportTraceServiceRequest } = require('@opentelemetry/otlp-transformer/build/src/generated/root').opentelemetry.proto.collector.trace.v1

function validate(text) {
  const request = JSON.parse(text)
  const spans = request.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))
  assert.ok(spans.length)
  const message = structuredClone(request)
  for (const span of message.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))) {
    for (const [key, digits] of [['traceId', 32], ['spanId', 16], ['parentSpanId', 16]]) {
      if (key === 'parentSpanId' && span[key] === undefined) continue
      assert.match(span[key], new RegExp(`^[0-9a-f]{${digits}}$`), key)
      assert.doesNotMatch(span[key], /^0+$/, key)
      span[key] = Buffer.from(span[key], 'hex')
    }
    for (const key of ['startTimeUnixNano', 'endTimeUnixNano']) assert.match(span[key], /^1\d{18}$/, key)
    assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano))
    for (const { value } of span.attributes) if (value.intValue !== undefined) assert.match(value.intValue, /^-?\d+$/)
  }
  // Through the binary form and back: what the schema does not know would be lost, and what has another type would change.
  const encoded = ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(message)).finish()
  const back = ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(encoded), { longs: String, bytes: Buffer, enums: Number, arrays: false })
  for (const span of back.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))) for (const key of ['traceId', 'spanId', 'parentSpanId']) if (span[key]) span[key] = Buffer.from(span[key]).toString('hex')
  assert.deepEqual(back, request)
  return { request, spans }
}

test('the collector gets what the protocol says', async (t) => {
  const seen = []
  const port = await listen(t, (request, response) => {
    let body = ''
    request.on('data', (bytes) => (body += bytes)).on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body })
      response.setHeader('content-type', 'application/json').end('{"partialSuccess":{}}')
    })
  })
  const sent = await lqAsync(['telemetry', 'trace', '--otlp', `http://127.0.0.1:${port}/v1/traces`, '--header', 'Api-Key: k1', '--parent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00', '--json'])
  assert.equal(sent.code, 0, sent.err)
  assert.deepEqual(JSON.parse(sent.out), { sent: 5, refused: 0, trace: '0af7651916cd43dd8448eb211c80319c' })
  assert.equal(seen.length, 1)
  assert.equal(`${seen[0].method} ${seen[0].url}`, 'POST /v1/traces')
  assert.equal(seen[0].headers['content-type'], 'application/json')
  assert.equal(seen[0].headers['api-key'], 'k1')
  const { request, spans } = validate(seen[0].body)
  const attributes = Object.fromEntries(request.resourceSpans[0].resource.attributes.map(({ key, value }) => [key, value.stringValue]))
  assert.equal(attributes['service.name'], 'ledgerquest')
  assert.match(attributes['service.version'], /^\d+\.\d+\.\d+$/)
  // One trace: a message under its caller, and everything else under the message, within its time.
  assert.deepEqual(spans.map((span) => span.name).sort(), ['ack', 'commit', 'message', 'queue', 'tick'])
  const message = spans.find((span) => span.name === 'message')
  assert.equal(message.parentSpanId, 'b7ad6b7169203331')
  assert.equal(message.kind, 2)
  assert.equal(new Set(spans.map((span) => span.spanId)).size, 5)
  for (const span of spans) {
    assert.equal(span.traceId, '0af7651916cd43dd8448eb211c80319c')
    assert.deepEqual(span.attributes.map((a) => a.key), ['lq.tenant', 'lq.session', 'lq.tick', 'lq.slice'])
    if (span === message) continue
    assert.equal(span.parentSpanId, message.spanId)
    assert.ok(BigInt(span.startTimeUnixNano) >= BigInt(message.startTimeUnixNano) && BigInt(span.endTimeUnixNano) <= BigInt(message.endTimeUnixNano))
  }
})

// Not `run`: that waits without turning this process's loop, and the collector is in it.
function lqAsync(args) {
  return new Promise((done) => {
    const child = spawn(lq, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60000 })
    const result = { out: '', err: '' }
    child.stdout.on('data', (bytes) => (result.out += bytes))
    child.stderr.on('data', (bytes) => (result.err += bytes))
    child.once('close', (code) => done({ code, ...result }))
  })
}

test('what is printed is what would be sent', () => {
  const { spans } = validate(run(['telemetry', 'trace']).out)
  assert.equal(spans.length, 5)
  assert.ok(spans.every((span) => span.name !== 'message' || span.parentSpanId === undefined))
  const bad = JSON.parse(run(['telemetry', 'trace']).out)
  bad.resourceSpans[0].scopeSpans[0].spans[0].kind = 'internal'
  assert.throws(() => validate(JSON.stringify(bad))) // it would be seen
  delete bad.resourceSpans[0].scopeSpans[0].spans[0].kind
  bad.resourceSpans[0].scopeSpans[0].spans[0].kindOf = 1
  assert.throws(() => validate(JSON.stringify(bad)))
})

test('a collector that is busy is asked again; one that refuses is told of', async (t) => {
  let asked = 0
  const busy = await listen(t, (request, response) => {
    response.statusCode = asked++ ? 200 : 503
    response.end('{}')
  })
  const sent = await lqAsync(['telemetry', 'trace', '--otlp', `http://127.0.0.1:${busy}/`])
  assert.equal(sent.code, 0, sent.err)
  assert.match(sent.out, /took 5 spans and refused 0/)
  assert.equal(asked, 2)
  const strict = await listen(t, (request, response) => response.end('{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}'))
  const part = await lqAsync(['telemetry', 'trace', '--otlp', `http://127.0.0.1:${strict}/`, '--json'])
  assert.equal(part.code, 1)
  assert.deepEqual({ ...JSON.parse(part.out), trace: '' }, { sent: 3, refused: 2, trace: '' })
  const wrong = await listen(t, (request, response) => response.writeHead(404).end())
  const none = await lqAsync(['telemetry', 'trace', '--otlp', `http://127.0.0.1:${wrong}/`])
  assert.equal(none.code, 1)
  assert.match(none.err, /the collector answered 404\n +mend: /)
})

/* ---- a running server ---- */

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
const seriesOf = (text, labels) => Object.fromEntries([...text.matchAll(/^lq_tenant_(\w+)\{(.*)\} (\S+)$/gm)].filter(([, , with_]) => with_ === labels).map(([, name, , value]) => [name, Number(value)]))
const linesOf = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line))
const post = (server, path, body, headers = {}) => rest(server, path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
async function until(what, is) {
  for (const end = Date.now() + 30000; !(await is()); await new Promise((next) => setTimeout(next, 50))) assert.ok(Date.now() < end, `never: ${what}`)
}

// Walks to the chest, a step a command, until it is collected.
async function hunt(client, state) {
  let step = 0
  const at = { ...state[client.player].Position }
  const chest = Object.values(state).find((entity) => entity.TreasureTag).Position
  const found = client.next((m) => m.evt === 'treasure.collected')
  while (at.x !== chest.x || at.y !== chest.y) {
    const [dx, dy] = [Math.sign(chest.x - at.x), Math.sign(chest.y - at.y)]
    await client.ask({ cmd: 'move', entity: client.player, vec: [dx, dy, 0], id: `h${step}` }, (m) => m.evt === 'ack' && m.id === `h${step}`)
    step++
    at.x += dx
    at.y += dy
  }
  await found
  return step
}

test('what a server shows is what its client counted', async (t) => {
  const spans = []
  const port = await listen(t, (request, response) => {
    let body = ''
    request.on('data', (bytes) => (body += bytes)).on('end', () => {
      spans.push(...validate(body).spans)
      response.end('{}')
    })
  })
  const folder = dataFolder(t)
  const [log, metrics] = [join(folder, 'log'), join(folder, 'emf')]
  const env = { LQ_LOG: log, LQ_EMF: metrics, LQ_OTLP: `http://127.0.0.1:${port}/v1/traces`, LQ_TRACE_ONE_IN: '0' }
  const server = await serve(t, join(folder, 'lq'), undefined, env)
  const client = new Client(server.port)
  const seen = { sent: 0, received: 0 }
  client.ws.on('message', (data) => (seen.received += data.length))
  client.ws.send = ((send) => (text) => {
    if (text.includes('"cmd"')) seen.sent += text.length
    send.call(client.ws, text)
  })(client.ws.send)
  const { state } = await client.join()
  const steps = await hunt(client, state)
  await client.ask({ cmd: 'fly', id: 'x' }, (m) => m.evt === 'error' && m.id === 'x')
  const commands = '/v1/tenants/acme/games/demo/sessions/main/commands'
  const answer = await post(server, commands, { player: client.player, cmd: 'move', entity: client.player, vec: [0, 0, 0] }, { traceparent: `${parent}-01` })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  await post(server, commands, { player: client.player, cmd: 'move', entity: client.player, vec: [0, 0, 0] }, { traceparent: `${parent}-00` })

  // Its own steps, the join, and two by REST.
  const shown = (await rest(server, '/metrics')).body
  const of = seriesOf(shown, 'tenant="acme",game="demo"')
  const events = client.log.filter((m) => m.evt === 'treasure.collected').length
  assert.equal(of.commands_total, steps + 3)
  assert.equal(of.commands_refused_total, 1)
  assert.equal(of.events_total, events)
  assert.equal(of.received_bytes_total, seen.sent)
  assert.equal(of.sent_bytes_total, seen.received)
  assert.deepEqual([of.connections, of.sessions_live, of.errors_total], [1, 1, 0])
  assert.ok(of.ticks_total > 0 && of.cpu_seconds_total > 0 && of.commit_seconds_count > 0)
  assert.equal(of.tick_seconds_count, of.ticks_total)
  assert.deepEqual(promtool(['check', 'metrics'], shown), { status: 0, said: '' })

  // The trace that was asked for, under its caller; no other.
  await until('the spans arrive', () => spans.length >= 5)
  assert.deepEqual(spans.map((span) => span.name).sort(), ['ack', 'commit', 'message', 'queue', 'tick'])
  const message = spans.find((span) => span.name === 'message')
  assert.equal(message.parentSpanId, 'b7ad6b7169203331')
  for (const span of spans) {
    assert.equal(span.traceId, '0af7651916cd43dd8448eb211c80319c')
    if (span !== message) assert.equal(span.parentSpanId, message.spanId)
    const attributes = Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))
    assert.deepEqual([attributes['lq.tenant'], attributes['lq.session'], attributes['lq.tick']], ['acme', 'main', answer.body.tick])
    assert.ok(attributes['lq.slice'] > 0)
  }

  // What is under way at the stop goes out, and so does the minute that has begun.
  await client.ask({ cmd: 'move', entity: client.player, vec: [0, 0, 0], id: 'last', traceparent: `${parent}-01` }, (m) => m.evt === 'ack' && m.id === 'last')
  assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null })
  assert.equal(spans.length, 10)
  const minute = linesOf(readFileSync(metrics, 'utf8'))
  for (const line of minute) assert.ok(emf(line), JSON.stringify(emf.errors))
  const acme = minute.find((line) => line.Tenant === 'acme' && line.Game === 'demo')
  assert.deepEqual([acme.Commands, acme.CommandsRefused, acme.Events], [of.commands_total + 2, 1, events]) // the last, and the lost connection
  const said = linesOf(readFileSync(log, 'utf8'))
  assert.deepEqual(said.map((line) => [line.level, line.event]), [['info', 'ready'], ['info', 'stopping'], ['info', 'stopped']])
  assert.deepEqual([said[0].fields.port, said[0].fields.games], [server.port, 1])
})

test('a log tells who was refused, and no secret', async (t) => {
  const folder = dataFolder(t)
  const log = join(folder, 'log')
  const server = await serve(t, join(folder, 'lq'), ['serve', game], { LQ_LOG: log })
  const keys = keysOf(server)
  const { body } = await post(server, '/v1/auth/token', {}, bearer(keys.player))
  assert.ok(body.access_token)
  const wrongKey = `${keys.player.slice(0, -9)}AAAAAAAAA`
  assert.equal((await post(server, '/v1/auth/token', {}, bearer(wrongKey))).status, 401)
  assert.equal((await rest(server, '/v1/tenants/acme/users', { headers: bearer(`${body.access_token}x`) })).status, 401)
  assert.equal((await rest(server, '/v1/tenants/acme/users', { headers: bearer(body.access_token) })).status, 403)
  const client = new Client(server.port)
  await client.open
  client.send({ action: 'join', tenant: 'acme', game: 'demo', token: `${body.access_token}y` })
  await client.gone
  assert.equal((await server.kill('SIGTERM')).code, 0)
  const text = readFileSync(log, 'utf8')
  const lines = linesOf(text)
  assert.deepEqual(lines.filter((line) => line.event === 'sign_in.refused').map((line) => line.fields.shown), ['key', 'token', 'token'])
  const [denied] = lines.filter((line) => line.event === 'access.denied')
  assert.equal(denied.tenant, 'acme')
  assert.deepEqual({ ...denied.fields, user: 'who' }, { user: 'who', action: 'lq:ReadUsers', resource: denied.fields.resource, address: '127.0.0.1', error: 'LQ_ERR_FORBIDDEN' })
  for (const secret of [...Object.values(keys), wrongKey, body.access_token, 'lqk_', 'eyJ']) assert.ok(!text.includes(secret))
  assert.equal(server.err, '') // nor anywhere else
})

test('without LQ_LOG warnings go to stderr with --json, and nowhere without', async (t) => {
  const refused = (port) => fetch(`http://127.0.0.1:${port}/v1/tenants/acme/users`, { headers: { authorization: 'Bearer x' } })
  const plain = await serve(t, join(dataFolder(t), 'lq'), ['serve', game])
  assert.equal((await refused(plain.port)).status, 401)
  await plain.kill('SIGTERM')
  assert.equal(plain.err, '')
  const child = spawn(lq, ['serve', game, '--json', '--port', '0', '--data', join(dataFolder(t), 'lq')], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes) => (out += bytes))
  child.stderr.on('data', (bytes) => (err += bytes))
  await until('ready', () => out.includes('\n'))
  assert.equal((await refused(JSON.parse(out.split('\n')[0]).port)).status, 401)
  child.kill('SIGTERM')
  await new Promise((done) => child.once('close', done))
  assert.deepEqual(linesOf(err).map((line) => [line.level, line.event]), [['warn', 'sign_in.refused']])
})

test('a setting that cannot be is told before anything starts', (t) => {
  for (const [env, says] of [
    [{ LQ_OTLP: 'collector:4318' }, /LQ_OTLP is 'collector:4318'/],
    [{ LQ_TRACE_ONE_IN: 'all' }, /trace-one-in/],
    [{ LQ_LOG: '/nowhere/at/all' }, /\/nowhere\/at\/all: No such file/],
  ]) {
    const wrong = run(['dev', game, '--port', '0', '--data', join(dataFolder(t), 'lq')], { env: { ...process.env, ...env } })
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, says)
    assert.match(wrong.err, /mend: /)
  }
})

test('a collector that is away costs only its spans', async (t) => {
  const log = join(dataFolder(t), 'log')
  const port = await listen(t, (request, response) => response.writeHead(404).end())
  const server = await serve(t, join(dataFolder(t), 'lq'), undefined, { LQ_OTLP: `http://127.0.0.1:${port}/`, LQ_TRACE_ONE_IN: '1', LQ_LOG: log })
  const client = new Client(server.port)
  await client.join()
  await client.ask({ cmd: 'move', entity: client.player, vec: [0, 0, 0], id: 'a' }, (m) => m.evt === 'ack')
  await until('the loss is counted', async () => (await rest(server, '/metrics')).body.includes('lq_trace_spans_lost_total 5'))
  assert.equal((await server.kill('SIGTERM')).code, 0)
  const [lost] = linesOf(readFileSync(log, 'utf8')).filter((line) => line.event === 'otlp.lost')
  assert.deepEqual([lost.level, lost.fields.spans, lost.fields.cause], ['warn', 5, 'the collector answered 404'])
})
