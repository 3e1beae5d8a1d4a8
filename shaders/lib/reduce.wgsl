// Folds whose accumulator is more than one number.

// The logarithm of a sum of exponentials: the largest term, and the sum relative to it.
fn join_exponentials(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  let top = max_nan(a.x, b.x);
  if (!is_finite(top)) { return vec2<f32>(top, 1.0); }
  let left = select(a.y * exp(a.x - top), 0.0, is_inf(a.x));
  let right = select(b.y * exp(b.x - top), 0.0, is_inf(b.x));
  return vec2<f32>(top, left + right);
}

// Mean and squared deviation (Chan, Golub and LeVeque 1979): count, mean, sum of squares about it.
fn join_moments(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
  let n = a.x + b.x;
  if (n == 0.0) { return a; }
  let d = b.y - a.y;
  return vec3<f32>(n, a.y + d * (b.x / n), a.z + b.z + d * d * (a.x * b.x / n));
}

fn variance(acc: vec3<f32>, correction: f32) -> f32 {
  if (!is_finite(acc.y)) { return nan(); }
  let free = max(acc.x - correction, 0.0);
  if (free == 0.0) { return select(nan(), infinity(), acc.z > 0.0); }
  return acc.z / free;
}
