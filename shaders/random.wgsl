// Fills with draws: a thread takes one block of four words for four elements.
struct Params { n: u32, row: u32, out_at: u32, seed: array<u32, 2>, offset: array<u32, 2>,
  from_low: u32, from_high: u32, range: u32, p0: f32, p1: f32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let block = gid.x + gid.y * p.row;
  let first = block * 4u;
  if (first >= p.n) { return; }
  let low = p.offset[0] + block;
  let high = p.offset[1] + select(0u, 1u, low < block);
  let words = philox(vec4<u32>(low, high, 0u, 0u), vec2<u32>(p.seed[0], p.seed[1]));
  let pairs = vec4<f32>(normals(words.x, words.y), normals(words.z, words.w));
  for (var k = 0u; k < min(4u, p.n - first); k += 1u) {
    let word = words[k];
    let u = unit(word);
    let normal = pairs[k];
    out0_put(p.out_at + first + k, {{O}}({{E0}}));
  }
}
