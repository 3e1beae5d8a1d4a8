// Maximum pooling: one thread a window; values and their places in the plane. NaN wins.
const ADAPTIVE: u32 = {{C0}};
struct Params { n: u32, row: u32, x_at: u32, out_at: u32, index_at: u32, input: array<u32, 3>, output: array<u32, 3>,
  kernel: array<u32, 3>, stride: array<u32, 3>, padding: array<u32, 3>, dilation: array<u32, 3> }
var<immediate> p: Params;

// First place, end and step of window o along a dimension.
fn window(o: u32, d: u32) -> vec3<u32> {
  if (ADAPTIVE == 1u) {
    return vec3<u32>(o * p.input[d] / p.output[d], ((o + 1u) * p.input[d] + p.output[d] - 1u) / p.output[d], 1u);
  }
  let start = o * p.stride[d];
  let step = p.dilation[d];
  let end = min(start + (p.kernel[d] - 1u) * step + 1u, p.input[d] + p.padding[d]);
  let missing = max(p.padding[d], start) - start;
  let first = start + (missing + step - 1u) / step * step;
  return vec3<u32>(first - p.padding[d], min(max(end, p.padding[d]) - p.padding[d], p.input[d]), step);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let w2 = window(i % p.output[2], 2u); let r2 = i / p.output[2];
  let w1 = window(r2 % p.output[1], 1u); let r1 = r2 / p.output[1];
  let w0 = window(r1 % p.output[0], 0u); let plane = r1 / p.output[0];
  let base = p.x_at + plane * p.input[0] * p.input[1] * p.input[2];
  var index = (w0.x * p.input[1] + w1.x) * p.input[2] + w2.x;
  var best = in0_at(base + index);
  for (var a = w0.x; a < w0.y; a += w0.z) {
    for (var b = w1.x; b < w1.y; b += w1.z) {
      for (var c = w2.x; c < w2.y; c += w2.z) {
        let at = (a * p.input[1] + b) * p.input[2] + c;
        let x = in0_at(base + at);
        if (x > best || is_nan(x)) { best = x; index = at; }
      }
    }
  }
  out0_put(p.out_at + i, best);
  out1_put(p.index_at + i, i64(index));
}
