// Batch norm: one workgroup a channel of [n, channels, spatial]. In training the statistics are the
// input's, and the running ones move towards them; else the running ones serve.
const TRAINING: u32 = {{C0}};
const WEIGHTED: u32 = {{C1}};
const SHIFTED: u32 = {{C2}};
const RUNNING: u32 = {{C3}};
struct Params { n: u32, row: u32, x_at: u32, weight_at: u32, bias_at: u32, out_at: u32, mean_at: u32, invstd_at: u32,
  running_mean_at: u32, running_var_at: u32, samples: u32, spatial: u32, eps: f32, momentum: f32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec3<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let channel = group.x + group.y * p.row;
  if (channel >= p.n) { return; }
  let count = p.samples * p.spatial;
  var mean = 0.0;
  var variance = 0.0;
  if (TRAINING == 1u) {
    var acc = vec3<f32>();
    for (var i = t; i < count; i += 256u) {
      acc = join_moments(acc, vec3<f32>(1.0, in0_at(p.x_at + place(i, channel)), 0.0));
    }
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = 128u; s > 0u; s = s / 2u) {
      if (t < s) { shared_acc[t] = join_moments(shared_acc[t], shared_acc[t + s]); }
      workgroupBarrier();
    }
    acc = shared_acc[0];
    mean = acc.y;
    variance = acc.z / acc.x;
    if (RUNNING == 1u && t == 0u) {
      let unbiased = acc.z / (acc.x - 1.0);
      let m = p.running_mean_at + channel;
      let v = p.running_var_at + channel;
      out3_put(m, (1.0 - p.momentum) * out3_at(m) + p.momentum * mean);
      out4_put(v, (1.0 - p.momentum) * out4_at(v) + p.momentum * unbiased);
    }
  } else {
    mean = out3_at(p.running_mean_at + channel);
    variance = out4_at(p.running_var_at + channel);
  }
  let invstd = 1.0 / sqrt(variance + p.eps);
  if (t == 0u) {
    out1_put(p.mean_at + channel, mean);
    out2_put(p.invstd_at + channel, invstd);
  }
  var scale = invstd;
  var shift = 0.0;
  if (WEIGHTED == 1u) { scale = scale * in1_at(p.weight_at + channel); }
  if (SHIFTED == 1u) { shift = in2_at(p.bias_at + channel); }
  for (var i = t; i < count; i += 256u) {
    let at = place(i, channel);
    out0_put(p.out_at + at, (in0_at(p.x_at + at) - mean) * scale + shift);
  }
}

fn place(i: u32, channel: u32) -> u32 {
  return (i / p.spatial * p.n + channel) * p.spatial + i % p.spatial;
}
