// The first place of a sorted sequence before which a value can stand: in0 holds the sequence (one
// for all values, or one a row of them), in1 the values, in2 the order of a sequence not sorted itself.
const RIGHT: u32 = {{C0}};
const SORTER: u32 = {{C1}};
struct Params { n: u32, row: u32, sequence_at: u32, values_at: u32, sorter_at: u32, out_at: u32, len: u32, per: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let value = in1_at(p.values_at + i);
  let first = i / p.per * p.len;
  var low = 0u; var high = p.len;
  while (low < high) {
    let middle = low + (high - low) / 2u;
    var at = middle;
    if (SORTER == 1u) { at = u32(in2_at(p.sorter_at + first + middle)); }
    let x = in0_at(p.sequence_at + first + min(at, p.len - 1u));
    if (select(x >= value, x > value, RIGHT == 1u) && !is_nan(x) && !is_nan(value)) { high = middle; } else { low = middle + 1u; }
  }
  out0_put(p.out_at + i, {{O}}(low));
}
