// A fold over some dimensions: LANES threads an output, each over every LANES-th element, then a
// tree. The fold's parts (start, step, combination, finish) are put in by the host.
const LANES: u32 = {{C0}};
alias Acc = {{E0}};
struct Params { n: u32, row: u32, len: u32, at: u32, out_at: u32, number: f32,
  kept: array<u32, 4>, kept_strides: array<u32, 4>, folded: array<u32, 4>, folded_strides: array<u32, 4> }
var<immediate> p: Params;
var<workgroup> shared_acc: array<Acc, 256>;

// Where position i of the folded dimensions lies.
fn place(i: u32, dims: array<u32, 4>, strides: array<u32, 4>) -> u32 {
  let c3 = i % dims[3]; let r2 = i / dims[3];
  let c2 = r2 % dims[2]; let r1 = r2 / dims[2];
  let c1 = r1 % dims[1]; let c0 = r1 / dims[1];
  return c0 * strides[0] + c1 * strides[1] + c2 * strides[2] + c3 * strides[3];
}
fn start() -> Acc { return {{E1}}; }
fn step(acc: Acc, x: {{T}}) -> Acc { return {{E2}}; }
fn combine(a: Acc, b: Acc) -> Acc { return {{E3}}; }
fn finish(acc: Acc) -> {{O}} { return {{O}}({{E4}}); }

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let first = (group.x + group.y * p.row) * (256u / LANES);
  let o = first + t / LANES;
  let lane = t % LANES;
  var acc = start();
  if (o < p.n) {
    let base = p.at + place(o, p.kept, p.kept_strides);
    for (var i = lane; i < p.len; i += LANES) {
      acc = step(acc, in0_at(base + place(i, p.folded, p.folded_strides)));
    }
  }
  if (LANES > 1u) {
    shared_acc[t] = acc;
    workgroupBarrier();
    for (var s = LANES / 2u; s > 0u; s = s / 2u) {
      if (lane < s) { shared_acc[t] = combine(shared_acc[t], shared_acc[t + s]); }
      workgroupBarrier();
    }
    acc = shared_acc[t];
  }
  if (lane == 0u && o < p.n) { out0_put(p.out_at + o, finish(acc)); }
}
