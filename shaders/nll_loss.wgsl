// Negative log likelihood of class targets; x is [n, classes, positions], dense. One workgroup
// computes the sums, and without a reduction each loss.
const WEIGHTED: u32 = {{C0}};
const REDUCTION: u32 = {{C1}};
struct Params { n: u32, row: u32, x_at: u32, target_at: u32, weight_at: u32, out_at: u32, total_at: u32,
  code: u32, classes: u32, positions: u32, ignored_low: u32, ignored_high: u32 }
var<immediate> p: Params;
var<workgroup> losses: array<f32, 256>;
var<workgroup> weights: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32) {
  let ignored = long_of(p.ignored_low, p.ignored_high);
  var loss = 0.0;
  var total = 0.0;
  for (var i = t; i < p.n; i += 256u) {
    let label = in1_long(p.target_at + i);
    var value = 0.0;
    if (!(label == ignored)) {
      if (label < 0li || label >= i64(p.classes)) {
        raise(p.code, i, label);
      } else {
        var w = 1.0;
        if (WEIGHTED == 1u) { w = in2_at(p.weight_at + u32(label)); }
        let at = (i / p.positions * p.classes + u32(label)) * p.positions + i % p.positions;
        value = -w * in0_at(p.x_at + at);
        total += w;
      }
    }
    loss += value;
    if (REDUCTION == 0u) { out0_put(p.out_at + i, value); }
  }
  losses[t] = loss;
  weights[t] = total;
  workgroupBarrier();
  for (var s = 128u; s > 0u; s = s / 2u) {
    if (t < s) { losses[t] = losses[t] + losses[t + s]; weights[t] = weights[t] + weights[t + s]; }
    workgroupBarrier();
  }
  if (t == 0u) {
    if (REDUCTION == 1u) { out0_put(p.out_at, losses[0] / weights[0]); }
    if (REDUCTION == 2u) { out0_put(p.out_at, losses[0]); }
    out1_put(p.total_at, weights[0]);
  }
}
