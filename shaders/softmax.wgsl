// Softmax and its logarithm along a dimension, and their gradients. Data are [outer, len, inner],
// dense; LANES threads a row.
const LANES: u32 = {{C0}};
struct Params { n: u32, row: u32, x_at: u32, out_at: u32, len: u32, inner: u32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec2<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let o = (group.x + group.y * p.row) * (256u / LANES) + t / LANES;
  let lane = t % LANES;
  let base = (o / p.inner) * p.len * p.inner + o % p.inner;
  var acc = vec2<f32>(-infinity(), 0.0);
  if (o < p.n) {
    for (var k = lane; k < p.len; k += LANES) {
      acc = join_exponentials(acc, vec2<f32>(in0_at(p.x_at + base + k * p.inner), 1.0));
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = join_exponentials(shared_acc[t], shared_acc[t + s]); }
      workgroupBarrier();
    }
    acc = shared_acc[t - lane];
  }
  if (o < p.n) {
    // Where no number is the largest, nothing is defined.
    let shift = log(acc.y);
    let undefined = !is_finite(acc.x);
    for (var k = lane; k < p.len; k += LANES) {
      let i = base + k * p.inner;
      let x = in0_at(p.x_at + i);
      out0_put(p.out_at + i, select({{E0}}, nan(), undefined));
    }
  }
}
