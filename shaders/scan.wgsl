// Running folds along a dimension of [outer, len, inner], cut into chunks: one thread a chunk. A long
// line takes three steps: the fold of each chunk, the running folds of those, and the chunks again,
// each beginning with the fold of all before it.
const WHOLE: u32 = 0u;
const FOLD: u32 = 1u;
const PART: u32 = {{C0}};
alias Acc = {{E0}};
struct Params { n: u32, row: u32, x_at: u32, carry_at: u32, out_at: u32, len: u32, inner: u32, chunk: u32, chunks: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let line = i / p.inner / p.chunks;
  let first = i / p.inner % p.chunks * p.chunk;
  var acc: Acc = {{E1}};
  if (PART > FOLD && first > 0u) {
    let x = in1_at(p.carry_at + i - p.inner);
    acc = {{E2}};
  }
  for (var k = first; k < min(first + p.chunk, p.len); k += 1u) {
    let at = (line * p.len + k) * p.inner + i % p.inner;
    let x = in0_at(p.x_at + at);
    acc = {{E2}};
    if (PART == WHOLE || PART > FOLD) { out0_put(p.out_at + at, {{O}}({{E3}})); }
  }
  if (PART == FOLD) { out0_put(p.out_at + i, {{O}}({{E3}})); }
}
