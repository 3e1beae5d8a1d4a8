// Elementwise: each element of out0 is an expression of the operands' elements at its place, or several, one after
// another. They, the index arithmetic of the rank at hand and the operands are put in by the host.
struct Params { n: u32, row: u32{{FIELDS}} }
var<immediate> p: Params;

// A row has fewer than 2^31 elements, but no compiler knows.
fn nothing() -> u32 { return p.row >> 31u; }

{{FUNCTIONS}}
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
{{STORE}}}
