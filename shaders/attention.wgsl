// Scores of queries (in out0) become attention weights: scaled, masked, softmax along the keys.
// LANES threads a query; a query that may attend to nothing gets weights of zero.
const LANES: u32 = {{C0}};
const CAUSAL: u32 = {{C1}};
struct Params { n: u32, row: u32, mask_at: u32, scores_at: u32, lse_at: u32, queries: u32, keys: u32, scale: f32 }
var<immediate> p: Params;
var<workgroup> shared_acc: array<vec2<f32>, 256>;

fn score(r: u32, k: u32) -> f32 {
  let at = p.mask_at + r * p.keys + k;
  let s = out0_at(p.scores_at + r * p.keys + k) * p.scale;
  if (CAUSAL == 1u && k > r % p.queries) { return -infinity(); }
  return {{E0}};
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let r = (group.x + group.y * p.row) * (256u / LANES) + t / LANES;
  let lane = t % LANES;
  var acc = vec2<f32>(-infinity(), 0.0);
  if (r < p.n) {
    for (var k = lane; k < p.keys; k += LANES) {
      acc = join_exponentials(acc, vec2<f32>(score(r, k), 1.0));
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = join_exponentials(shared_acc[t], shared_acc[t + s]); }
      workgroupBarrier();
    }
    acc = shared_acc[t - lane];
  }
  if (r < p.n) {
    if (lane == 0u) { out1_put(p.lse_at + r, acc.x + log(acc.y)); }
    let nothing = is_inf(acc.x) && acc.x < 0.0;
    for (var k = lane; k < p.keys; k += LANES) {
      let s = score(r, k);
      let weight = select(exp(s - acc.x) / acc.y, 0.0, nothing || (is_inf(s) && s < 0.0));
      out0_put(p.scores_at + r * p.keys + k, weight);
    }
  }
}
