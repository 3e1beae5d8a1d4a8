// Functions of rows on integers; truth values compute as the integers 0 and 1.

fn is_nan(v: {{T}}) -> bool { return false; }

fn is_inf(v: {{T}}) -> bool { return false; }

fn is_finite(v: {{T}}) -> bool { return true; }

fn is_zero(v: {{T}}) -> bool { return v == {{T}}(0); }

fn signbit(v: {{T}}) -> bool { return v < {{T}}(0); }

fn max_nan(a: {{T}}, b: {{T}}) -> {{T}} { return max(a, b); }

fn min_nan(a: {{T}}, b: {{T}}) -> {{T}} { return min(a, b); }

fn sorts_before(a: {{T}}, b: {{T}}) -> bool { return a < b; }

fn relu(v: {{T}}) -> {{T}} { return max(v, {{T}}(0)); }

fn magnitude(v: {{T}}) -> {{T}} { return select(v, {{T}}(0) - v, v < {{T}}(0)); }

fn sign_of(v: {{T}}) -> {{T}} {
  return select(select({{T}}(0), {{T}}(-1), v < {{T}}(0)), {{T}}(1), v > {{T}}(0));
}

fn floor_of(v: {{T}}) -> {{T}} { return v; }

fn ceil_of(v: {{T}}) -> {{T}} { return v; }

fn trunc_of(v: {{T}}) -> {{T}} { return v; }

fn round_of(v: {{T}}) -> {{T}} { return v; }

fn div_trunc(a: {{T}}, b: {{T}}) -> {{T}} { return a / b; }

fn rem_trunc(a: {{T}}, b: {{T}}) -> {{T}} { return a % b; }

fn div_floor(a: {{T}}, b: {{T}}) -> {{T}} {
  let q = a / b;
  let inexact = q * b != a && ((a < {{T}}(0)) != (b < {{T}}(0)));
  return select(q, q - {{T}}(1), inexact);
}

fn rem_floor(a: {{T}}, b: {{T}}) -> {{T}} {
  let r = a % b;
  return select(r, r + b, r != {{T}}(0) && ((r < {{T}}(0)) != (b < {{T}}(0))));
}

fn clamp_to(x: {{T}}, lo: f32, hi: f32) -> {{T}} { return max(min(x, {{T}}(hi)), {{T}}(lo)); }

fn threshold_of(x: {{T}}, limit: f32, low: f32) -> {{T}} { return select(x, {{T}}(low), f32(x) <= limit); }

fn heaviside(a: {{T}}, b: {{T}}) -> {{T}} { return select(select({{T}}(0), {{T}}(1), a > {{T}}(0)), b, a == {{T}}(0)); }
