// out[batch, m, n] = a[batch, m, k] * b[batch, k, n] (alpha times it, plus beta * c), operands of any strides. A group
// of 16 x 16 threads computes a tile of 16 SIDE x 16 SIDE results, SIDE x SIDE a thread. Elementwise ops may follow.
const SIDE: u32 = {{C0}};
const TILE: u32 = 16u * SIDE;
const DEPTH: u32 = 16u;
struct Params { m: u32, n: u32, k: u32, batches: u32, inner: u32, out_at: u32,
  a_at: u32, a_outer: u32, a_inner: u32, a_row: u32, a_col: u32,
  b_at: u32, b_outer: u32, b_inner: u32, b_row: u32, b_col: u32,
  c_at: u32, c_outer: u32, c_inner: u32, c_row: u32, c_col: u32, first: u32, beta: f32, alpha: f32{{FIELDS}} }
var<immediate> p: Params;

// Not that any compiler knew.
fn nothing() -> u32 { return p.first >> 31u; }

var<workgroup> tile_a: array<{{T}}, TILE * DEPTH>;
var<workgroup> tile_b: array<{{T}}, TILE * DEPTH>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
  let batch = group.z + p.first;
  let outer = batch / p.inner;
  let inner = batch % p.inner;
  let a_at = p.a_at + outer * p.a_outer + inner * p.a_inner;
  let b_at = p.b_at + outer * p.b_outer + inner * p.b_inner;
  let row0 = group.y * TILE;
  let col0 = group.x * TILE;
  var acc: array<array<{{T}}, SIDE>, SIDE>;
  for (var i = 0u; i < SIDE; i += 1u) { for (var j = 0u; j < SIDE; j += 1u) { acc[i][j] = {{T}}(0); } }
  for (var k0 = 0u; k0 < p.k; k0 += DEPTH) {
    // Neighbouring threads load neighbours in memory, whichever way an operand lies.
    for (var e = t; e < TILE * DEPTH; e += 256u) {
      let by_row = p.a_col <= p.a_row;
      let r = select(e % TILE, e / DEPTH, by_row);
      let c = select(e / TILE, e % DEPTH, by_row);
      var v = {{T}}(0);
      if (row0 + r < p.m && k0 + c < p.k) { v = in0_at(a_at + (row0 + r) * p.a_row + (k0 + c) * p.a_col); }
      tile_a[c * TILE + r] = v;
    }
    for (var e = t; e < TILE * DEPTH; e += 256u) {
      let by_row = p.b_col <= p.b_row;
      let r = select(e % DEPTH, e / TILE, by_row);
      let c = select(e / DEPTH, e % TILE, by_row);
      var v = {{T}}(0);
      if (k0 + r < p.k && col0 + c < p.n) { v = in1_at(b_at + (k0 + r) * p.b_row + (col0 + c) * p.b_col); }
      tile_b[r * TILE + c] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k += 1u) {
      for (var i = 0u; i < SIDE; i += 1u) {
        let a = tile_a[k * TILE + local.y + 16u * i];
        for (var j = 0u; j < SIDE; j += 1u) { acc[i][j] += a * tile_b[k * TILE + local.x + 16u * j]; }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < SIDE; i += 1u) {
    for (var j = 0u; j < SIDE; j += 1u) {
      let r = row0 + local.y + 16u * i;
      let c = col0 + local.x + 16u * j;
      if (r < p.m && c < p.n) {
        var v = acc[i][j];
        {{E0}}
        {{STEPS}}
        out0_put(p.out_at + (batch * p.m + r) * p.n + c, {{RESULT}});
      }
    }
  }
}
