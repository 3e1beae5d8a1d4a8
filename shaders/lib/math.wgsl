// Functions of rows on floats. NaN is told by its bits: comparisons are not reliable everywhere.

fn is_nan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn is_inf(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) == 0x7f800000u; }

fn is_finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) < 0x7f800000u; }

fn is_zero(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) == 0u; }

fn signbit(v: f32) -> bool { return (bitcast<u32>(v) >> 31u) == 1u; }

// Constants of these values are refused by compilers; the variable hides them.
fn nan() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }

fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }

fn max_nan(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }

fn min_nan(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }

// In sorted order NaN comes last.
fn sorts_before(a: f32, b: f32) -> bool { return !is_nan(a) && (is_nan(b) || a < b); }

fn relu(v: f32) -> f32 { return select(max(v, 0.0), v, is_nan(v)); }

fn magnitude(v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) & 0x7fffffffu); }

fn copysign(a: f32, b: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u));
}

fn sign_of(v: f32) -> f32 { return select(select(select(0.0, -1.0, v < 0.0), 1.0, v > 0.0), 0.0, is_nan(v)); }

fn floor_of(v: f32) -> f32 { return floor(v); }

fn ceil_of(v: f32) -> f32 { return ceil(v); }

fn trunc_of(v: f32) -> f32 { return trunc(v); }

fn round_of(v: f32) -> f32 { return round(v); }

fn div_trunc(a: f32, b: f32) -> f32 { return trunc(a / b); }

// The quotient of a - remainder by b is whole but for rounding; a / b itself may round across one.
fn div_floor(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return a / b; }
  let r = rem_trunc(a, b);
  if (is_nan(r)) { return r; }
  let other = !(r == 0.0) && ((r < 0.0) != (b < 0.0));
  let q = (a - r) / b - select(0.0, 1.0, other);
  return select(round(q), copysign(0.0, a / b), q == 0.0);
}

// Long division: each difference is exact, which a - b * trunc(a / b) is not for large quotients.
fn rem_trunc(a: f32, b: f32) -> f32 {
  if (b == 0.0 || !is_finite(a) || is_nan(b)) { return nan(); }
  let divisor = magnitude(b);
  if (is_inf(b) || divisor < 1.17549435e-38) { return select(a, copysign(magnitude(a) % divisor, a), is_finite(b)); }
  var r = magnitude(a);
  while (r >= divisor) {
    let places = (bitcast<u32>(r) >> 23u) - (bitcast<u32>(divisor) >> 23u);
    let multiple = bitcast<f32>(bitcast<u32>(divisor) + (places << 23u));
    r -= select(multiple, 0.5 * multiple, multiple > r);
  }
  return copysign(r, a);
}

fn rem_floor(a: f32, b: f32) -> f32 {
  let r = rem_trunc(a, b);
  let other = !(r == 0.0) && ((r < 0.0) != (b < 0.0));
  return select(r, r + b, other && !is_nan(r));
}

fn clamp_to(x: f32, lo: f32, hi: f32) -> f32 { return select(max(min(x, hi), lo), x, is_nan(x)); }

fn threshold_of(x: f32, limit: f32, low: f32) -> f32 { return select(x, low, x <= limit && !is_nan(x)); }

fn heaviside(a: f32, b: f32) -> f32 { return select(select(0.0, 1.0, a > 0.0), b, a == 0.0); }

fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (is_nan(x) || is_nan(y)) { return nan(); }
  let whole = trunc(y) == y;
  let odd = whole && is_finite(y) && !(fract(abs(y) * 0.5) == 0.0);
  if (whole && abs(y) <= 16.0) {
    var product = 1.0; var square = x; var rest = u32(abs(y));
    while (rest > 0u) {
      if ((rest & 1u) == 1u) { product *= square; }
      square *= square; rest = rest >> 1u;
    }
    return select(product, 1.0 / product, y < 0.0);
  }
  if (x < 0.0 && !whole && !is_inf(x)) { return nan(); }
  var size = 0.0;
  let m = abs(x);
  if (m == 1.0) { size = 1.0; }
  else if (m == 0.0 || is_inf(m) || is_inf(y)) { size = select(0.0, infinity(), (m < 1.0) == (y < 0.0)); }
  else { size = pow(m, y); }
  return select(size, -size, odd && signbit(x));
}

fn expm1(x: f32) -> f32 {
  if (abs(x) < 0.5) {
    return x * (1.0 + x * (0.5 + x * (1.6666667e-1 + x * (4.1666668e-2 + x * (8.333334e-3 + x * (1.3888889e-3 + x * (1.984127e-4 + x * 2.4801588e-5)))))));
  }
  return exp(x) - 1.0;
}

fn log1p(x: f32) -> f32 {
  if (abs(x) < 1e-4) { return x * (1.0 - x * (0.5 - x * 0.33333334)); }
  let u = 1.0 + x;
  if (is_inf(u) || u <= 0.0) { return log(u); }
  return log(u) * (x / (u - 1.0));
}

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(select(1.0, e, x < 0.0) / (1.0 + e), x, is_nan(x));
}

fn tanh_safe(x: f32) -> f32 {
  let t = expm1(2.0 * min(abs(x), 15.0));
  return select(copysign(t / (t + 2.0), x), x, is_nan(x));
}

fn sinh_of(x: f32) -> f32 {
  if (abs(x) > 1.0) { let half = exp(0.5 * abs(x)); return copysign(0.5 * half * half, x) - copysign(0.5, x) / half / half; }
  let e = expm1(x);
  return 0.5 * (e + e / (e + 1.0));
}

fn cosh_of(x: f32) -> f32 { let half = exp(0.5 * abs(x)); return 0.5 * half * half + 0.5 / half / half; }

fn asinh_of(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1e4) { return copysign(log(a) + 0.6931472, x); }
  return copysign(log1p(a + a * a / (1.0 + sqrt(a * a + 1.0))), x);
}

fn acosh_of(x: f32) -> f32 {
  if (x > 1e4) { return log(x) + 0.6931472; }
  let t = x - 1.0;
  return log1p(t + sqrt(2.0 * t + t * t));
}

fn atanh_of(x: f32) -> f32 { return 0.5 * log1p(2.0 * x / (1.0 - x)); }

// The high word of a product.
fn mul_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
}

// An angle in quarter turns from the nearest whole number of them, in radians, and that number modulo 4. In whole
// numbers (Payne and Hanek 1983): drivers' sin is as good as they like, and worse for large angles.
fn quarter_turns(x: f32) -> vec2<f32> {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  if (bits <= 0x3f490fdbu) { return vec2<f32>(x, 0.0); }
  // Bits of 2 / pi behind a word of zeros; those of multiples of 4 quarter turns are left out.
  var table = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
  let first = (bits >> 23u) - 120u;
  let word = first >> 5u; let shift = first & 31u;
  var part = array<u32, 3>();
  for (var i = 0u; i < 3u; i += 1u) {
    part[i] = (table[word + i] << shift) | select(table[word + i + 1u] >> (32u - shift), 0u, shift == 0u);
  }
  let m = (bits & 0x7fffffu) | 0x800000u;
  let low = m * part[1] + mul_high(m, part[2]);
  let high = m * part[0] + mul_high(m, part[1]) + select(0u, 1u, low < m * part[1]);
  var rest = vec2<u32>((high << 2u) | (low >> 30u), low << 2u);
  let beyond = rest.x >> 31u;
  if (beyond == 1u) { rest = vec2<u32>(~rest.x, ~rest.y); }
  let size = (f32(rest.x) * 2.3283064e-10 + f32(rest.y) * 5.421011e-20) * 1.5707964;
  let turns = ((high >> 30u) + beyond) & 3u;
  let back = (beyond == 1u) != (x < 0.0);
  return vec2<f32>(select(size, -size, back), f32(select(turns, (4u - turns) & 3u, x < 0.0)));
}

// sin of r and of a number of quarter turns more; polynomials of Cephes.
fn sin_beyond(r: f32, turns: u32) -> f32 {
  let z = r * r;
  let sine = r + r * z * ((-1.9515296e-4 * z + 8.3321609e-3) * z - 1.6666655e-1);
  let cosine = 1.0 - 0.5 * z + z * z * ((2.4433157e-5 * z - 1.3887316e-3) * z + 4.1666646e-2);
  let v = select(sine, cosine, (turns & 1u) == 1u);
  return select(v, -v, (turns & 2u) == 2u);
}

fn sin_of(x: f32) -> f32 {
  if (!is_finite(x)) { return nan(); }
  let at = quarter_turns(x);
  return sin_beyond(at.x, u32(at.y));
}

fn cos_of(x: f32) -> f32 {
  if (!is_finite(x)) { return nan(); }
  let at = quarter_turns(x);
  return sin_beyond(at.x, u32(at.y) + 1u);
}

fn tan_of(x: f32) -> f32 { return sin_of(x) / cos_of(x); }

fn hypotenuse(a: f32, b: f32) -> f32 {
  if (is_inf(a) || is_inf(b)) { return infinity(); }
  if (is_nan(a) || is_nan(b)) { return nan(); }
  let big = max(abs(a), abs(b)); let small = min(abs(a), abs(b));
  if (big == 0.0) { return big; }
  let r = small / big;
  return big * sqrt(1.0 + r * r);
}

fn erf(x: f32) -> f32 {
  let a = abs(x); let s = x * x;
  if (a > 0.921875) {
    let r = (-1.72853470e-5 * a + 3.83197126e-4) * s + (-3.88396438e-3 * a + 2.42546219e-2);
    let q = (((r * a - 1.06777877e-1) * a - 6.34846687e-1) * a - 1.28717512e-1) * a - a;
    return copysign(1.0 - exp(q), x);
  }
  let q = ((((-5.96761703e-4 * s + 4.99119423e-3) * s - 2.67681349e-2) * s + 1.12819925e-1) * s - 3.76125336e-1) * s + 1.28379166e-1;
  return q * x + x;
}

// Numerical Recipes, third edition, 6.2.2: a Chebyshev fit with a fractional error below 1.2e-7.
fn erfc(x: f32) -> f32 {
  if (abs(x) < 0.5) { return 1.0 - erf(x); }
  let z = abs(x); let t = 2.0 / (2.0 + z);
  let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = t * exp(-z * z + fit);
  return select(tail, 2.0 - tail, x < 0.0);
}

// M. Giles, Approximating the erfinv function (GPU Computing Gems, 2011), single precision.
fn erfinv(x: f32) -> f32 {
  if (abs(x) == 1.0) { return copysign(infinity(), x); }
  if (abs(x) > 1.0) { return nan(); }
  var w = -log((1.0 - x) * (1.0 + x));
  if (w < 5.0) {
    w = w - 2.5;
    return x * (1.50140941 + w * (0.246640727 + w * (-0.00417768164 + w * (-0.00125372503 + w * (0.00021858087 + w * (-4.39150654e-6 + w * (-3.5233877e-6 + w * (3.43273939e-7 + w * 2.81022636e-8))))))));
  }
  w = sqrt(w) - 3.0;
  return x * (2.83297682 + w * (1.00167406 + w * (0.00943887047 + w * (-0.0076224613 + w * (0.00573950773 + w * (-0.00367342844 + w * (0.00134934322 + w * (0.000100950558 + w * -0.000200214257))))))));
}

// Stirling's series above 8, below it by recurrence; reflection for negative numbers.
fn lgamma(v: f32) -> f32 {
  if (is_inf(v) || (v <= 0.0 && floor(v) == v)) { return infinity(); }
  var x = select(v, 1.0 - v, v < 0.5); var product = 1.0;
  while (x < 8.0) { product *= x; x += 1.0; }
  let z = 1.0 / (x * x);
  if (v == 1.0 || v == 2.0) { return 0.0; }
  let high = (x - 0.5) * log(x) - x + 0.9189385 + (0.083333336 - z * (2.7777778e-3 - z * 7.936508e-4)) / x - log(product);
  return select(high, 1.1447299 - log(abs(sin_of(3.1415927 * (v - round(v))))) - high, v < 0.5);
}

fn digamma(v: f32) -> f32 {
  if (v == 0.0) { return copysign(infinity(), -v); }
  if (v < 0.0 && floor(v) == v) { return nan(); }
  var x = select(v, 1.0 - v, v < 0.0); var sum = 0.0;
  while (x < 8.0) { sum -= 1.0 / x; x += 1.0; }
  let z = 1.0 / (x * x);
  let value = sum + log(x) - 0.5 / x - z * (0.083333336 - z * (8.333334e-3 - z * (3.968254e-3 - z * 4.1666668e-3)));
  return select(value, value - 3.1415927 / tan_of(3.1415927 * (v - round(v))), v < 0.0);
}

fn trigamma(v: f32) -> f32 {
  var x = select(v, 1.0 - v, v < 0.5); var sum = 0.0;
  while (x < 8.0) { sum += 1.0 / (x * x); x += 1.0; }
  let z = 1.0 / (x * x);
  let value = sum + (1.0 + 0.5 / x + z * (0.16666667 - z * (0.033333335 - z * 0.023809524))) / x;
  let s = sin_of(3.1415927 * (v - round(v)));
  return select(value, 9.869604 / (s * s) - value, v < 0.5);
}

// Hurwitz's zeta function of positive numbers: eight terms, then Euler and Maclaurin.
fn zeta(s: f32, x: f32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < 8u; k += 1u) { sum += power(x + f32(k), -s); }
  let a = x + 8.0;
  let t = power(a, -s);
  let z = s / (a * a);
  return sum + a * t / (s - 1.0) + t * (0.5 + a * z * (0.083333336 - (s + 1.0) * (s + 2.0) / (a * a) * (1.3888889e-3 - (s + 3.0) * (s + 4.0) / (a * a) * 3.3068783e-5)));
}

fn polygamma(x: f32, order: f32) -> f32 {
  if (order == 0.0) { return digamma(x); }
  if (order == 1.0) { return trigamma(x); }
  var factorial = 1.0;
  for (var k = 2u; k <= u32(order); k += 1u) { factorial *= f32(k); }
  let size = factorial * zeta(order + 1.0, x);
  return select(size, -size, (u32(order) & 1u) == 0u);
}

fn sinc(x: f32) -> f32 {
  let a = 3.1415927 * x;
  return select(sin_of(a) / a, 1.0, x == 0.0);
}

fn softplus(x: f32, beta: f32, limit: f32) -> f32 {
  let scaled = x * beta;
  return select(log1p(exp(min(scaled, 80.0))) / beta, x, scaled > limit || is_nan(x));
}

// log(1 + exp(x)), linear where exp would overflow.
fn log1p_exp(x: f32) -> f32 { return select(max(x, 0.0) + log1p(exp(-abs(x))), x, is_nan(x)); }

fn log_sigmoid(x: f32) -> f32 { return select(min(x, 0.0) - log1p(exp(-abs(x))), x, is_nan(x)); }

fn mish(x: f32) -> f32 { return x * tanh_safe(log1p_exp(x)); }

fn elu(x: f32, alpha: f32, scale: f32, inner: f32) -> f32 {
  return select(expm1(min(x, 0.0) * inner) * alpha * scale, x * scale, x > 0.0 || is_nan(x));
}

fn hardsigmoid(x: f32) -> f32 { return clamp_to(x + 3.0, 0.0, 6.0) / 6.0; }

fn hardshrink(x: f32, limit: f32) -> f32 { return select(x, 0.0, abs(x) <= limit && !is_nan(x)); }

fn softshrink(x: f32, limit: f32) -> f32 {
  if (is_nan(x)) { return x; }
  return select(select(0.0, x + limit, x < -limit), x - limit, x > limit);
}

fn gelu(x: f32) -> f32 { return x * 0.5 * erfc(x * -0.70710678); }

fn gelu_tanh(x: f32) -> f32 { return 0.5 * x * (1.0 + tanh_safe(0.7978846 * (x + 0.044715 * x * x * x))); }

fn xlogy(a: f32, b: f32) -> f32 { return select(select(a * log(b), 0.0, a == 0.0), b, is_nan(b)); }

fn logaddexp(a: f32, b: f32) -> f32 {
  let top = max_nan(a, b);
  if (is_inf(top) && a == b) { return a; }
  return top + log1p(exp(-abs(a - b)));
}

fn logaddexp2(a: f32, b: f32) -> f32 {
  let top = max_nan(a, b);
  if (is_inf(top) && a == b) { return a; }
  return top + 1.442695 * log1p(exp2(-abs(a - b)));
}

fn logit(x: f32, eps: f32) -> f32 {
  let v = select(clamp_to(x, eps, 1.0 - eps), x, eps < 0.0 || is_nan(x));
  return log(v / (1.0 - v));
}

fn smooth_error(a: f32, b: f32, beta: f32) -> f32 {
  let z = abs(a - b);
  return select(z - 0.5 * beta, 0.5 * z * z / beta, z < beta);
}

fn huber_error(a: f32, b: f32, delta: f32) -> f32 {
  let z = abs(a - b);
  return select(delta * (z - 0.5 * delta), 0.5 * z * z, z <= delta);
}

fn cross_entropy_error(x: f32, t: f32) -> f32 {
  return (t - 1.0) * max_nan(log1p(-x), -100.0) - t * max_nan(log(x), -100.0);
}

// Drivers' asin is good to 1e-3 only: a minimax polynomial on [0, 0.5] (Cephes), beyond that by half angles.
fn asin_of(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0) { return nan(); }
  let far = a > 0.5;
  let z = select(x * x, 0.5 * (1.0 - a), far);
  let s = select(a, sqrt(z), far);
  let y = s + s * z * ((((4.2163199e-2 * z + 2.4181311e-2) * z + 4.5470026e-2) * z + 7.4953003e-2) * z + 1.6666752e-1);
  return select(copysign(select(y, 1.5707964 - 2.0 * y, far), x), x, is_nan(x));
}

fn acos_of(x: f32) -> f32 {
  if (x > 0.5) { return 2.0 * asin_of(sqrt(0.5 * (1.0 - x))) + select(0.0, nan(), x > 1.0); }
  if (x < -0.5) { return 3.1415927 - 2.0 * asin_of(sqrt(0.5 * (1.0 + x))) + select(0.0, nan(), x < -1.0); }
  return 1.5707964 - asin_of(x);
}

fn nextafter(x: f32, toward: f32) -> f32 {
  if (is_nan(x) || is_nan(toward)) { return nan(); }
  if (x == toward) { return toward; }
  let bits = bitcast<u32>(x);
  if (is_zero(x)) { return bitcast<f32>((bitcast<u32>(toward) & 0x80000000u) | 1u); }
  return bitcast<f32>(select(bits - 1u, bits + 1u, (x < toward) == (x > 0.0)));
}

fn round_decimals(x: f32, digits: f32) -> f32 {
  let scale = round(pow(10.0, abs(digits)));
  return select(round(x * scale) / scale, round(x / scale) * scale, digits < 0.0);
}

fn atan_of(x: f32) -> f32 { return select(atan(x), x, is_nan(x)); }

// Signs of zero and infinities count, as on the host.
fn atan2_of(y: f32, x: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return nan(); }
  let a = abs(x); let b = abs(y);
  var ratio = 0.0;
  if (is_inf(a) && is_inf(b)) { ratio = 1.0; } else if (max(a, b) > 0.0) { ratio = min(a, b) / max(a, b); }
  var angle = atan(ratio);
  if (b > a) { angle = 1.5707964 - angle; }
  if (signbit(x)) { angle = 3.1415927 - angle; }
  return copysign(angle, y);
}
