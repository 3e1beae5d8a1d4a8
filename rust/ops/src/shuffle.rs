//! Channels and pixels rearranged: views and one copy.

use crate::node::linear;
use crate::{Var, view};
use base::{Dims, Result, ensure, shape};
use tape::Tensor;

fn spread(
    x: &Tensor,
    lead: usize,
    parts: &[usize],
    order: &[i64],
    merged: &[usize],
) -> Result<Tensor> {
    let dims = x.dims();
    let leading = &dims[..lead];
    let split: Dims = leading.iter().chain(parts).copied().collect();
    let whole: Dims = leading.iter().chain(merged).copied().collect();
    let order: Vec<i64> = (0..lead as i64).chain(order.iter().map(|d| d + lead as i64)).collect();
    view::reshape_to(&view::permute(&view::reshape_to(x, &split)?, &order)?, &whole)
}

fn check_image(x: &Tensor, op: &str) -> Result<()> {
    ensure!(
        x.rank() >= 3,
        Runtime,
        "{op} expects input to have at least 3 dimensions, but got input with {} dimension(s)",
        x.rank()
    );
    Ok(())
}

/// `(.., C r^2, H, W)` to `(.., C, H r, W r)`.
fn pixel_shuffle(x: &Tensor, factor: i64) -> Result<Tensor> {
    check_image(x, "pixel_shuffle")?;
    ensure!(
        factor > 0,
        Runtime,
        "pixel_shuffle expects a positive upscale_factor, but got {factor}"
    );
    let (dims, r, lead) = (x.dims(), factor as usize, x.rank() - 3);
    let (c, h, w) = (dims[lead], dims[lead + 1], dims[lead + 2]);
    let square = r.saturating_mul(r);
    ensure!(
        c.is_multiple_of(square),
        Runtime,
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not divisible by {}",
        square
    );
    let c = c / square;
    let grown = [c, h.saturating_mul(r), w.saturating_mul(r)];
    let value = || {
        let out = spread(x, lead, &[c, r, r, h, w], &[0, 3, 1, 4, 2], &grown)?;
        crate::create::to(&out, None, None, false, Some(x.layout().suggested_format()))
    };
    linear("PixelShuffleBackward0", x, value, move |g: Var| g.then(|g| pixel_unshuffle(g, factor)))
}

/// `(.., C, H r, W r)` to `(.., C r^2, H, W)`.
fn pixel_unshuffle(x: &Tensor, factor: i64) -> Result<Tensor> {
    check_image(x, "pixel_unshuffle")?;
    ensure!(
        factor > 0,
        Runtime,
        "pixel_unshuffle expects a positive downscale_factor, but got {factor}"
    );
    let (dims, r, lead) = (x.dims(), factor as usize, x.rank() - 3);
    let (c, h, w) = (dims[lead], dims[lead + 1], dims[lead + 2]);
    for (name, at, n) in [("height", -2, h), ("width", -1, w)] {
        ensure!(
            n.is_multiple_of(r),
            Runtime,
            "pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={n} is not divisible by {r}"
        );
    }
    let merged = [c.saturating_mul(r).saturating_mul(r), h / r, w / r];
    let value = || {
        let out = spread(x, lead, &[c, h / r, r, w / r, r], &[0, 2, 4, 1, 3], &merged)?;
        crate::create::to(&out, None, None, false, Some(x.layout().suggested_format()))
    };
    linear("PixelUnshuffleBackward0", x, value, move |g: Var| g.then(|g| pixel_shuffle(g, factor)))
}

/// Channels dealt out to groups in turn.
fn channel_shuffle(x: &Tensor, groups: i64) -> Result<Tensor> {
    let dims = x.dims();
    ensure!(
        dims.len() > 2,
        Runtime,
        "channel_shuffle expects input with > 2 dims, but got input with sizes {}",
        shape::show(&dims)
    );
    let channels = dims[1];
    ensure!(
        groups > 0,
        Runtime,
        "Number of groups to divide channels in must be positive. Value of groups:{groups}"
    );
    let groups = groups as usize;
    ensure!(
        channels.is_multiple_of(groups),
        Runtime,
        "Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
    );
    dealt(x, groups)
}

fn dealt(x: &Tensor, groups: usize) -> Result<Tensor> {
    let dims = x.dims();
    let hand = dims[1] / groups;
    let mut parts = Dims::from_slice(&[groups, hand]);
    dims[2..].iter().for_each(|&n| parts.push(n));
    let order: Vec<i64> = [1, 0].into_iter().chain(2..parts.len() as i64).collect();
    let value = || spread(x, 1, &parts, &order, &dims[1..]);
    linear("ChannelShuffleBackward0", x, value, move |g| g.then(|g| dealt(g, hand)))
}

crate::ops! {
    /// Rearrangements of channels and pixels.
    SHUFFLES:
    /// Channels become blocks of pixels.
    f "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor" => |x, r| pixel_shuffle(x, r);
    /// Blocks of pixels become channels.
    f "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor" => |x, r| pixel_unshuffle(x, r);
    /// Deals channels out to groups in turn.
    f "channel_shuffle(Tensor self, int groups) -> Tensor" => |x, groups| channel_shuffle(x, groups);
    /// Deals channels out to groups in turn.
    f "native_channel_shuffle(Tensor self, int groups) -> Tensor" => |x, groups| channel_shuffle(x, groups);
}
