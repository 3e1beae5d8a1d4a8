// Conversions, and elements narrower than a word.

// Floats out of range become the smallest integer, as on the host.
fn i32_of(v: f32) -> i32 { return select(i32(-2147483647i) - 1i, i32(v), abs(v) < 2147483648.0); }

fn i64_of(v: f32) -> i64 { return select(-9223372036854775807li - 1li, i64(v), abs(v) < 9223372036854775808.0); }

// The number of two words. naga takes i64(low) for the conversion of a signed number.
fn long_of(low: u32, high: u32) -> i64 { return (i64(bitcast<i32>(high)) << 32u) | (i64(low) & 4294967295li); }

// The same number in 64 bits. Of i64(v) Mesa's compiler (22.3) takes comparisons with constants for always false or true.
fn widened(v: i32) -> i64 { return long_of(bitcast<u32>(v), bitcast<u32>(v >> 31u)); }

fn from_f16(word: u32, at: u32) -> f32 { return unpack2x16float(word >> (at * 16u)).x; }

fn from_bf16(word: u32, at: u32) -> f32 { return bitcast<f32>((word >> (at * 16u)) << 16u); }

fn from_u8(word: u32, at: u32) -> i32 { return i32((word >> (at * 8u)) & 0xffu); }

fn from_i8(word: u32, at: u32) -> i32 { return bitcast<i32>((word >> (at * 8u)) << 24u) >> 24u; }

fn from_i16(word: u32, at: u32) -> i32 { return bitcast<i32>((word >> (at * 16u)) << 16u) >> 16u; }

// Round to nearest even, written out: hardware may truncate. Below 2^-14 the sum with 0.5 leaves the
// subnormal's bits at the end of the mantissa.
fn to_f16(v: f32) -> u32 {
  let all = bitcast<u32>(v);
  let sign = (all >> 16u) & 0x8000u;
  let size = all & 0x7fffffffu;
  if (size > 0x7f800000u) { return sign | 0x7e00u; }
  if (size >= 0x477ff000u) { return sign | 0x7c00u; }
  if (size < 0x38800000u) { return sign | (bitcast<u32>(bitcast<f32>(size) + 0.5) - 0x3f000000u); }
  return sign | ((size + 0xc8000fffu + ((size >> 13u) & 1u)) >> 13u);
}

fn to_bf16(v: f32) -> u32 {
  let all = bitcast<u32>(v);
  if ((all & 0x7fffffffu) > 0x7f800000u) { return 0x7fc0u; }
  return (all + 0x7fffu + ((all >> 16u) & 1u)) >> 16u;
}
