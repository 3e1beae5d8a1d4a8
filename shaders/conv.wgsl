// Convolution, direct: one thread an output element. Three spatial dimensions, leading ones of 1.
const BIASED: u32 = {{C0}};
struct Params { n: u32, row: u32, x_at: u32, w_at: u32, bias_at: u32, out_at: u32,
  groups: u32, ins: u32, outs: u32, input: array<u32, 3>, kernel: array<u32, 3>, output: array<u32, 3>,
  stride: array<u32, 3>, padding: array<u32, 3>, dilation: array<u32, 3> }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let o2 = i % p.output[2]; let r2 = i / p.output[2];
  let o1 = r2 % p.output[1]; let r1 = r2 / p.output[1];
  let o0 = r1 % p.output[0]; let r0 = r1 / p.output[0];
  let channels = p.groups * p.outs;
  let channel = r0 % channels; let sample = r0 / channels;
  let first = channel / p.outs * p.ins;
  var sum = {{T}}(0);
  for (var c = 0u; c < p.ins; c += 1u) {
    let x_at = p.x_at + (sample * p.groups * p.ins + first + c) * p.input[0] * p.input[1] * p.input[2];
    let w_at = p.w_at + (channel * p.ins + c) * p.kernel[0] * p.kernel[1] * p.kernel[2];
    for (var k0 = 0u; k0 < p.kernel[0]; k0 += 1u) {
      let i0 = o0 * p.stride[0] + k0 * p.dilation[0] - p.padding[0];
      if (i0 >= p.input[0]) { continue; }
      for (var k1 = 0u; k1 < p.kernel[1]; k1 += 1u) {
        let i1 = o1 * p.stride[1] + k1 * p.dilation[1] - p.padding[1];
        if (i1 >= p.input[1]) { continue; }
        for (var k2 = 0u; k2 < p.kernel[2]; k2 += 1u) {
          // Places before the input wrap around to numbers beyond its end.
          let i2 = o2 * p.stride[2] + k2 * p.dilation[2] - p.padding[2];
          if (i2 >= p.input[2]) { continue; }
          sum += in0_at(x_at + (i0 * p.input[1] + i1) * p.input[2] + i2)
               * in1_at(w_at + (k0 * p.kernel[1] + k1) * p.kernel[2] + k2);
        }
      }
    }
  }
  if (BIASED == 1u) { sum += in2_at(p.bias_at + channel); }
  out0_put(p.out_at + i, sum);
}
