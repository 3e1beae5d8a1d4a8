// The largest or smallest element along a dimension and its first index; NaN wins over numbers.
// x is [outer, len, inner], dense.
struct Params { n: u32, row: u32, len: u32, inner: u32, at: u32, values_at: u32, indices_at: u32 }
var<immediate> p: Params;

fn wins(x: {{T}}, best: {{T}}) -> bool { return {{E0}} || (is_nan(x) && !is_nan(best)); }

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let base = p.at + (i / p.inner) * p.len * p.inner + i % p.inner;
  var best = in0_at(base);
  var index = 0u;
  for (var k = 1u; k < p.len; k += 1u) {
    let x = in0_at(base + k * p.inner);
    if (wins(x, best) && !is_nan(best)) { best = x; index = k; }
  }
  out0_put(p.values_at + i, best);
  out1_put(p.indices_at + i, i64(index));
}
