// Functions whose meaning differs between integers and truth values: integers.

fn bit_not(v: {{T}}) -> {{T}} { return ~v; }

fn power(base: {{T}}, exponent: {{T}}) -> {{T}} {
  if (exponent < {{T}}(0)) {
    let odd = (exponent & {{T}}(1)) == {{T}}(1);
    return select(select({{T}}(0), select({{T}}(1), {{T}}(0) - {{T}}(1), odd), base == {{T}}(0) - {{T}}(1)), {{T}}(1), base == {{T}}(1));
  }
  var result = {{T}}(1); var square = base; var rest = exponent;
  while (rest > {{T}}(0)) {
    if ((rest & {{T}}(1)) == {{T}}(1)) { result = result * square; }
    square = square * square;
    rest = rest >> 1u;
  }
  return result;
}

fn gcd(x: {{T}}, y: {{T}}) -> {{T}} {
  // Not of magnitudes: the smallest number has none.
  var a = x; var b = y;
  while (!(b == {{T}}(0))) { let r = a % b; a = b; b = r; }
  return magnitude(a);
}

fn lcm(x: {{T}}, y: {{T}}) -> {{T}} {
  let g = gcd(x, y);
  if (g == {{T}}(0)) { return {{T}}(0); }
  return magnitude(x / g * y);
}

// Drivers do as they like with more places than there are, even for a result that is not chosen.
fn shift_left(a: {{T}}, b: {{T}}) -> {{T}} {
  return select(a << (u32(b) % {{BITS}}u), {{T}}(0), b < {{T}}(0) || b >= {{T}}({{BITS}}));
}

fn shift_right(a: {{T}}, b: {{T}}) -> {{T}} {
  let sign = select({{T}}(0), {{T}}(-1), a < {{T}}(0));
  return select(a >> (u32(b) % {{BITS}}u), sign, b < {{T}}(0) || b >= {{T}}({{BITS}}));
}
