// Guests that mean harm. Each is the body of a system: [name, language, body, what must come of it]. `fails`: it is suspended
// after three strikes, and the reason fits; `build`: the release is refused, and the words fit; `contained`: whatever it
// does, it has no effect. In every case the honest system of the same game goes on, and so does everybody else.
const fails = (why) => ({ fails: why })
const build = (why) => ({ build: why })
const contained = {}
const late = /CPU time|no answer within|steps in one call|fuel|budget|memory|MemoryError|ended|killed|recursion|RecursionError|stack|instructions|too deeply|more than \d+ bytes/i

export const hostile = [
  // Time.
  ['loop', 'python', 'while True: pass', fails(late)],
  ['loop-caught', 'python', 'while True:\n    try:\n        while True: pass\n    except BaseException: pass', fails(late)],
  ['loop-finally', 'python', 'try:\n    while True: pass\nfinally:\n    while True: pass', fails(late)],
  ['comprehension', 'python', '[[0 for _ in range(10**9)] for _ in range(10**9)]', fails(late)],
  ['generator', 'python', 'sum(i for i in iter(int, 1))', fails(late)],
  ['huge-integer', 'python', 'x = 7\nwhile True: x = x ** x', fails(late)],
  ['power', 'python', '10 ** 10 ** 10', fails(late)],
  ['regex', 'python', "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", fails(late)],
  ['sort', 'python', 'class K:\n    def __lt__(self, other):\n        while True: pass\nsorted([K(), K()])', fails(late)],
  ['eq', 'python', 'class K:\n    def __eq__(self, other):\n        while True: pass\n[K()].index(K())', fails(late)],
  ['del', 'python', 'class K:\n    def __del__(self):\n        while True: pass\nK()', build(/__del__/)],
  ['recursion', 'python', 'def f(n): return f(n + 1)\nf(0)', fails(late)],
  ['deep-repr', 'python', 'x = []\nfor _ in range(10**6): x = [x]\nrepr(x)', fails(late)],
  // Memory.
  ['memory', 'python', "x = []\nwhile True: x.append('y' * 10**6)", fails(late)],
  ['memory-at-once', 'python', 'bytearray(10**12)', fails(late)],
  ['memory-string', 'python', "x = 'y'\nwhile True: x += x", fails(late)],
  // The system, files, the network.
  ['open', 'python', "open('/etc/passwd').read()", fails(/open|not allowed|NameError/)],
  ['os', 'python', "import os\nos.listdir('/')", contained],
  ['socket', 'python', "import socket\nsocket.create_connection(('127.0.0.1', 1))", contained],
  ['ctypes', 'python', 'import ctypes\nctypes.string_at(0)', contained],
  ['subprocess', 'python', "import subprocess\nsubprocess.run(['true'])", contained],
  ['importlib', 'python', "import importlib\nimportlib.import_module('os').fork()", contained],
  ['dunder-import', 'python', "__import__('os').system('true')", contained],
  ['subclasses', 'python', "for c in ().__class__.__base__.__subclasses__():\n    try: c.__init__.__globals__['os'].system('true')\n    except Exception: pass", contained],
  ['loader-walk', 'python', "for c in ().__class__.__base__.__subclasses__():\n    if 'Importer' in c.__name__:\n        c.load_module('posix').fork()", contained],
  ['posix', 'python', "import sys\nsys.modules['posix'].execv('/bin/true', ['true'])", contained],
  ['thread', 'python', 'import _thread\n_thread.start_new_thread(print, ())', contained],
  ['signal', 'python', 'import signal\nsignal.alarm(1)', contained],
  ['exit', 'python', 'raise SystemExit(0)', fails(/SystemExit|ended/)],
  ['interrupt', 'python', 'raise KeyboardInterrupt', fails(/KeyboardInterrupt|ended/)],
  ['eval', 'python', "eval('1+1')\nexec('x = 1')", contained],
  ['code-object', 'python', "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=b'\\x64\\xff' * 99)\nf()", contained],
  ['gc', 'python', 'import gc\nfor o in gc.get_objects(): o.clear()', contained],
  ['clock', 'python', 'import time\nwhile time.time() > 0: pass', contained],
  // What it must not change.
  ['undeclared', 'python', "for e in world.with_components(Position):\n    e.add(world.component('Secret')(n=1))", contained],
  ['class-state', 'python', 'S.count = 1', fails(/state/)],
  ['self-state', 'python', 'self.count = 1', fails(/state/)],
  ['global-state', 'python', "import builtins\nbuiltins.count = 1", contained],
  ['module-state', 'python', 'Position.x = 7', fails(/./)],
  ['set-module', 'python', "import string\nsetattr(string, 'n', getattr(string, 'n', 0) + 1)", fails(/a module stays as it was loaded/)],
  ['set-function', 'python', 'import string\nf = string.capwords\nf.n = 1', fails(/a function stays as it was loaded/)],
  ['set-class', 'python', 'import string\nc = string.Template\nc.n = 1', fails(/immutable type/)],
  ['dict-of', 'python', 'd = S.__dict__', build(/'__dict__' opens/)],
  ['dict-of-text', 'python', "getattr(S, '__di' + 'ct__')", fails(/'__dict__' opens/)],
  ['list-of-library', 'python', "import string\nlist.append(string.__all__, 'x')", fails(/string\.__all__ was changed in a tick/)],
  ['forged', 'python', 'world.delete_entity(object())', fails(/./)],
  ['unknown-event', 'python', "world.emit('nothing.here', {})", fails(/nothing\.here/)],
  ['wrong-field', 'python', "world.emit('hit', {'value': 'x' * 100})", fails(/value/)],
  ['entities', 'python', 'for i in range(10**7): world.create_entity()', fails(/./)],
  ['events', 'python', "for i in range(10**7): world.emit('hit', {'value': i})", fails(/./)],
  ['host-command', 'python', "world.command('end', {'reason': 'bye'})", fails(/only the host sends end/)],
  ['no-command', 'python', "world.command('nothing', {})", fails(/nothing/)],
  ['draws', 'python', 'for i in range(10**8): world.random(2)', fails(late)],
  ['overflow', 'python', 'for e in world.with_components(Position): e.Position.x = 2**80', fails(/./)],
  ['syntax', 'python', 'def', build(/systems\/s\.py:\d+/)],
  ['loads-never', 'python', 'pass\nwhile True: pass', { ...build(/CPU|start|answer|second|load/i), whole: 'while True: pass\n' }],
  ['loads-badly', 'python', '', { ...build(/systems\/s\.py:1.*ZeroDivisionError|ZeroDivisionError/), whole: '1 / 0\n' }],

  ['loop', 'lua', 'while true do end', fails(late)],
  ['pcall', 'lua', 'while true do pcall(function() while true do end end) end', fails(late)],
  ['xpcall', 'lua', 'xpcall(function() while true do end end, function() while true do end end)', fails(late)],
  ['coroutine', 'lua', 'coroutine.wrap(function() while true do end end)()', fails(late)],
  ['coroutines', 'lua', 'while true do coroutine.wrap(function() coroutine.yield() end)() end', fails(late)],
  ['sort', 'lua', 'local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) while true do end end)', fails(late)],
  ['gsub', 'lua', "('x'):rep(1000):gsub('.', function() while true do end end)", fails(late)],
  ['find', 'lua', "local x = ('x'):rep(1e5):find(('.-'):rep(50) .. 'y')", fails(late)],
  ['index', 'lua', 'local t = setmetatable({}, {__index = function() while true do end end}) local x = t.y', fails(late)],
  ['tostring', 'lua', 'error(setmetatable({}, {__tostring = function() while true do end end}))', fails(/./)],
  ['rep', 'lua', "local s = ('x'):rep(1e9)", fails(/./)],
  ['concat', 'lua', "local s = 'x' while true do s = s .. s end", fails(/./)],
  ['format', 'lua', "local s = string.format('%99999d', 1)", fails(/./)],
  ['tables', 'lua', 'local t = {} while true do t = {t} end', fails(late)],
  ['recursion', 'lua', 'local function f() return 1 + f() end f()', fails(/./)],
  ['gc', 'lua', 'setmetatable({}, {__gc = function() while true do end end})', contained],
  ['load', 'lua', "load('while true do end')()", fails(/./)],
  ['dump', 'lua', 'string.dump(function() end)', fails(/./)],
  ['io', 'lua', "io.open('/etc/passwd')", fails(/./)],
  ['os', 'lua', "os.execute('true')", fails(/./)],
  ['debug', 'lua', 'debug.getregistry()', fails(/./)],
  ['string-meta', 'lua', "getmetatable('').__index.format = nil", fails(/./)],
  ['global', 'lua', 'count = (count or 0) + 1', fails(/./)],
  ['host-command', 'lua', "world:command('release', {id = ('0'):rep(64)})", fails(/only the host sends release/)],
  ['bytecode', 'lua', '', { ...build(/systems\/s\.lua/), whole: '\x1bLua' }],

  ['loop', 'wasm', '(loop $l (br $l))', fails(late)],
  ['recursion', 'wasm', '(call $S (local.get 0))', fails(late)],
  ['unreachable', 'wasm', '(unreachable)', fails(/./)],
  ['out-of-bounds', 'wasm', '(drop (i32.load (i32.const -8)))', fails(/./)],
  ['grow', 'wasm', '(loop $l (drop (memory.grow (i32.const 1))) (br $l))', fails(late)],
  ['divide', 'wasm', '(drop (i32.div_s (i32.const 1) (i32.const 0)))', fails(/./)],
  ['convert', 'wasm', '(drop (i32.trunc_f32_s (f32.const nan)))', fails(/./)],
]

export const yaml = (name, system, honest) => `lq: 1
name: ${name}
tick: {hz: 10}
limits: {entities: 256, players: 4}
components:
  Position: {fields: {x: i32, y: i32}}
  Secret: {fields: {n: i32}}
events:
  hit: {fields: {value: i32}}
systems:
  - ${system}
  - {name: ${honest}, tick_order: 60}
scene:
  a1: {Position: {x: 1, y: 2}, Secret: {n: 7}}
`

const indent = (body, by) => body.split('\n').map((line) => ' '.repeat(by) + line).join('\n')

// The honest one counts ticks into Secret.
export const sources = {
  python: (body) => `from lq_engine.ecs import Component, System, register_system


class Position(Component):
    x: int = 0
    y: int = 0


class Secret(Component):
    n: int = 0


@register_system()
class S(System):
    reads = (Position,)
    writes = (Position,)

    def process(self, world, delta):
${indent(body, 8)}


@register_system(tick_order=60)
class Honest(System):
    def process(self, world, delta):
        for one in world.with_components(Secret):
            one.Secret.n += 1
`,
  lua: (body) => `system{name="s", reads={"Position"}, writes={"Position"}, run=function(world, delta, state)
  ${body}
end}
system{name="honest", order=60, run=function(world)
  for one in world:each("Secret") do one.Secret.n = one.Secret.n + 1 end
end}
`,
}
