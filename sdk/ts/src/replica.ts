/** The client's copy of a session's visible state, kept by snapshots and deltas. */

type Raw = Record<string, Record<string, unknown>>;

export interface Change {
  /** Entities that are new or have changed components. */
  readonly set: readonly string[];
  /** Entities that are gone. */
  readonly del: readonly string[];
}

export class Replica {
  tick = 0;
  /** Without a prototype: an entity may be called "constructor". */
  readonly entities: Raw = Object.create(null) as Raw;

  /** Replaces everything. */
  snapshot(tick: number, state: Raw): Change {
    const del = Object.keys(this.entities).filter((id) => !Object.hasOwn(state, id));
    for (const id of Object.keys(this.entities)) delete this.entities[id];
    for (const [id, components] of Object.entries(state)) {
      this.entities[id] = withoutNulls(components);
    }
    this.tick = tick;
    return { set: Object.keys(state), del };
  }

  /** Merges one tick's changes: a component replaces its old self, null removes it. */
  delta(tick: number, set: Raw, del: readonly string[]): Change {
    for (const id of del) delete this.entities[id];
    for (const [id, components] of Object.entries(set)) {
      // A new object for each change: whoever kept the old one can compare by identity.
      this.entities[id] = withoutNulls({ ...this.entities[id], ...components });
    }
    this.tick = tick;
    return { set: Object.keys(set), del };
  }
}

function withoutNulls(components: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, fields] of Object.entries(components)) {
    if (fields !== null) kept[name] = fields;
  }
  return kept;
}
