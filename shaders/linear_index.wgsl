// Adds an index, checked and counted from the end when negative, times a step to a position.
struct Params { n: u32, row: u32, index_at: u32, out_at: u32, code: u32, bound: u32, step: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let given = in0_long(p.index_at + i);
  let index = select(given, given + i64(p.bound), given < 0li);
  if (index < 0li || index >= i64(p.bound)) { raise(p.code, i, given); return; }
  out0_put(p.out_at + i, out0_at(p.out_at + i) + index * i64(p.step));
}
