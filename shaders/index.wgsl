// Reading or writing at indexed places. Each position of the walk has an index (in0), a near place
// that its coordinates give, and a far place that the index moves along a dimension.
const WRAPS: u32 = {{C0}};
struct Params { n: u32, row: u32, index_at: u32, source_at: u32, out_at: u32, code: u32, bound: u32, step: u32,
  dims: array<u32, 4>, index_strides: array<u32, 4>, near_strides: array<u32, 4>, far_strides: array<u32, 4>, skipped: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let c3 = i % p.dims[3]; let r2 = i / p.dims[3];
  let c2 = r2 % p.dims[2]; let r1 = r2 / p.dims[2];
  let c1 = r1 % p.dims[1]; let c0 = r1 / p.dims[1];
  let slot = c0 * p.index_strides[0] + c1 * p.index_strides[1] + c2 * p.index_strides[2] + c3 * p.index_strides[3];
  let near = c0 * p.near_strides[0] + c1 * p.near_strides[1] + c2 * p.near_strides[2] + c3 * p.near_strides[3];
  var far = c0 * p.far_strides[0] + c1 * p.far_strides[1] + c2 * p.far_strides[2] + c3 * p.far_strides[3];
  let given = in0_long(p.index_at + slot);
  var index = given;
  if (WRAPS == 1u && index < 0li) { index += i64(p.bound); }
  if (index < 0li || index >= i64(p.bound)) { raise(p.code, slot, given); return; }
  if (u32(index) + 1u == p.skipped) { return; }
  far += u32(index) * p.step;
  {{E0}};
}
