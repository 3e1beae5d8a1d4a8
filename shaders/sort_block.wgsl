// The steps of sort that stay within blocks of 512 places, in the workgroup's memory: at first all
// runs up to a block, later the last steps of a merge.
const FIRST: u32 = {{C0}};
struct Params { n: u32, row: u32, values_at: u32, order_at: u32, len: u32, padded: u32 }
var<immediate> p: Params;
var<workgroup> block_values: array<{{T}}, 512>;
var<workgroup> block_order: array<i32, 512>;

fn step(first: u32, t: u32, run: u32, distance: u32) {
  let pair = comparator(t, run, distance);
  let last = first + pair.y;
  if (last < 2u * p.n && last % p.padded < p.len) {
    let a = block_values[pair.x];
    let b = block_values[pair.y];
    let from_a = block_order[pair.x];
    let from_b = block_order[pair.y];
    if ({{E0}} || (!({{E1}}) && from_b < from_a)) {
      block_values[pair.x] = b;
      block_values[pair.y] = a;
      block_order[pair.x] = from_b;
      block_order[pair.y] = from_a;
    }
  }
  workgroupBarrier();
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let first = 2u * (gid.x + gid.y * p.row - t);
  for (var e = t; e < 512u; e += 256u) {
    let place = (first + e) % p.padded;
    let at = (first + e) / p.padded * p.len + place;
    if (first + e < 2u * p.n && place < p.len) {
      block_values[e] = out0_at(p.values_at + at);
      if (FIRST == 1u) { block_order[e] = i32(place); } else { block_order[e] = out1_at(p.order_at + at); }
    }
  }
  workgroupBarrier();
  if (FIRST == 1u) {
    for (var run = 2u; run <= min(p.padded, 512u); run *= 2u) {
      step(first, t, run, 0u);
      for (var distance = run / 4u; distance > 0u; distance /= 2u) { step(first, t, run, distance); }
    }
  } else {
    for (var distance = 256u; distance > 0u; distance /= 2u) { step(first, t, 512u, distance); }
  }
  for (var e = t; e < 512u; e += 256u) {
    let place = (first + e) % p.padded;
    let at = (first + e) / p.padded * p.len + place;
    if (first + e < 2u * p.n && place < p.len) {
      out0_put(p.values_at + at, block_values[e]);
      out1_put(p.order_at + at, block_order[e]);
    }
  }
}
