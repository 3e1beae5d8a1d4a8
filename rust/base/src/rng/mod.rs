//! Random numbers: PyTorch's CPU streams, draw for draw and bit for bit.
//!
//! Layer 0, pure functions over a [`Stream`]. Every sampler is a serial walk, so results depend on
//! neither threads nor instruction set; a multiply-add the reference fuses is a `mul_add` here.
//! An output is filled in memory order (smallest stride innermost), and no elements means no draws.
//!
//! - [`Draw`]: the element-wise fills (`uniform_`, `random_`, `bernoulli_`, ...), checked and typed;
//! - [`normal_blocks`]: the block fill of contiguous normals; [`randperm`], [`multinomial`];
//! - [`poisson`], [`standard_gamma`], [`dirichlet`], [`binomial`]: one value from its parameters;
//! - [`Generator`]: a shared handle on a stream; [`default_generator`] is the process's own.

mod binomial;
mod bounds;
mod draw;
mod gamma;
mod generator;
mod integers;
mod mt19937;
mod multinomial;
mod normal;
mod philox;
mod poisson;
mod stream;

pub use binomial::binomial;
pub use bounds::check_probability;
pub use draw::{Draw, bernoulli, rrelu_slope};
pub use gamma::{dirichlet, standard_gamma};
pub use generator::{Generator, default_generator};
pub use integers::{check_randperm, randperm};
pub use mt19937::Mt19937;
pub use multinomial::{Sampling, multinomial};
pub use normal::{BLOCK_MIN, Transform, box_muller, normal_blocks};
pub use philox::philox4x32;
pub use poisson::poisson;
pub use stream::{DEFAULT_SEED, STATE_BYTES, Stream};
