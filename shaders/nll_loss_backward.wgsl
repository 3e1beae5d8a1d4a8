// The gradient of nll_loss: one thread an element of [n, classes, positions].
const WEIGHTED: u32 = {{C0}};
const REDUCTION: u32 = {{C1}};
struct Params { n: u32, row: u32, g_at: u32, target_at: u32, weight_at: u32, total_at: u32, out_at: u32,
  classes: u32, positions: u32, ignored_low: u32, ignored_high: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let e = gid.x + gid.y * p.row;
  if (e >= p.n) { return; }
  let ignored = long_of(p.ignored_low, p.ignored_high);
  let label = (e / p.positions) % p.classes;
  let i = e / (p.positions * p.classes) * p.positions + e % p.positions;
  let wanted = in1_long(p.target_at + i);
  var value = 0.0;
  if (wanted == i64(label) && !(wanted == ignored)) {
    var w = 1.0;
    if (WEIGHTED == 1u) { w = in2_at(p.weight_at + label); }
    value = -w * in0_at(p.g_at + select(0u, i, REDUCTION == 0u));
    if (REDUCTION == 1u) { value = value / in3_at(p.total_at); }
  }
  out0_put(p.out_at + e, value);
}
