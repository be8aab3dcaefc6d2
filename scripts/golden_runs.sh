# What golden_matrix.sh and golden_arm.sh share; they source it. $work is a folder of the caller's, which it removes.
build=build/release
arm_root=/usr/aarch64-linux-gnu
die() {
  echo "golden: $*" >&2
  exit 1
}
golden_build() { # target...
  cmake --build "$build" --target "$@" >"$work/build" || { tail -50 "$work/build"; exit 1; }
}
# Beside what lies in $work/runs: random commands of every game in C. And the golden numbers of arithmetic and physics: $work/exact.
golden_runs() {
  local folder game
  for folder in examples/*/; do
    game=$(basename "$folder")
    compgen -G "$folder/systems/*.c" >/dev/null || continue # a cell has no guests
    $build/tests/golden_record play "examples/$game" "$work/runs/$game.random.run" "$work/runs/$game.random.want"
  done
  runs=("$work"/runs/*.run)
  ticks=$(cat "$work"/runs/*.want | grep -cE '^[0-9]+ [0-9a-f]{16}$')
  {
    grep -oE '0x[0-9a-f]{16}' lq_base/exact_testing.h | sed 's/0x//' | paste - - | sed -E 's/(.*)\t(.*)/math \1\nbodies \2/'
    grep -oE 'PHYSICS_GOLDEN 0x[0-9a-f]{16}' lq_engine/physics/physics_scene_testing.h | sed 's/.*0x/physics /'
    grep -oE 'PHYSICS_SHAPES_GOLDEN 0x[0-9a-f]{16}' lq_engine/physics/physics_asset_testing.h | sed 's/.*0x/shapes /'
    grep -oE 'PHYSICS_SURFACES_GOLDEN 0x[0-9a-f]{16}' lq_engine/physics/physics_surface_testing.h | sed 's/.*0x/surfaces /'
    grep -oE 'PHYSICS_JOINT_GOLDEN 0x[0-9a-f]{16}' lq_engine/physics/physics_joint_testing.h | sed 's/.*0x/joints /'
  } >"$work/exact"
}
# A program of a cell, here or under QEMU.
golden_run() { # cell program argument...
  local cell=$1 program=$build/cells/$1/$2
  shift 2
  case $cell in
    aarch64-*) qemu-aarch64 -L "$arm_root" "$program" "$@" ;;
    *) "$program" "$@" ;;
  esac
}
golden_cell() { # cell
  local run game
  golden_run "$1" exact | cmp - <(echo "${1##*-}"; cat "$work/exact") || die "$1: other arithmetic"
  for run in "${runs[@]}"; do
    game=$(basename "$run")
    golden_run "$1" "${game%%.*}" "$run" | cmp - "${run%run}want" || die "$1: $game differs"
  done
  echo "golden: $1: the same arithmetic, and the same hash at each of $ticks ticks of ${#runs[@]} runs"
}
# A fresh process every k ticks, of each cell in turn.
golden_chain() { # k cell...
  local k=$1 cells=("${@:2}") processes=0 run game state total tick
  for run in "${runs[@]}"; do
    game=$(basename "$run")
    [ "$k" -eq 1 ] && [[ $run == *.random.run ]] && continue # thousands of processes
    : >"$work/chain"
    state=- total=$(grep -cE '^[0-9]+ [0-9a-f]{16}$' "${run%run}want")
    for ((tick = 0; tick < total; tick += k, processes++)); do
      golden_run "${cells[processes % ${#cells[@]}]}" "${game%%.*}" "$run" --from "$state" --ticks "$k" --save "$work/state" >>"$work/chain"
      state=$work/state
    done
    cmp "$work/chain" "${run%run}want" || die "$game differs with a fresh process every $k ticks"
  done
  echo "golden: the same with a fresh process every $k ticks: $processes processes of ${#cells[@]} builds in turn"
}
