// Numbers from their place: out0[i] is an expression of i.
struct Params { n: u32, row: u32, out_at: u32, start_low: u32, start_high: u32, step_low: u32, step_high: u32, start: f32, step: f32, end: f32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  out0_put(p.out_at + i, {{O}}({{E0}}));
}
