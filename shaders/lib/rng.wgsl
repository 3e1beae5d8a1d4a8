// Philox4x32-10 (Salmon et al. 2011) and what is drawn from its words.

fn multiply_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl; let left = al * bh; let right = ah * bl;
  let middle = (low >> 16u) + (left & 0xffffu) + (right & 0xffffu);
  return ah * bh + (left >> 16u) + (right >> 16u) + (middle >> 16u);
}

fn philox(counter: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var c = counter; var key = seed;
  for (var round = 0u; round < 10u; round += 1u) {
    let h0 = multiply_high(0xD2511F53u, c.x); let l0 = 0xD2511F53u * c.x;
    let h1 = multiply_high(0xCD9E8D57u, c.z); let l1 = 0xCD9E8D57u * c.z;
    c = vec4<u32>(h1 ^ c.y ^ key.x, l1, h0 ^ c.w ^ key.y, l0);
    key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}

// In [0, 1) with 24 bits.
fn unit(word: u32) -> f32 { return f32(word >> 8u) * 5.9604644775390625e-8; }

// Box and Muller: two normals from two words.
fn normals(a: u32, b: u32) -> vec2<f32> {
  let radius = sqrt(-2.0 * log(1.0 - unit(a)));
  let angle = 6.2831853 * unit(b);
  return radius * vec2<f32>(cos(angle), sin(angle));
}
