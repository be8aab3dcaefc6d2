// Five things a server does, as short as they can be: what syscalls.mjs kills and breaks at every call.
import { keysOf, tokenOf } from './lib.mjs'
import { Player, START_MS, Server } from './syscalls.mjs'

const open = (lab) => ['serve', lab.games[1], '--auth', 'none']

// A server on the base folder, for what comes before the workload.
async function withServer(lab, base, env, use) {
  const server = new Server(lab, base.folder, open(lab), { env })
  if (!(await server.within(server.ready, START_MS))) throw new Error(server.err)
  await use(server)
  for (const p of base.players) p.client?.ws.terminate()
  return server
}
async function allJoin(server, players) {
  for (const p of players) await p.join(server)
}

export const workloads = {
  // An empty folder: files, schema, secrets, module, release; a session is made, two players send their first commands.
  first: {
    orderly: true,
    players: () => [new Player('a', 'main'), new Player('b', 'main')],
    args: (lab) => ['serve', lab.games[1]],
    // A kill may come after keys were made and before they were shown: then nobody has them.
    again: open,
    async steps(server, players) {
      for (const p of players) p.token = await tokenOf(server, keysOf(server).admin)
      await allJoin(server, players)
      for (let round = 0; round < 3; round++) for (const p of players) await p.post(1)
    },
  },
  // Three players in two sessions, commit after commit, until one session has passed a checkpoint.
  play: {
    orderly: true,
    players: () => [new Player('a', 'one'), new Player('b', 'one'), new Player('c', 'two')],
    args: open,
    async prepare(lab, base) {
      const server = await withServer(lab, base, {}, (s) => allJoin(s, base.players))
      await server.stop('SIGTERM')
    },
    async steps(server, players) {
      await allJoin(server, players)
      const [a, b, c] = players
      for (let round = 0; round < 4; round++) await Promise.all([a.post(35, 990), b.post(35, 990), c.post(1)])
    },
  },
  // Everybody leaves, the sessions fall asleep; they come back and wake them.
  sleep: {
    orderly: true,
    env: { LQ_HIBERNATE_MS: '1' },
    players: () => [new Player('a', 'one'), new Player('b', 'two')],
    args: open,
    async prepare(lab, base) {
      const server = await withServer(lab, base, {}, async (s) => {
        await allJoin(s, base.players)
        for (const p of base.players) await p.post(5)
      })
      await server.stop('SIGTERM')
    },
    async steps(server, players) {
      await allJoin(server, players)
      for (const p of players) await p.post(2)
      for (const p of players) await p.client.close()
      for (let asleep = 0; asleep < 2 && !server.end; await new Promise((done) => setTimeout(done, 20))) {
        const { sessions } = await (await fetch(`${server.url}/v1/tenants/acme/games/demo/sessions`)).json()
        asleep = sessions.filter((s) => s.state === 'hibernated').length
      }
      await allJoin(server, players)
      for (const p of players) await p.post(2)
    },
  },
  // A WAL that a kill left, close to the size at which it is moved into the database: recovery, compaction, WAL checkpoint.
  recover: {
    orderly: true,
    players: () => [new Player('a', 'one'), new Player('b', 'two')],
    args: open,
    async prepare(lab, base) {
      const server = await withServer(lab, base, {}, async (s) => {
        await allJoin(s, base.players)
        for (let round = 0; round < 14; round++) await Promise.all(base.players.map((p) => p.post(60, 990)))
      })
      await server.stop('SIGKILL')
    },
    async steps(server, players) {
      await allJoin(server, players)
      for (let round = 0; round < 5; round++) await Promise.all(players.map((p) => p.post(60, 990)))
    },
  },
  // The next release takes over a sleeping and a woken session; then an orderly end.
  swap: {
    orderly: true,
    players: () => [new Player('a', 'one'), new Player('b', 'two')],
    args: (lab) => ['serve', lab.games[2], '--auth', 'none'],
    async prepare(lab, base) {
      const server = await withServer(lab, base, {}, async (s) => {
        await allJoin(s, base.players)
        for (const p of base.players) await p.post(5)
      })
      await server.stop('SIGKILL')
    },
    async steps(server, players) {
      await allJoin(server, players)
      for (const p of players) await p.post(3)
      server.child.kill('SIGTERM')
      await server.within(server.ended, 10000)
    },
  },
}
