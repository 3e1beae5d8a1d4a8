// Average pooling and its gradient. Forward: one thread a window. Backward: one thread an input
// element, over the windows that hold it.
const ADAPTIVE: u32 = {{C0}};
const DIVISOR: u32 = {{C1}};
const BACKWARD: u32 = {{C2}};
struct Params { n: u32, row: u32, x_at: u32, out_at: u32, input: array<u32, 3>, output: array<u32, 3>,
  kernel: array<u32, 3>, stride: array<u32, 3>, padding: array<u32, 3>, divisor: f32 }
var<immediate> p: Params;

// First place, end and the number of places with padding of window o along a dimension.
fn window(o: u32, d: u32) -> vec3<u32> {
  if (ADAPTIVE == 1u) {
    let first = o * p.input[d] / p.output[d];
    let end = ((o + 1u) * p.input[d] + p.output[d] - 1u) / p.output[d];
    return vec3<u32>(first, end, end - first);
  }
  let start = o * p.stride[d];
  let end = min(start + p.kernel[d], p.input[d] + 2u * p.padding[d]);
  let first = max(start, p.padding[d]) - p.padding[d];
  return vec3<u32>(first, min(max(end, p.padding[d]) - p.padding[d], p.input[d]), end - start);
}

fn divisor(a: vec3<u32>, b: vec3<u32>, c: vec3<u32>) -> f32 {
  if (DIVISOR == 0u) { return f32((a.y - a.x) * (b.y - b.x) * (c.y - c.x)); }
  if (DIVISOR == 1u) { return f32(a.z * b.z * c.z); }
  return p.divisor;
}

// The first window along a dimension that may hold place i, and the end of those.
fn holders(i: u32, d: u32) -> vec2<u32> {
  if (ADAPTIVE == 1u) {
    let first = i * p.output[d] / p.input[d];
    return vec2<u32>(max(first, 1u) - 1u, min(((i + 1u) * p.output[d] + p.input[d] - 1u) / p.input[d] + 1u, p.output[d]));
  }
  let at = i + p.padding[d];
  let lowest = (max(at + 1u, p.kernel[d]) - p.kernel[d] + p.stride[d] - 1u) / p.stride[d];
  return vec2<u32>(lowest, min(at / p.stride[d] + 1u, p.output[d]));
}

fn forward(i: u32) {
  let w2 = window(i % p.output[2], 2u); let r2 = i / p.output[2];
  let w1 = window(r2 % p.output[1], 1u); let r1 = r2 / p.output[1];
  let w0 = window(r1 % p.output[0], 0u); let plane = r1 / p.output[0];
  let base = p.x_at + plane * p.input[0] * p.input[1] * p.input[2];
  var sum = {{T}}(0);
  for (var a = w0.x; a < w0.y; a += 1u) {
    for (var b = w1.x; b < w1.y; b += 1u) {
      for (var c = w2.x; c < w2.y; c += 1u) {
        sum += in0_at(base + (a * p.input[1] + b) * p.input[2] + c);
      }
    }
  }
  out0_put(p.out_at + i, sum / {{T}}(divisor(w0, w1, w2)));
}

fn backward(i: u32) {
  let i2 = i % p.input[2]; let r2 = i / p.input[2];
  let i1 = r2 % p.input[1]; let r1 = r2 / p.input[1];
  let i0 = r1 % p.input[0]; let plane = r1 / p.input[0];
  let base = p.x_at + plane * p.output[0] * p.output[1] * p.output[2];
  let h0 = holders(i0, 0u); let h1 = holders(i1, 1u); let h2 = holders(i2, 2u);
  var sum = {{T}}(0);
  for (var a = h0.x; a < h0.y; a += 1u) {
    let w0 = window(a, 0u);
    if (i0 < w0.x || i0 >= w0.y) { continue; }
    for (var b = h1.x; b < h1.y; b += 1u) {
      let w1 = window(b, 1u);
      if (i1 < w1.x || i1 >= w1.y) { continue; }
      for (var c = h2.x; c < h2.y; c += 1u) {
        let w2 = window(c, 2u);
        if (i2 < w2.x || i2 >= w2.y) { continue; }
        sum += in0_at(base + (a * p.output[1] + b) * p.output[2] + c) / {{T}}(divisor(w0, w1, w2));
      }
    }
  }
  out0_put(p.out_at + i, sum);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  if (BACKWARD == 1u) { backward(i); } else { forward(i); }
}
