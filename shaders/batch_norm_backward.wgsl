// Gradients of batch norm in its input, factors and offsets: one workgroup a channel.
const TRAINING: u32 = {{C0}};
const WEIGHTED: u32 = {{C1}};
struct Params { n: u32, row: u32, g_at: u32, x_at: u32, mean_at: u32, invstd_at: u32, factor_at: u32,
  input_at: u32, weight_at: u32, bias_at: u32, samples: u32, spatial: u32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec2<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let channel = group.x + group.y * p.row;
  if (channel >= p.n) { return; }
  let count = p.samples * p.spatial;
  let mean = in2_at(p.mean_at + channel);
  let invstd = in3_at(p.invstd_at + channel);
  var acc = vec2<f32>();
  for (var i = t; i < count; i += 256u) {
    let at = place(i, channel);
    let g = in0_at(p.g_at + at);
    acc += vec2<f32>(g * (in1_at(p.x_at + at) - mean) * invstd, g);
  }
  shared_acc[t] = acc;
  workgroupBarrier();
  for (var s = 128u; s > 0u; s = s / 2u) {
    if (t < s) { shared_acc[t] = shared_acc[t] + shared_acc[t + s]; }
    workgroupBarrier();
  }
  acc = shared_acc[0];
  if (t == 0u) {
    out1_put(p.weight_at + channel, acc.x);
    out2_put(p.bias_at + channel, acc.y);
  }
  var scale = invstd;
  if (WEIGHTED == 1u) { scale = scale * in4_at(p.factor_at + channel); }
  let share = acc / f32(count);
  for (var i = t; i < count; i += 256u) {
    let at = place(i, channel);
    var g = in0_at(p.g_at + at);
    if (TRAINING == 1u) { g = g - share.y - (in1_at(p.x_at + at) - mean) * invstd * share.x; }
    out0_put(p.input_at + at, g * scale);
  }
}

fn place(i: u32, channel: u32) -> u32 {
  return (i / p.spatial * p.n + channel) * p.spatial + i % p.spatial;
}
