// Gradients of layer and group norm in their factors and offsets: one workgroup a channel.
struct Params { n: u32, row: u32, g_at: u32, x_at: u32, mean_at: u32, rstd_at: u32, weight_at: u32, bias_at: u32,
  width: u32, groups: u32, per: u32, spatial: u32, rows: u32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec2<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let channel = group.x + group.y * p.row;
  var acc = vec2<f32>();
  if (channel < p.n) {
    let count = p.rows / p.groups * p.spatial;
    for (var i = t; i < count; i += 256u) {
      let r = i / p.spatial * p.groups + channel / p.per;
      let at = r * p.width + channel % p.per * p.spatial + i % p.spatial;
      let g = in0_at(p.g_at + at);
      acc += vec2<f32>(g * (in1_at(p.x_at + at) - in2_at(p.mean_at + r)) * in3_at(p.rstd_at + r), g);
    }
  }
  shared_acc[t] = acc;
  workgroupBarrier();
  for (var s = 128u; s > 0u; s = s / 2u) {
    if (t < s) { shared_acc[t] = shared_acc[t] + shared_acc[t + s]; }
    workgroupBarrier();
  }
  if (t == 0u && channel < p.n) {
    out0_put(p.weight_at + channel, shared_acc[0].x);
    out1_put(p.bias_at + channel, shared_acc[0].y);
  }
}
