// One step of a bitonic sorting network (Batcher 1968) over lines of len elements, one comparator a
// thread. All comparators put the earlier element first: to merge two sorted runs, a place meets its
// mirror image (distance 0), then the place a distance on. Places past the end of a line would come
// after all elements and so never move: they are not stored.
struct Params { n: u32, row: u32, values_at: u32, order_at: u32, len: u32, padded: u32, run: u32, distance: u32 }
var<immediate> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let line = i / (p.padded / 2u);
  let c = i % (p.padded / 2u);
  let pair = comparator(c, p.run, p.distance);
  if (pair.y >= p.len) { return; }
  let low = line * p.len + pair.x;
  let high = line * p.len + pair.y;
  let a = out0_at(p.values_at + low);
  let b = out0_at(p.values_at + high);
  let from_a = out1_at(p.order_at + low);
  let from_b = out1_at(p.order_at + high);
  if ({{E0}} || (!({{E1}}) && from_b < from_a)) {
    out0_put(p.values_at + low, b);
    out0_put(p.values_at + high, a);
    out1_put(p.order_at + low, from_b);
    out1_put(p.order_at + high, from_a);
  }
}
