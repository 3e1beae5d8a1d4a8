enable f16;
enable wgpu_cooperative_matrix;
// matmul.wgsl by matrices of SIZE x SIZE that a subgroup of 32 threads multiplies at once (tensor cores, simdgroup
// matrices): the same parameters and results, sums in f32. A workgroup of four subgroups computes a tile of 4 SIZE x
// 4 SIZE, two matrices each way a subgroup. Where the hardware's subgroups are others the self test fails.
const SIZE: u32 = {{N0}}u;
const TILE: u32 = 4u * SIZE;
const DEPTH: u32 = 2u * SIZE;
struct Params { m: u32, n: u32, k: u32, batches: u32, inner: u32, out_at: u32,
  a_at: u32, a_outer: u32, a_inner: u32, a_row: u32, a_col: u32,
  b_at: u32, b_outer: u32, b_inner: u32, b_row: u32, b_col: u32,
  c_at: u32, c_outer: u32, c_inner: u32, c_row: u32, c_col: u32, first: u32, beta: f32, alpha: f32{{FIELDS}} }
var<immediate> p: Params;

// Not that any compiler knew.
fn nothing() -> u32 { return p.first >> 31u; }
var<workgroup> tile_a: array<{{S}}, TILE * DEPTH>;
var<workgroup> tile_b: array<{{S}}, DEPTH * TILE>;
var<workgroup> tile_c: array<f32, TILE * TILE>;

// Neighbouring threads load neighbours in memory, whichever way an operand lies.
fn load_a(a_at: u32, row0: u32, k0: u32, t: u32) {
  for (var e = t; e < TILE * DEPTH; e += 128u) {
    let by_row = p.a_col <= p.a_row;
    let r = select(e % TILE, e / DEPTH, by_row);
    let c = select(e / TILE, e % DEPTH, by_row);
    var v = 0.0;
    if (row0 + r < p.m && k0 + c < p.k) { v = in0_at(a_at + (row0 + r) * p.a_row + (k0 + c) * p.a_col); }
    tile_a[r * DEPTH + c] = {{S}}(v);
  }
}

fn load_b(b_at: u32, k0: u32, col0: u32, t: u32) {
  for (var e = t; e < TILE * DEPTH; e += 128u) {
    let by_row = p.b_col <= p.b_row;
    let r = select(e % DEPTH, e / TILE, by_row);
    let c = select(e / DEPTH, e % TILE, by_row);
    var v = 0.0;
    if (k0 + r < p.k && col0 + c < p.n) { v = in1_at(b_at + (k0 + r) * p.b_row + (col0 + c) * p.b_col); }
    tile_b[r * TILE + c] = {{S}}(v);
  }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let batch = group.z + p.first;
  let outer = batch / p.inner;
  let inner = batch % p.inner;
  let a_at = p.a_at + outer * p.a_outer + inner * p.a_inner;
  let b_at = p.b_at + outer * p.b_outer + inner * p.b_inner;
  let row0 = group.y * TILE;
  let col0 = group.x * TILE;
  let row = (t / 64u) * 2u * SIZE;
  let col = (t / 32u % 2u) * 2u * SIZE;
  let c00 = row * TILE + col;
  let c01 = c00 + SIZE;
  let c10 = c00 + SIZE * TILE;
  let c11 = c10 + SIZE;
  for (var e = t; e < TILE * TILE; e += 128u) { tile_c[e] = 0.0; }
  workgroupBarrier();
  var acc00 = coopLoadT<coop_mat{{N0}}x{{N0}}<f32, C>>(&tile_c[c00], TILE);
  var acc01 = coopLoadT<coop_mat{{N0}}x{{N0}}<f32, C>>(&tile_c[c01], TILE);
  var acc10 = coopLoadT<coop_mat{{N0}}x{{N0}}<f32, C>>(&tile_c[c10], TILE);
  var acc11 = coopLoadT<coop_mat{{N0}}x{{N0}}<f32, C>>(&tile_c[c11], TILE);
  for (var k0 = 0u; k0 < p.k; k0 += DEPTH) {
    load_a(a_at, row0, k0, t);
    load_b(b_at, k0, col0, t);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k += SIZE) {
      let a0_at = row * DEPTH + k;
      let a1_at = a0_at + SIZE * DEPTH;
      let b0_at = k * TILE + col;
      let b1_at = b0_at + SIZE;
      let a0 = coopLoadT<coop_mat{{N0}}x{{N0}}<{{S}}, A>>(&tile_a[a0_at], DEPTH);
      let a1 = coopLoadT<coop_mat{{N0}}x{{N0}}<{{S}}, A>>(&tile_a[a1_at], DEPTH);
      let b0 = coopLoadT<coop_mat{{N0}}x{{N0}}<{{S}}, B>>(&tile_b[b0_at], TILE);
      let b1 = coopLoadT<coop_mat{{N0}}x{{N0}}<{{S}}, B>>(&tile_b[b1_at], TILE);
      acc00 = coopMultiplyAdd(a0, b0, acc00);
      acc01 = coopMultiplyAdd(a0, b1, acc01);
      acc10 = coopMultiplyAdd(a1, b0, acc10);
      acc11 = coopMultiplyAdd(a1, b1, acc11);
    }
    workgroupBarrier();
  }
  coopStoreT(acc00, &tile_c[c00], TILE);
  coopStoreT(acc01, &tile_c[c01], TILE);
  coopStoreT(acc10, &tile_c[c10], TILE);
  coopStoreT(acc11, &tile_c[c11], TILE);
  workgroupBarrier();
  for (var e = t; e < TILE * TILE; e += 128u) {
    let r = row0 + e / TILE;
    let c = col0 + e % TILE;
    if (r < p.m && c < p.n) {
      var v = tile_c[e];
      {{E0}}
      {{STEPS}}
      out0_put(p.out_at + (batch * p.m + r) * p.n + c, {{RESULT}});
    }
  }
}
