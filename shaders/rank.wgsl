// One element of each sorted line and where it was. NaN comes last.
const KTH: u32 = 0u;
const MEDIAN: u32 = 1u;
const NAN_MEDIAN: u32 = 2u;
const KIND: u32 = {{C0}};
struct Params { n: u32, row: u32, values_at: u32, order_at: u32, value_at: u32, index_at: u32, len: u32, k: u32 }
var<immediate> p: Params;

// How many elements of a line are not NaN.
fn numbers(first: u32) -> u32 {
  var low = 0u; var high = p.len;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (is_nan(in0_at(p.values_at + first + middle))) { high = middle; } else { low = middle + 1u; }
  }
  return low;
}

// The last of the most frequent ones, of several the smallest.
fn mode(first: u32) -> u32 {
  var best = 0u; var longest = 0u; var start = 0u;
  for (var i = 0u; i < p.len; i += 1u) {
    let x = in0_at(p.values_at + first + i);
    if (i > 0u && sorts_before(in0_at(p.values_at + first + i - 1u), x)) { start = i; }
    if (i + 1u - start > longest) { longest = i + 1u - start; best = i; }
  }
  return best;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let first = i * p.len;
  var at = p.k;
  if (KIND == MEDIAN || KIND == NAN_MEDIAN) {
    let count = numbers(first);
    at = select((max(count, 1u) - 1u) / 2u, count, KIND == MEDIAN && count < p.len);
  } else if (KIND > NAN_MEDIAN) {
    at = mode(first);
  }
  out0_put(p.value_at + i, in0_at(p.values_at + first + at));
  out1_put(p.index_at + i, i64(in1_at(p.order_at + first + at)));
}
