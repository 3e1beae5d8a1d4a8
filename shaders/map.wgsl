// Elementwise: each element of out0 is an expression of the operands' elements at its place.
// The expression, the index arithmetic of the rank at hand and the operands are put in by the host.
struct Params { n: u32, row: u32, p0: f32, p1: f32, p2: f32, p3: f32{{FIELDS}} }
var<immediate> p: Params;

{{FUNCTIONS}}
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
{{STORE}}}
