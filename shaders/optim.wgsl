// Optimizer updates, one thread an element; the update is put in by the host.
struct Params { n: u32, row: u32, grad_at: u32, param_at: u32, s0_at: u32, s1_at: u32, s2_at: u32,
  sign: f32, shrink: f32, decay: f32, rate: f32, q0: f32, q1: f32, q2: f32, q3: f32, q4: f32, q5: f32, q6: f32, q7: f32 }
var<immediate> p: Params;

// Moves from one number towards another, from the nearer end.
fn lerp(a: f32, b: f32, weight: f32) -> f32 {
  return select(b - (b - a) * (1.0 - weight), a + weight * (b - a), weight < 0.5);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let old = out0_at(p.param_at + i) * p.shrink;
  let g = in0_at(p.grad_at + i) * p.sign + p.decay * old;
  {{E0}}
}
