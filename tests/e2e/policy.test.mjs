// lq policy as people use it; and what it tells AWS, read by an evaluator of IAM that knows nothing of ours.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataFolder, run } from './lib.mjs'

const roles = ['operator', 'tenant-admin', 'designer', 'facilitator', 'player', 'auditor', 'observer', 'support']
const session = ['--resource', 'game/demo/session/main']

function file(t, document, name = 'p.json') {
  const path = join(dataFolder(t), name)
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document, null, 1))
  return path
}
const policy = (...statements) => ({ Version: '2012-10-17', Statement: statements })
const allow = (Action, Resource, more = {}) => ({ Effect: 'Allow', Action, Resource, ...more })
const deny = (Action, Resource, more = {}) => ({ ...allow(Action, Resource, more), Effect: 'Deny' })

test('the roles are policies that lq policy shows, checks and reads back', (t) => {
  const list = JSON.parse(run(['policy', 'list', '--json']).out)
  assert.deepEqual(list.roles, roles)
  assert.ok(list.actions.length > 25 && list.keys.some((k) => k.key === 'lq:SourceIp'))
  for (const role of roles) {
    const shown = run(['policy', 'show', role])
    assert.equal(shown.code, 0)
    assert.equal(JSON.parse(shown.out).Version, '2012-10-17')
    const checked = run(['policy', 'check', file(t, shown.out)])
    assert.equal(checked.code, 0, checked.out)
    assert.match(checked.out, /nothing to mend/)
  }
  for (const words of [['show'], ['show', 'wizard'], ['dance'], [], ['check'], ['list', 'x'], ['explain'], ['render'], ['explain', '--action', 'Fly', ...session], ['explain', '--action', 'ReadState', ...session, '--role', 'x'], ['explain', '--action', 'ReadState', ...session, '--context', 'x']]) {
    const { code, out, err } = run(['policy', ...words])
    assert.equal(code, 2, words.join(' '))
    assert.ok(err && !out)
  }
})

test('explain says what decided, and its exit status is the decision', (t) => {
  const ask = (...words) => run(['policy', 'explain', '--json', '--user', 'ann', ...session, ...words])
  const may = ask('--role', 'player', '--action', 'ReadState')
  assert.equal(may.code, 0)
  assert.equal(JSON.parse(may.out).policy, 'role/player')
  const not = ask('--role', 'player', '--action', 'lq:ReadJournal')
  assert.equal(not.code, 1)
  assert.equal(JSON.parse(not.out).decision, 'not allowed')
  const both = ask('--role', 'player', '--role', 'auditor', '--action', 'ReadJournal')
  assert.equal(JSON.parse(both.out).policy, 'role/auditor')
  const night = file(t, policy(deny('lq:SendCommand', 'lq:acme:game/*', { Sid: 'Night', Condition: { DateGreaterThan: { 'lq:CurrentTime': '2026-01-31T18:00:00Z' } } })))
  const at = (time) => ask('--role', 'player', '--action', 'SendCommand', '--policy', night, '--context', `lq:CurrentTime=${time}`)
  assert.equal(at('2026-01-31T17:59:59Z').code, 0)
  const late = at('2026-01-31T18:00:01Z')
  assert.equal(late.code, 1)
  assert.equal(JSON.parse(late.out).sid, 'Night')
  assert.equal(JSON.parse(late.out).decision, 'denied')
  // Several values of one key, and several files.
  const many = file(t, policy(allow('lq:EndSession', '*', { Condition: { 'ForAllValues:StringEquals': { team: ['red', 'blue'] } } })), 'q.json')
  const teams = (...names) => ask('--action', 'EndSession', '--policy', night, '--policy', many, ...names.flatMap((n) => ['--context', `team=${n}`])).code
  assert.deepEqual([teams('red', 'blue'), teams('red', 'green'), teams()], [0, 1, 1])
  const foreign = run(['policy', 'explain', '--role', 'tenant-admin', '--action', 'ReadState', '--resource', 'lq:rival:game/demo/session/main'])
  assert.equal(foreign.code, 1)
  assert.match(foreign.out, /^foreign: .*another tenant[^]*$/)
  const text = run(['policy', 'explain', '--role', 'player', '--user', 'ann', ...session, '--action', 'ReadJournal'])
  assert.match(text.out, /not allowed: no statement allows it\nrole\/player, statement 0 \(Play\), Allow: does not fit[^]*and 9 statements for others/)
})

test('check finds what was not meant, and a broken policy is told with its place', (t) => {
  const bad = file(t, '{"Version": "2012-10-17",\n "Statement": [{"Effect": "Allow", "Action": "lq:ReedState", "Resource": "lq:acme:game/*"}]}')
  const found = run(['policy', 'check', bad])
  assert.equal(found.code, 1)
  assert.match(found.out, /p\.json:2:\d+: unknown-action: .*\n {4}mend: did you mean lq:ReadState\?/)
  const json = JSON.parse(run(['policy', 'check', '--json', bad]).out)
  assert.equal(json[0].code, 'unknown-action')
  assert.equal(json[0].line, 2)
  const broken = run(['policy', 'check', file(t, '{"Version": "2012-10-17",\n"Statement": [{"Effect": "Maybe"}]}')])
  assert.equal(broken.code, 1)
  assert.match(broken.err, /p\.json:2:26: Statement\[0\]\.Effect: is Allow or Deny, not "Maybe"[^]*mend: /)
  assert.match(run(['policy', 'check', join(dataFolder(t), 'none.json')]).err, /there is no file/)
  assert.match(run(['policy', 'check', file(t, ' '.repeat(7000))]).err, /larger than a policy may be/)
})

/* ---- AWS ---- */

// IAM's evaluation as AWS documents it, with AWS's own meaning of missing keys: negated operators and ForAllValues are true.
const list = (v) => (Array.isArray(v) ? v : [v])
const glob = (pattern, text) => new RegExp(`^${[...pattern].map((c) => (c === '*' ? '[^]*' : c === '?' ? '[^]' : c.replace(/[.+^${}()|[\]\\/-]/g, '\\$&'))).join('')}$`).test(text)
const v4 = (text) => text.split('.').reduce((n, part) => n * 256 + Number(part), 0)
const inRange = (address, range) => {
  const [base, bits = 32] = range.split('/')
  return Math.floor(v4(address) / 2 ** (32 - bits)) === Math.floor(v4(base) / 2 ** (32 - bits))
}
const compares = {
  StringEquals: (a, b) => a === b,
  StringLike: (a, b) => glob(b, a),
  IpAddress: inRange,
  Bool: (a, b) => a === String(b),
  DateLessThan: (a, b) => Date.parse(a) < Date.parse(b),
  DateGreaterThan: (a, b) => Date.parse(a) > Date.parse(b),
}
function operator(name, key, wants, context) {
  const have = context[key]
  if (name === 'Null') return list(wants).some((w) => (String(w) === 'true') === (have === undefined))
  const [, quantifier, plain, ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/.exec(name)
  const negated = plain.includes('Not')
  const compare = compares[plain.replace('Not', '')]
  if (!compare) throw new Error(`the evaluator knows no ${name}`)
  const fits = (value) => list(wants).some((w) => compare(value, w)) !== negated
  if (have === undefined) return Boolean(ifExists) || (quantifier ? quantifier === 'ForAllValues' : negated)
  if (quantifier === 'ForAllValues') return list(have).every(fits)
  if (quantifier === 'ForAnyValue') return list(have).some(fits)
  return fits(have)
}
function applies(s, request) {
  if (!list(s.Action).some((a) => glob(a.toLowerCase(), request.action.toLowerCase()))) return false
  const named = list(s.Resource ?? s.NotResource).some((r) => glob(r, request.resource))
  if (named !== Boolean(s.Resource)) return false
  return Object.entries(s.Condition ?? {}).every(([name, keys]) => Object.entries(keys).every(([key, wants]) => operator(name, key, wants, request.context)))
}
function allowedByAws(document, request) {
  const fits = document.Statement.filter((s) => applies(s, request))
  return fits.some((s) => s.Effect === 'Allow') && !fits.some((s) => s.Effect === 'Deny')
}

const where = ['--table', 'ledger', '--bucket', 'lq-files', '--account', '123456789012', '--region', 'eu-central-1']
const table = 'arn:aws:dynamodb:eu-central-1:123456789012:table/ledger'
function render(...words) {
  const { code, out, err } = run(['policy', 'render', '--aws', ...where, ...words])
  assert.equal(code, 0, err)
  return JSON.parse(out)
}
const office = { 'aws:SourceIp': '10.1.2.3', 'aws:CurrentTime': '2026-01-31T12:00:00Z', 'aws:SecureTransport': 'true', 'aws:PrincipalArn': 'arn:aws:iam::123456789012:role/x' }
const item = (verb, keys, more = {}, resource = table) => ({ action: `dynamodb:${verb}`, resource, context: { ...office, ...(keys ? { 'dynamodb:LeadingKeys': keys } : {}), ...more } })
const object = (verb, key, more = {}) => ({ action: `s3:${verb}Object`, resource: `arn:aws:s3:::lq-files/${key}`, context: { ...office, ...more } })
const key = (verb, tenant, alias = 'alias/lq-acme') => ({
  action: `kms:${verb}`,
  resource: 'arn:aws:kms:eu-central-1:123456789012:key/1234',
  context: { ...office, 'kms:ResourceAliases': [alias], ...(tenant ? { 'kms:EncryptionContext:tenant': tenant } : {}) },
})
const own = ['TENANT#acme', 'TENANT#acme#GAME#demo#SESSION#main', 'TENANT#acme#x']
const foreign = ['TENANT#acme2', 'TENANT#acme2#GAME#demo#SESSION#main', 'TENANT#acm', 'TENANT#acme-x', 'TENANT#Acme', 'TENANT#acme/x', 'tenant#acme', 'TENANT#', 'xTENANT#acme', 'TENANT#_', 'TENANT#acme\n', 'TENANT#acme2#acme#', '']
const reads = ['GetItem', 'BatchGetItem', 'Query', 'ConditionCheckItem']
const writes = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']

test('a tenant role reaches its own items in AWS, and no others', () => {
  const admin = render('--tenant', 'acme')
  for (const verb of [...reads, ...writes]) {
    for (const k of own) assert.ok(allowedByAws(admin, item(verb, [k])), `${verb} ${k}`)
    assert.ok(allowedByAws(admin, item(verb, own)))
    for (const k of foreign) {
      assert.ok(!allowedByAws(admin, item(verb, [k])), `${verb} ${JSON.stringify(k)}`)
      assert.ok(!allowedByAws(admin, item(verb, [...own, k])), `${verb} ${JSON.stringify(k)} among its own`)
    }
    assert.ok(!allowedByAws(admin, item(verb, null)), `${verb} without keys`)
    assert.ok(!allowedByAws(admin, item(verb, own, {}, `${table}/index/all`)), `${verb} by an index`)
    assert.ok(!allowedByAws(admin, item(verb, own, {}, `${table}2`)), `${verb} on another table`)
  }
  for (const verb of ['Scan', 'PartiQLSelect', 'PartiQLUpdate', 'PartiQLInsert', 'PartiQLDelete', 'ExportTableToPointInTime', 'DeleteTable'])
    for (const keys of [null, own]) assert.ok(!allowedByAws(admin, item(verb, keys)), verb)
})

test('no other policy of the same role opens what the rendered one keeps shut', () => {
  const all = { Effect: 'Allow', Action: '*', Resource: '*' }
  const wide = { Statement: [...render('--tenant', 'acme').Statement, all] }
  assert.ok(allowedByAws({ Statement: [all] }, item('Scan', null)))
  for (const k of foreign) assert.ok(!allowedByAws(wide, item('GetItem', [k])), k)
  assert.ok(!allowedByAws(wide, item('Query', ['TENANT#acme2'], {}, `${table}/index/all`)))
  assert.ok(!allowedByAws(wide, item('GetItem', null)))
  assert.ok(!allowedByAws(wide, item('Scan', null)))
  assert.ok(!allowedByAws(wide, item('PartiQLSelect', own)))
  assert.ok(!allowedByAws(wide, object('Get', 'tenant/acme2/x')))
  assert.ok(!allowedByAws(wide, key('Decrypt', 'acme2', 'alias/lq-acme2')))
  assert.ok(!allowedByAws(wide, key('Decrypt', null)))
})

test('objects and keys are the tenant\'s own', () => {
  const admin = render('--tenant', 'acme')
  for (const verb of ['Get', 'Put', 'Delete']) {
    assert.ok(allowedByAws(admin, object(verb, 'tenant/acme/game/demo')))
    for (const k of ['tenant/acme2/x', 'tenant/acme', 'tenant/acm/x', 'x/tenant/acme/x', 'tenant/rival/acme/']) assert.ok(!allowedByAws(admin, object(verb, k)), k)
  }
  assert.ok(allowedByAws(admin, key('Decrypt', 'acme')))
  assert.ok(allowedByAws(admin, key('GenerateDataKey', 'acme')))
  for (const k of [key('Decrypt', 'acme2'), key('Decrypt', null), key('Decrypt', 'acme', 'alias/lq-acme2'), key('ScheduleKeyDeletion', 'acme')]) assert.ok(!allowedByAws(admin, k))
})

test('an auditor reads and does not write', () => {
  const auditor = render('--role', 'auditor')
  for (const verb of reads) assert.ok(allowedByAws(auditor, item(verb, own)))
  for (const verb of writes) assert.ok(!allowedByAws(auditor, item(verb, own)))
  assert.ok(allowedByAws(auditor, object('Get', 'tenant/acme/x')) && !allowedByAws(auditor, object('Put', 'tenant/acme/x')))
  assert.ok(allowedByAws(auditor, key('Decrypt', 'acme')) && !allowedByAws(auditor, key('GenerateDataKey', 'acme')))
})

test('one game, one session: the partition and what is behind it', (t) => {
  const demo = render('--policy', file(t, policy(allow('lq:Read*', ['lq:acme:game/demo/*', 'lq:acme:game/x/session/one', 'lq:acme2:*']))))
  for (const k of ['TENANT#acme#GAME#demo', 'TENANT#acme#GAME#demo#SESSION#main', 'TENANT#acme#GAME#x#SESSION#one']) assert.ok(allowedByAws(demo, item('Query', [k])), k)
  for (const k of ['TENANT#acme', 'TENANT#acme#GAME#demo2', 'TENANT#acme#GAME#demo2#SESSION#main', 'TENANT#acme#GAME#x#SESSION#one2', 'TENANT#acme#GAME#x#SESSION#one#2', 'TENANT#acme#GAME#x', 'TENANT#acme2']) assert.ok(!allowedByAws(demo, item('Query', [k])), k)
  assert.ok(!allowedByAws(demo, item('PutItem', ['TENANT#acme#GAME#demo'])))
})

test('conditions and denials mean there what they mean here', (t) => {
  const document = policy(
    allow('lq:*', 'lq:acme:game/*', { Condition: { NotIpAddress: { 'lq:SourceIp': ['192.0.2.0/24', '198.51.100.7'] }, DateLessThan: { 'lq:CurrentTime': '2026-02-01T00:00:00Z' }, Bool: { 'lq:SecureTransport': true } } }),
    deny('*', 'lq:acme:game/secret/*', { Condition: { NotIpAddress: { 'lq:SourceIp': '10.0.0.0/8' } } }),
    deny(['lq:*'], 'lq:acme:game/closed/*'),
  )
  const path = file(t, document)
  const aws = render('--policy', path)
  let compared = 0
  for (const game of ['demo', 'secret', 'closed'])
    for (const ip of ['10.1.2.3', '192.0.2.9', '198.51.100.7', '203.0.113.1', undefined])
      for (const now of ['2026-01-31T23:59:59Z', '2026-02-01T00:00:00Z', undefined])
        for (const tls of ['true', 'false', undefined]) {
          const given = { SourceIp: ip, CurrentTime: now, SecureTransport: tls }
          const known = Object.entries(given).filter(([, v]) => v !== undefined)
          const ours = run(['policy', 'explain', '--policy', path, '--action', 'ReadState', '--resource', `game/${game}/session/main`, ...known.flatMap(([k, v]) => ['--context', `lq:${k}=${v}`])])
          const context = Object.fromEntries([['dynamodb:LeadingKeys', [`TENANT#acme#GAME#${game}#SESSION#main`]], ...known.map(([k, v]) => [`aws:${k}`, v])])
          for (const verb of ['GetItem', 'PutItem'])
            assert.equal(allowedByAws(aws, { action: `dynamodb:${verb}`, resource: table, context }), ours.code === 0, `${game} ${JSON.stringify(given)} ${verb}`)
          compared++
        }
  assert.equal(compared, 135)
})

test('what AWS cannot say is refused with its place, never left out', (t) => {
  for (const [statement, says] of [
    [deny('lq:SendCommand', '*'), /AWS can deny all reading or all writing/],
    [allow('lq:ReadUsers', 'lq:acme:user/${lq:user}'), /AWS cannot tell/],
    [allow('lq:*', 'lq:acme:game/d*'), /AWS cannot tell/],
    [allow('lq:*', '*', { Condition: { StringEquals: { 'lq:command': 'move' } } }), /AWS has no such StringEquals of lq:command/],
  ]) {
    const { code, out, err } = run(['policy', 'render', '--aws', ...where, '--policy', file(t, policy(allow('lq:*', '*'), statement))])
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(err, says)
    assert.match(err, /Statement\[1\].*line \d+/)
  }
  assert.match(run(['policy', 'render', '--aws', ...where, '--tenant', 'acme*']).err, /name of the tenant/)
})

// The evaluator must be able to see a leak, or it says nothing.
test('the evaluator sees the leaks that the rendered policy avoids', () => {
  const admin = render('--tenant', 'acme')
  const leak = (change) => {
    const copy = structuredClone(admin)
    copy.Statement = copy.Statement.filter((s) => s.Sid !== 'NeverOthersItems' && s.Sid !== 'NeverUnnamedItems')
    change(copy.Statement.find((s) => s.Sid === 'S0Items').Condition)
    return copy
  }
  assert.ok(!allowedByAws(leak(() => {}), item('GetItem', ['TENANT#acme2'])))
  assert.ok(!allowedByAws(leak(() => {}), item('GetItem', null)))
  assert.ok(allowedByAws(leak((c) => (c['ForAllValues:StringLike']['dynamodb:LeadingKeys'] = ['TENANT#acme*'])), item('GetItem', ['TENANT#acme2'])), 'a bare star')
  assert.ok(allowedByAws(leak((c) => delete c.Null), item('GetItem', null)), 'ForAllValues of nothing is true in AWS')
})
