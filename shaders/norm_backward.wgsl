// The gradient of layer, RMS and group norm in their input; channels as in norm.
const LANES: u32 = {{C0}};
const WEIGHTED: u32 = {{C1}};
const CENTRED: u32 = {{C2}};
struct Params { n: u32, row: u32, g_at: u32, x_at: u32, mean_at: u32, rstd_at: u32, weight_at: u32, out_at: u32,
  width: u32, groups: u32, per: u32, spatial: u32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec2<f32>, 256>;

fn slope(r: u32, c: u32) -> f32 {
  let g = in0_at(p.g_at + r * p.width + c);
  if (WEIGHTED == 0u) { return g; }
  return g * in4_at(p.weight_at + (r % p.groups) * p.per + c / p.spatial);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let r = (group.x + group.y * p.row) * (256u / LANES) + t / LANES;
  let lane = t % LANES;
  let base = p.x_at + r * p.width;
  var mean = 0.0;
  var rstd = 0.0;
  var acc = vec2<f32>();
  if (r < p.n) {
    mean = in2_at(p.mean_at + r);
    rstd = in3_at(p.rstd_at + r);
    for (var c = lane; c < p.width; c += LANES) {
      let g = slope(r, c);
      acc += vec2<f32>(g, g * (in1_at(base + c) - mean) * rstd);
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = shared_acc[t] + shared_acc[t + s]; }
      workgroupBarrier();
    }
    acc = shared_acc[t - lane];
  }
  if (r < p.n) {
    acc = acc / f32(p.width);
    if (CENTRED == 0u) { acc.x = 0.0; }
    for (var c = lane; c < p.width; c += LANES) {
      let normal = (in1_at(base + c) - mean) * rstd;
      out0_put(p.out_at + r * p.width + c, rstd * (slope(r, c) - acc.x - normal * acc.y));
    }
  }
}
