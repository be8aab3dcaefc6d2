// Jolt on the scenes of scenes.mjs. It tells no forces. Its slop is 2 cm by default, twice the bar: 1 mm here.
import { GROUND_HALF_M, GROUND_M, HZ, play } from "./engine.mjs";
import { Jolt, layerOf, openJolt } from "./jolt_world.mjs";

const jolt = openJolt();
const system = jolt.GetPhysicsSystem();
const bodies = system.GetBodyInterface();
const rules = system.GetPhysicsSettings();
rules.mPenetrationSlop = 0.001;
system.SetPhysicsSettings(rules);

function add(shape, position, rotation, isMoving, { mass, friction, velocity }) {
  const settings = new Jolt.BodyCreationSettings(
    shape,
    new Jolt.RVec3(...position),
    new Jolt.Quat(...rotation),
    isMoving ? Jolt.EMotionType_Dynamic : Jolt.EMotionType_Static,
    layerOf(isMoving),
  );
  settings.mFriction = friction;
  if (isMoving) {
    settings.mLinearVelocity = new Jolt.Vec3(...velocity);
    settings.mAllowSleeping = false;
    settings.mOverrideMassProperties = Jolt.EOverrideMassProperties_CalculateInertia;
    settings.mMassPropertiesOverride.mMass = mass;
  }
  const body = bodies.CreateBody(settings);
  Jolt.destroy(settings);
  bodies.AddBody(body.GetID(), Jolt.EActivation_Activate);
  return body;
}
const unit = (q) => q.map((value) => value / Math.hypot(...q));

play((scene) => {
  const { shape, size, position, rotation, gravity } = scene;
  const made = {
    sphere: () => new Jolt.SphereShape(size[0]),
    capsule: () => new Jolt.CapsuleShape(size[1], size[0]),
    box: () => new Jolt.BoxShape(new Jolt.Vec3(...size), 0.02),
  }[shape]();
  system.SetGravity(new Jolt.Vec3(...gravity));
  const wide = new Jolt.BoxShape(new Jolt.Vec3(GROUND_M, GROUND_HALF_M, GROUND_M), 0.05);
  const ground = add(wide, [0, -GROUND_HALF_M, 0], [0, 0, 0, 1], false, scene);
  const body = add(made, position, unit(rotation), true, scene);
  return {
    step: () => jolt.Step(1 / HZ, 1),
    height: () => body.GetPosition().GetY(),
    drop() {
      for (const each of [body, ground]) {
        bodies.RemoveBody(each.GetID());
        bodies.DestroyBody(each.GetID());
      }
    },
  };
});
