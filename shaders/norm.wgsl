// Layer, RMS and group norm: rows of width elements, LANES threads a row. Factors belong to
// channels: of row r and column c, (r % groups) * per + c / spatial.
const LANES: u32 = {{C0}};
const WEIGHTED: u32 = {{C1}};
const SHIFTED: u32 = {{C2}};
const CENTRED: u32 = {{C3}};
struct Params { n: u32, row: u32, x_at: u32, weight_at: u32, bias_at: u32, out_at: u32, mean_at: u32, rstd_at: u32,
  width: u32, groups: u32, per: u32, spatial: u32, eps: f32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec3<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let r = (group.x + group.y * p.row) * (256u / LANES) + t / LANES;
  let lane = t % LANES;
  let base = r * p.width;
  var acc = vec3<f32>();
  if (r < p.n) {
    for (var c = lane; c < p.width; c += LANES) {
      let x = in0_at(p.x_at + base + c);
      acc = join_moments(acc, select(vec3<f32>(1.0, 0.0, x * x), vec3<f32>(1.0, x, 0.0), CENTRED == 1u));
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = join_moments(shared_acc[t], shared_acc[t + s]); }
      workgroupBarrier();
    }
    acc = shared_acc[t - lane];
  }
  if (r < p.n) {
    let rstd = 1.0 / sqrt(acc.z / acc.x + p.eps);
    if (lane == 0u) {
      out1_put(p.mean_at + r, acc.y);
      out2_put(p.rstd_at + r, rstd);
    }
    for (var c = lane; c < p.width; c += LANES) {
      let channel = (r % p.groups) * p.per + c / p.spatial;
      var v = (in0_at(p.x_at + base + c) - acc.y) * rstd;
      if (WEIGHTED == 1u) { v = v * in1_at(p.weight_at + channel); }
      if (SHIFTED == 1u) { v = v + in2_at(p.bias_at + channel); }
      out0_put(p.out_at + base + c, v);
    }
  }
}
