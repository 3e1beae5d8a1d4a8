// Kept elements to the places that a running count of them (in0) gives, or back from there.
struct Params { n: u32, row: u32, count_at: u32, x_at: u32, out_at: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let count = in0_at(p.count_at + i);
  var before = 0;
  if (i > 0u) { before = in0_at(p.count_at + i - 1u); }
  if (count == before) { return; }
  let k = u32(before);
  {{E0}};
}
