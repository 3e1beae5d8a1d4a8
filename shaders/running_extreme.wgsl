// The extreme so far along a dimension of [outer, len, inner] and its last index: one thread a line.
// NaN wins and stays.
struct Params { n: u32, row: u32, x_at: u32, values_at: u32, indices_at: u32, len: u32, inner: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let first = i / p.inner * p.len * p.inner + i % p.inner;
  var best = in0_at(p.x_at + first);
  var index = 0u;
  for (var k = 0u; k < p.len; k += 1u) {
    let at = first + k * p.inner;
    let x = in0_at(p.x_at + at);
    if (is_nan(x) || (!is_nan(best) && {{E0}})) { best = x; index = k; }
    out0_put(p.values_at + at, best);
    out1_put(p.indices_at + at, i64(index));
  }
}
