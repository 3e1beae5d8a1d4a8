//! Comparisons and logic: bool results, no gradients.

crate::binary! { COMPARE:
    /// Whether the elements are equal.
    eq(Tensor, Operand) { out: Bool, binary: [All => |a, b| (a == b).into()], wgsl: "a == b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether the elements differ.
    ne(Tensor, Operand) { out: Bool, binary: [All => |a, b| (a != b).into()], wgsl: "!(a == b)", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether the left element is smaller.
    lt(Tensor, Operand) { out: Bool, binary: [Real => |a, b| (a < b).into(), Bool => |a, b| (!a.get() & b.get()).into()], wgsl: "a < b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether the left element is smaller or equal.
    le(Tensor, Operand) { out: Bool, binary: [Real => |a, b| (a <= b).into(), Bool => |a, b| (!a.get() | b.get()).into()], wgsl: "a <= b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether the left element is larger.
    gt(Tensor, Operand) { out: Bool, binary: [Real => |a, b| (a > b).into(), Bool => |a, b| (a.get() & !b.get()).into()], wgsl: "a > b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether the left element is larger or equal.
    ge(Tensor, Operand) { out: Bool, binary: [Real => |a, b| (a >= b).into(), Bool => |a, b| (a.get() | !b.get()).into()], wgsl: "a >= b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether both elements are non-zero.
    logical_and(Tensor, Tensor) { out: Bool, binary: [All => |a, b| (a != Default::default() && b != Default::default()).into()], wgsl: "!is_zero(a) && !is_zero(b)", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether one of the elements is non-zero.
    logical_or(Tensor, Tensor) { out: Bool, binary: [All => |a, b| (a != Default::default() || b != Default::default()).into()], wgsl: "!is_zero(a) || !is_zero(b)", a: [none], b: [none], sample: -4.0..4.0 }
    /// Whether exactly one of the elements is non-zero.
    logical_xor(Tensor, Tensor) { out: Bool, binary: [All => |a, b| ((a != Default::default()) != (b != Default::default())).into()], wgsl: "is_zero(a) != is_zero(b)", a: [none], b: [none], sample: -4.0..4.0 }
}
