// Gradients of softmax and its logarithm from the output y. Data are [outer, len, inner], dense.
const LANES: u32 = {{C0}};
struct Params { n: u32, row: u32, g_at: u32, y_at: u32, out_at: u32, len: u32, inner: u32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let o = (group.x + group.y * p.row) * (256u / LANES) + t / LANES;
  let lane = t % LANES;
  let base = (o / p.inner) * p.len * p.inner + o % p.inner;
  var sum = 0.0;
  if (o < p.n) {
    for (var k = lane; k < p.len; k += LANES) {
      let g = in0_at(p.g_at + base + k * p.inner);
      let y = in1_at(p.y_at + base + k * p.inner);
      sum += {{E0}};
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = sum;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = shared_acc[t] + shared_acc[t + s]; }
      workgroupBarrier();
    }
    sum = shared_acc[t - lane];
  }
  if (o < p.n) {
    for (var k = lane; k < p.len; k += LANES) {
      let i = base + k * p.inner;
      let g = in0_at(p.g_at + i);
      let y = in1_at(p.y_at + i);
      out0_put(p.out_at + i, {{E1}});
    }
  }
}
