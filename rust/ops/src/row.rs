//! The macros that turn a row of a table (`unary!`, `binary!`) into a `static MapRow`, its signature
//! and the table of its file.

/// Inserts the kernels of one closure, instantiated for each dtype of a group, into a table.
#[macro_export]
macro_rules! kernels {
    ($t:ident $arity:ident Bool $out:ident $f:expr) => { $crate::kernels!(@ $t $arity $out [Bool base::B8] $f) };
    ($t:ident $arity:ident Float $out:ident $f:expr) => { $crate::kernels!(@ $t $arity $out [F32 f32, F64 f64] $f) };
    ($t:ident $arity:ident Complex $out:ident $f:expr) => {
        $crate::kernels!(@ $t $arity $out [C64 base::Complex32, C128 base::Complex64] $f)
    };
    ($t:ident $arity:ident Int $out:ident $f:expr) => {
        $crate::kernels!(@ $t $arity $out [U8 u8, I8 i8, I16 i16, I32 i32, I64 i64] $f)
    };
    ($t:ident $arity:ident Field $out:ident $f:expr) => {
        $crate::kernels!($t $arity Float $out $f);
        $crate::kernels!($t $arity Complex $out $f);
    };
    ($t:ident $arity:ident Real $out:ident $f:expr) => {
        $crate::kernels!($t $arity Int $out $f);
        $crate::kernels!($t $arity Float $out $f);
    };
    ($t:ident $arity:ident Number $out:ident $f:expr) => {
        $crate::kernels!($t $arity Int $out $f);
        $crate::kernels!($t $arity Field $out $f);
    };
    ($t:ident $arity:ident All $out:ident $f:expr) => {
        $crate::kernels!($t $arity Bool $out $f);
        $crate::kernels!($t $arity Number $out $f);
    };
    (@ $t:ident $arity:ident $out:ident [$($dtype:ident $ty:ty),*] $f:expr) => {
        $( $t[base::DType::$dtype as usize] =
            Some(cpu::$arity::<$ty, $crate::out_type!($out $dtype $ty), _>($f)); )*
    };
}

/// The element type of a row's result.
#[macro_export]
macro_rules! out_type {
    (Bool $dtype:ident $ty:ty) => {
        base::B8
    };
    (Real C64 $ty:ty) => {
        f32
    };
    (Real C128 $ty:ty) => {
        f64
    };
    ($out:ident $dtype:ident $ty:ty) => {
        $ty
    };
}

/// Where a name of a derivative closure is found: inputs `x`/`a`, `b`, `c`, output `y`, parameters `p`.
#[macro_export]
macro_rules! kept {
    (bit x) => {
        1
    };
    (bit a) => {
        1
    };
    (bit b) => {
        2
    };
    (bit c) => {
        4
    };
    (bit y) => {
        8
    };
    (bit p) => {
        0
    };
    (get x $k:ident) => {
        $k.vars[0].clone()
    };
    (get a $k:ident) => {
        $k.vars[0].clone()
    };
    (get b $k:ident) => {
        $k.vars[1].clone()
    };
    (get c $k:ident) => {
        $k.vars[2].clone()
    };
    (get y $k:ident) => {
        $k.vars[3].clone()
    };
    (get p $k:ident) => {
        $k.params
    };
}

/// `none`, or a closure `|g, names| gradient` whose names say what is kept.
#[macro_export]
macro_rules! half {
    (none) => { None };
    (|$g:ident $(, $v:ident)*| $e:expr) => {
        Some($crate::map::Half {
            keeps: 0 $(| $crate::kept!(bit $v))*,
            vjp: |$g, _kept| {
                $(let $v = $crate::kept!(get $v _kept);)*
                $crate::Var::from($e)
            },
        })
    };
}

/// Rows of elementwise ops with one input. `{ out, kernels, wgsl, vjp, sample }`.
#[macro_export]
macro_rules! unary {
    ($table:ident: $($(#[doc = $doc:literal])* $name:ident $(as $node:literal)? {
        out: $out:ident, $arity:ident: [$($on:ident => $cpu:expr),+ $(,)?], wgsl: $wgsl:literal,
        vjp: [$($vjp:tt)*], sample: $lo:literal..$hi:literal $(,)?
    })*) => {
        $(
            #[doc = concat!($($doc, "\n"),*)]
            pub mod $name {
                #[allow(unused_imports)]
                use super::*;
                /// The row.
                pub static OP: $crate::map::MapRow = $crate::map_row!(
                    $name, [$($doc),*], [$($node)?], $out, $arity, [$($on => $cpu),+], $wgsl,
                    [$crate::half!($($vjp)*), None, None], $lo, $hi);
                /// Its plain signature.
                pub static DEF: Option<$crate::call::OpDef> = $crate::map_def!($arity, $name, [$($doc),*]);
            }
        )*
        /// The rows of this file.
        pub static $table: &[(&$crate::map::MapRow, &Option<$crate::call::OpDef>)] =
            &[$((&$name::OP, &$name::DEF)),*];
    };
}

/// Rows of elementwise ops with two inputs; a derivative towards each. Behind the name stand the
/// kinds of the operands, where they are not `(Operand, Operand)`, tensors or numbers both.
#[macro_export]
macro_rules! binary {
    ($table:ident: $($(#[doc = $doc:literal])* $name:ident $(($($operand:ident),+))? $(as $node:literal)? {
        out: $out:ident, $arity:ident: [$($on:ident => $cpu:expr),+ $(,)?], wgsl: $wgsl:literal,
        a: [$($da:tt)*], b: [$($db:tt)*], sample: $lo:literal..$hi:literal $(,)?
    })*) => {
        $(
            #[doc = concat!($($doc, "\n"),*)]
            pub mod $name {
                #[allow(unused_imports)]
                use super::*;
                /// The row.
                pub static OP: $crate::map::MapRow = $crate::map_row!(
                    $name, [$($doc),*], [$($node)?], $out, $arity, [$($on => $cpu),+], $wgsl,
                    [$crate::half!($($da)*), $crate::half!($($db)*), None], $lo, $hi);
                /// Its plain signature.
                pub static DEF: Option<$crate::call::OpDef> = $crate::map_def!($arity $(($($operand),+))?, $name, [$($doc),*]);
            }
        )*
        /// The rows of this file.
        pub static $table: &[(&$crate::map::MapRow, &Option<$crate::call::OpDef>)] =
            &[$((&$name::OP, &$name::DEF)),*];
    };
}

/// The signature of a row without parameters; rows with parameters get theirs in `table`.
#[macro_export]
macro_rules! map_def {
    (unary, $name:ident, [$($doc:literal),*]) => {
        $crate::map_def!(@ concat!(stringify!($name), "(Tensor self) -> Tensor"), [$($doc),*],
            |args| $crate::map::map(&OP, &[args.get(0)?], $crate::map::NONE, args.dest))
    };
    (binary, $name:ident, [$($doc:literal),*]) => {
        $crate::map_def!(binary (Operand, Operand), $name, [$($doc),*])
    };
    (binary ($a:ident, $b:ident), $name:ident, [$($doc:literal),*]) => {
        $crate::map_def!(@ concat!(stringify!($name), "(", stringify!($a), " self, ", stringify!($b), " other) -> Tensor"),
            [$($doc),*],
            |args| $crate::map::map(&OP, &[args.get(0)?, args.get(1)?], $crate::map::NONE, args.dest))
    };
    ($arity:ident, $name:ident, $doc:tt) => { None };
    (@ $schema:expr, [$($doc:literal),*], |$args:ident| $body:expr) => {
        Some($crate::call::OpDef {
            schema: $schema,
            doc: concat!($($doc, "\n"),*),
            spellings: $crate::call::Spellings::letters("fmio"),
            fills: true,
            cast: $crate::autocast::Cast::None,
            run: |$args| Ok($crate::value::Value::from($body?)),
        })
    };
}

/// The static behind a row.
#[macro_export]
macro_rules! map_row {
    ($name:ident, [$($doc:literal),*], [$($node:literal)?], $out:ident, $arity:ident,
     [$($on:ident => $cpu:expr),+], $wgsl:literal, $vjps:expr, $lo:literal, $hi:literal) => {
        $crate::map::MapRow {
            op: array::MapOp {
                name: stringify!($name),
                cpu: {
                    let mut table: cpu::Table = [None; base::DType::COUNT];
                    $( $crate::kernels!(table $arity $on $out $cpu); )+
                    table
                },
                wgsl: $wgsl,
            },
            doc: concat!($($doc, "\n"),*),
            node: $crate::node_literal!($($node)?),
            out: $crate::map::Out::$out,
            vjps: $vjps,
            sample: ($lo as f64, $hi as f64),
            name: std::sync::OnceLock::new(),
        }
    };
}

/// An optional literal.
#[macro_export]
macro_rules! node_literal {
    () => {
        None
    };
    ($name:literal) => {
        Some($name)
    };
}
