// Running folds along a dimension of [outer, len, inner]: one thread a line.
alias Acc = {{E0}};
struct Params { n: u32, row: u32, x_at: u32, out_at: u32, len: u32, inner: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let base = (i / p.inner) * p.len * p.inner + i % p.inner;
  var acc: Acc = {{E1}};
  for (var k = 0u; k < p.len; k += 1u) {
    let at = base + k * p.inner;
    let x = in0_at(p.x_at + at);
    acc = {{E2}};
    out0_put(p.out_at + at, {{O}}({{E3}}));
  }
}
