// Scenes of one body that comes to rest on the ground, from a seed: a JSON line each, every engine reads the same text.
//   node scenes.mjs [COUNT] [SEED]
// The upper face of the ground is y = 0; a slope is a gravity that leans. A body's tilt, drop and speed are so small that its
// rest is known: a box comes down on the face that looks down, a capsule lies, and friction holds what leans.
const [count, seed] = [Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 6)];

let state = BigInt(seed);
/** SplitMix64 (Steele, Lea, Flood 2014): 0 <= x < 1. */
function random() {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  let z = state;
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
}
const between = (low, high) => low + (high - low) * random();
const short = (values) => values.map((value) => Number(value.toFixed(5)));

const times = ([ax, ay, az, aw], [bx, by, bz, bw]) => [
  aw * bx + ax * bw + ay * bz - az * by,
  aw * by - ax * bz + ay * bw + az * bx,
  aw * bz + ax * by - ay * bx + az * bw,
  aw * bw - ax * bx - ay * by - az * bz,
];
/** A turn by `angle` about a level axis that points to `way`. */
const lean = (way, angle) => [Math.cos(way) * Math.sin(angle / 2), 0, Math.sin(way) * Math.sin(angle / 2), Math.cos(angle / 2)];
/** How much of a half extent along each local axis points up. */
function ups([x, y, z, w]) {
  return [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)];
}

/** The body's size, how far it leans, how far it reaches down then, the height where it rests, how deep it may fall, and the
 * steepest slope that it stands on. */
const shapes = {
  sphere() {
    const radius = between(0.1, 1);
    return { size: [radius, 0, 0], tilt: between(0, Math.PI), down: () => radius, rest: radius, drop: 1, steepest: 0 };
  },
  capsule() {
    const radius = between(0.1, 0.4);
    const half = radius * between(1.2, 3); // a shorter one rocks to and fro for longer than we wait
    const tilt = Math.PI / 2 - between(0, 1.4); // its axis is local y: a right angle lies
    return { size: [radius, half, 0], tilt, down: (up) => radius + half * Math.abs(up[1]), rest: radius, drop: 1, steepest: 0 };
  },
  box() {
    const [x, z] = [between(0.15, 0.8), between(0.15, 0.8)];
    const narrow = Math.min(x, z);
    const y = between(0.1, 1.4 * narrow);
    const topples = Math.atan(narrow / y);
    const down = (up) => x * Math.abs(up[0]) + y * Math.abs(up[1]) + z * Math.abs(up[2]);
    return { size: [x, y, z], tilt: between(0, 0.3 * topples), down, rest: y, drop: 0.3 * y, steepest: Math.min(0.25, 0.3 * topples) };
  },
};

for (let id = 0; id < count; id++) {
  const shape = ["sphere", "capsule", "box"][id % 3];
  const { size, tilt, down, rest, drop, steepest } = shapes[shape]();
  const friction = between(0.2, 1);
  const slope = between(0, Math.min(steepest, 0.6 * Math.atan(friction)));
  const [to, way, speed] = [between(0, 2 * Math.PI), between(0, 2 * Math.PI), between(0, 0.3)];
  const rotation = times([0, Math.sin(to), 0, Math.cos(to)], lean(between(0, 2 * Math.PI), tilt));
  const [g, turn] = [9.81, between(0, 2 * Math.PI)];
  const scene = {
    id,
    shape,
    size: short(size),
    mass: Number((10 ** between(-1, 3)).toFixed(5)), // 100 g to 1 t
    friction: Number(friction.toFixed(5)),
    position: short([between(-1, 1), down(ups(rotation)) + between(0, drop), between(-1, 1)]),
    rotation: short(rotation),
    velocity: short([speed * Math.cos(way), 0, speed * Math.sin(way)]),
    gravity: short([g * Math.sin(slope) * Math.cos(turn), -g * Math.cos(slope), g * Math.sin(slope) * Math.sin(turn)]),
    rest: Number(rest.toFixed(5)),
  };
  console.log(JSON.stringify(scene));
}
