// The gradient of a convolution in its filters: one workgroup an element, over samples and positions.
struct Params { n: u32, row: u32, g_at: u32, x_at: u32, out_at: u32, samples: u32, groups: u32, ins: u32, outs: u32, input: array<u32, 3>, kernel: array<u32, 3>, output: array<u32, 3>,
  stride: array<u32, 3>, padding: array<u32, 3>, dilation: array<u32, 3> }
var<immediate> p: Params;
var<workgroup> sums: array<{{T}}, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group.x + group.y * p.row;
  let k2 = i % p.kernel[2]; let r2 = i / p.kernel[2];
  let k1 = r2 % p.kernel[1]; let r1 = r2 / p.kernel[1];
  let k0 = r1 % p.kernel[0]; let r0 = r1 / p.kernel[0];
  let c = r0 % p.ins; let out_channel = r0 / p.ins;
  let channel = out_channel / p.outs * p.ins + c;
  let places = p.output[0] * p.output[1] * p.output[2];
  var sum = {{T}}(0);
  for (var e = t; e < p.samples * places && i < p.n; e += 256u) {
    let o = e % places; let sample = e / places;
    let i2 = o % p.output[2] * p.stride[2] + k2 * p.dilation[2] - p.padding[2];
    let i1 = o / p.output[2] % p.output[1] * p.stride[1] + k1 * p.dilation[1] - p.padding[1];
    let i0 = o / p.output[2] / p.output[1] * p.stride[0] + k0 * p.dilation[0] - p.padding[0];
    if (i0 < p.input[0] && i1 < p.input[1] && i2 < p.input[2]) {
      let x = in1_at(p.x_at + (((sample * p.groups * p.ins + channel) * p.input[0] + i0) * p.input[1] + i1) * p.input[2] + i2);
      sum += x * in0_at(p.g_at + (sample * p.groups * p.outs + out_channel) * places + o);
    }
  }
  sums[t] = sum;
  workgroupBarrier();
  for (var s = 128u; s > 0u; s = s / 2u) {
    if (t < s) { sums[t] = sums[t] + sums[t + s]; }
    workgroupBarrier();
  }
  if (t == 0u && i < p.n) { out0_put(p.out_at + i, sums[0]); }
}
