// The gradient of a convolution in its input (a transposed convolution): one thread an input element.
const BIASED: u32 = {{C0}};
struct Params { n: u32, row: u32, g_at: u32, w_at: u32, bias_at: u32, out_at: u32,
  groups: u32, ins: u32, outs: u32, input: array<u32, 3>, kernel: array<u32, 3>, output: array<u32, 3>,
  stride: array<u32, 3>, padding: array<u32, 3>, dilation: array<u32, 3> }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let i2 = i % p.input[2]; let r2 = i / p.input[2];
  let i1 = r2 % p.input[1]; let r1 = r2 / p.input[1];
  let i0 = r1 % p.input[0]; let r0 = r1 / p.input[0];
  let channels = p.groups * p.ins;
  let channel = r0 % channels; let sample = r0 / channels;
  let group = channel / p.ins;
  var sum = {{T}}(0);
  for (var c = 0u; c < p.outs; c += 1u) {
    let out_channel = group * p.outs + c;
    let g_at = p.g_at + (sample * p.groups * p.outs + out_channel) * p.output[0] * p.output[1] * p.output[2];
    let w_at = p.w_at + (out_channel * p.ins + channel % p.ins) * p.kernel[0] * p.kernel[1] * p.kernel[2];
    for (var k0 = 0u; k0 < p.kernel[0]; k0 += 1u) {
      let s0 = i0 + p.padding[0] - k0 * p.dilation[0];
      if (i0 + p.padding[0] < k0 * p.dilation[0] || s0 % p.stride[0] > 0u || s0 / p.stride[0] >= p.output[0]) { continue; }
      for (var k1 = 0u; k1 < p.kernel[1]; k1 += 1u) {
        let s1 = i1 + p.padding[1] - k1 * p.dilation[1];
        if (i1 + p.padding[1] < k1 * p.dilation[1] || s1 % p.stride[1] > 0u || s1 / p.stride[1] >= p.output[1]) { continue; }
        for (var k2 = 0u; k2 < p.kernel[2]; k2 += 1u) {
          let s2 = i2 + p.padding[2] - k2 * p.dilation[2];
          if (i2 + p.padding[2] < k2 * p.dilation[2] || s2 % p.stride[2] > 0u || s2 / p.stride[2] >= p.output[2]) { continue; }
          sum += in0_at(g_at + (s0 / p.stride[0] * p.output[1] + s1 / p.stride[1]) * p.output[2] + s2 / p.stride[2])
               * in1_at(w_at + (k0 * p.kernel[1] + k1) * p.kernel[2] + k2);
        }
      }
    }
  }
  if (BIASED == 1u) { sum += in2_at(p.bias_at + channel); }
  out0_put(p.out_at + i, sum);
}
