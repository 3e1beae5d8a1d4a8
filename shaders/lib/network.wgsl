// Sorting networks.

// The two places that comparator c of a step puts in order: mirror images within a run (distance 0),
// or a distance apart.
fn comparator(c: u32, run: u32, distance: u32) -> vec2<u32> {
  if (distance == 0u) {
    let start = c / (run / 2u) * run;
    let offset = c % (run / 2u);
    return vec2<u32>(start + offset, start + run - 1u - offset);
  }
  let low = c / distance * 2u * distance + c % distance;
  return vec2<u32>(low, low + distance);
}
