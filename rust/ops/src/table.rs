//! The registry: every public op with its overloads, gathered from the tables of all files. What
//! has no signature of its own gets the one of its row.

use crate::call::OpDef;
use crate::schema::Schema;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A name with its overloads, tried in order.
pub struct Entry {
    /// The name users call.
    pub name: &'static str,
    /// The ops behind it.
    pub overloads: Vec<(&'static OpDef, Schema)>,
}

/// Tables of signatures written out.
static TABLES: &[&[OpDef]] = &[
    crate::conv::CONVOLUTIONS,
    crate::norm::NORMS,
    crate::pad::PADDING,
    crate::pool::POOLS,
    crate::adaptive_pool::ADAPTIVE_POOLS,
    crate::attention::ATTENTION,
    crate::dropout::DROPOUT,
    crate::embedding::EMBEDDINGS,
    crate::gate::GATES,
    crate::gate::SHRINKS,
    crate::shuffle::SHUFFLES,
    crate::window::WINDOWS,
    crate::interpolate::RESAMPLING,
    crate::distance::DISTANCES,
    crate::recurrent::RECURRENT,
    crate::margin_loss::MARGINS,
    crate::grid::GRIDS,
    crate::softmax::SOFTMAX,
    crate::loss::LOSSES,
    crate::nll_loss::CLASSES,
    crate::arith::ARITHMETIC,
    crate::special::SPECIAL_WITH,
    crate::loss_scale::SCALING,
    crate::special::SPECIAL_PLAIN,
    crate::polynomial::POLYNOMIALS_OF,
    crate::calculus::CALCULUS,
    crate::covariance::COVARIANCES,
    crate::histogram::HISTOGRAMS,
    crate::native_norm::NATIVE,
    crate::optim::OPTIMIZERS,
    crate::signatures::VIEWS,
    crate::view_copy::COPIES,
    crate::signatures::COPIES,
    crate::signatures::RESHAPED,
    crate::create::CREATION,
    crate::create::LIKE,
    crate::range::RANGES,
    crate::random::RANDOM,
    crate::random::RANDOM_FILLS,
    crate::power::POWERS,
    crate::cast::CASTS,
    crate::cast::KINDS,
    crate::complex::PARTS,
    crate::complex::PAIRS,
    crate::signatures::REDUCTIONS,
    crate::reduce::FOLDS,
    crate::extremum::PAIRS,
    crate::extremum::EXTREMES,
    crate::moments::MOMENTS,
    crate::vector_norm::NORMS,
    crate::vector_norm::BY_NORMS,
    crate::index::READS,
    crate::index::WRITES,
    crate::scatter::READS,
    crate::scatter::WRITES,
    crate::take::READS,
    crate::take::WRITES,
    crate::advanced::TENSOR_READS,
    crate::advanced::TENSOR_WRITES,
    crate::triangle::TRIANGLES,
    crate::scan::SCANS,
    crate::rearrange::REARRANGED,
    crate::sort::ORDER,
    crate::quantile::QUANTILES,
    crate::unique::DISTINCT,
    crate::search::PLACES,
    crate::blend::BLENDS,
    crate::clamp::LIMITS,
    crate::clamp::WHOLE,
    crate::contract::CONTRACTIONS,
    crate::einsum::EINSUM,
    crate::pieces::PIECES,
    crate::signatures::MATMUL,
    crate::antialias::ANTIALIASED,
    crate::ctc_loss::CTC,
    crate::fft::TRANSFORMS,
    crate::fractional::FRACTIONAL,
    crate::stft::SHORT_TIME,
    crate::taper::TAPERS,
    crate::linalg::cholesky::CHOLESKY,
    crate::linalg::determinant::DETERMINANTS,
    crate::linalg::eigen::EIGEN,
    crate::linalg::exponential::EXPONENTIALS,
    crate::linalg::inverse::INVERSES,
    crate::linalg::ldl::LDL,
    crate::linalg::least_squares::LEAST_SQUARES,
    crate::linalg::lu::LU,
    crate::linalg::norms::NORMS,
    crate::linalg::products::PRODUCTS,
    crate::linalg::qr::QR,
    crate::linalg::solve::SYSTEMS,
    crate::linalg::svd::SINGULAR,
    crate::signatures::PRODUCTS,
    crate::signatures::SELECTION,
    crate::signatures::FILLS,
    crate::signatures::ACTIVATIONS,
];

/// Tables of elementwise rows, whose signatures are implied.
static ROWS: &[&[(&crate::map::MapRow, &Option<OpDef>)]] = &[
    crate::unary::UNARY,
    crate::binary::BINARY,
    crate::compare::COMPARE,
    crate::clamp::NUMBERS,
    crate::special::SPECIAL,
    crate::special::SPECIAL_PAIRS,
    crate::polynomial::POLYNOMIALS,
    crate::bessel::BESSEL,
    crate::activation::ACTIVATION,
];

/// Other names of the same op.
static ALIASES: &[(&str, &str)] = &[
    ("absolute", "abs"),
    ("negative", "neg"),
    ("multiply", "mul"),
    ("divide", "div"),
    ("true_divide", "div"),
    ("arccos", "acos"),
    ("arcsin", "asin"),
    ("arctan", "atan"),
    ("arccosh", "acosh"),
    ("arcsinh", "asinh"),
    ("arctanh", "atanh"),
    ("arctan2", "atan2"),
    ("fix", "trunc"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("not_equal", "ne"),
    ("swapaxes", "transpose"),
    ("swapdims", "transpose"),
    ("concat", "cat"),
    ("concatenate", "cat"),
    ("clip", "clamp"),
];

/// All elementwise rows.
pub fn rows() -> impl Iterator<Item = &'static crate::map::MapRow> {
    ROWS.iter().flat_map(|rows| rows.iter()).map(|(row, _)| *row)
}

/// The elementwise row called `name`.
pub fn row(name: &str) -> Option<&'static crate::map::MapRow> {
    rows().find(|row| row.op.name == name)
}

/// The op whose signature starts with `name`, overload included (`add`, `bitwise_or.Scalar_Tensor`).
pub fn op(name: &str) -> Option<&'static OpDef> {
    let (plain, _) = name.split_once('.').unwrap_or((name, ""));
    let entry = registry().iter().find(|entry| entry.name == plain)?;
    let named = |def: &OpDef| def.schema.split('(').next() == Some(name);
    entry.overloads.iter().map(|(def, _)| *def).find(|def| named(def))
}

/// All ops by name.
pub fn registry() -> &'static Vec<Entry> {
    static REGISTRY: OnceLock<Vec<Entry>> = OnceLock::new();
    REGISTRY.get_or_init(build)
}

fn build() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<&'static str, usize> = HashMap::new();
    let mut add = |def: &'static OpDef, entries: &mut Vec<Entry>| {
        let Ok(schema) = Schema::parse(def.schema) else {
            debug_assert!(false, "bad schema {}", def.schema);
            return;
        };
        let place = *places.entry(schema.name).or_insert_with(|| {
            entries.push(Entry { name: schema.name, overloads: Vec::new() });
            entries.len() - 1
        });
        entries[place].overloads.push((def, schema));
    };
    for def in TABLES.iter().flat_map(|table| table.iter()) {
        add(def, &mut entries);
    }
    let written = entries.len();
    for (_, def) in ROWS.iter().flat_map(|rows| rows.iter()) {
        if let Some(def) = def.as_ref() {
            let name = def.schema.split('(').next().unwrap_or_default();
            if !entries[..written].iter().any(|e| e.name == name) {
                add(def, &mut entries);
            }
        }
    }
    for (alias, name) in ALIASES {
        let overloads: Option<Vec<_>> =
            entries.iter().find(|e| e.name == *name).map(|e| e.overloads.clone());
        if let Some(overloads) = overloads
            && !entries.iter().any(|e| e.name == *alias)
        {
            entries.push(Entry { name: alias, overloads });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use base::DType;

    /// The shader column of every row compiles for every dtype the row has a kernel for.
    #[test]
    fn shaders_of_rows() {
        let rows = ROWS.iter().flat_map(|rows| rows.iter()).map(|(row, _)| *row);
        let failures: Vec<String> = rows
            .flat_map(|row| DType::ALL.map(|dtype| (row, dtype)))
            .filter_map(|(row, dtype)| {
                let why = row.op.check_shader(dtype).err()?;
                Some(format!("{} of {dtype}: {why}", row.op.name))
            })
            .collect();
        let short: Vec<_> = failures.iter().filter_map(|f| f.lines().next()).collect();
        assert!(failures.is_empty(), "{}\nthe first:\n{}", short.join("\n"), failures[0]);
    }
}
