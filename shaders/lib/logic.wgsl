// Functions whose meaning differs between integers and truth values: truth values.

fn bit_not(v: i32) -> i32 { return 1 - v; }

fn power(base: i32, exponent: i32) -> i32 { return base | (1 - exponent); }
