//! Scaled dot-product attention.

use super::{Host, gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::attention as kernels;

/// What attention is given beside query, key and value.
#[derive(Clone)]
pub struct Attention {
    /// Bool (true attends) or numbers added to the scores.
    pub mask: Option<Array>,
    /// Query i attends to keys up to i only.
    pub causal: bool,
    /// Factor of the scores.
    pub scale: f64,
}

impl Attention {
    fn on_host<'a>(&'a self, host: &'a Host) -> Result<kernels::Attention<'a>> {
        Ok(kernels::Attention {
            mask: self.mask.as_ref().map(|a| host.view(a)).transpose()?,
            causal: self.causal,
            scale: self.scale,
        })
    }

    fn on_gpu(&self) -> Result<gpu::attention::Attention<'_>> {
        Ok(gpu::attention::Attention {
            mask: self.mask.as_ref().map(gpu_view).transpose()?,
            causal: self.causal,
            scale: self.scale,
        })
    }
}

/// `out` = attention of `[query, key, value]`; `logsumexp` is kept for the gradient.
pub fn attention(out: &Array, logsumexp: &Array, qkv: [&Array; 3], by: &Attention) -> Result<()> {
    let [q, k, v] = qkv;
    on_device(
        out,
        |host, target| {
            let qkv = [host.view(q)?, host.view(k)?, host.view(v)?];
            kernels::attention(target, host.view_mut(logsumexp)?, qkv, &by.on_host(host)?)
        },
        |target| {
            let qkv = [gpu_view(q)?, gpu_view(k)?, gpu_view(v)?];
            gpu::attention::attention(target, gpu_view(logsumexp)?, qkv, &by.on_gpu()?)
        },
    )
}

/// Gradients of [`attention`] from `[grad, output, logsumexp]`.
pub fn attention_backward(
    to: [&Array; 3],
    from: [&Array; 3],
    qkv: [&Array; 3],
    by: &Attention,
) -> Result<()> {
    let ([q, k, v], [g, y, l]) = (qkv, from);
    on_device(
        to[0],
        |host, grad_query| {
            let to = [grad_query, host.view_mut(to[1])?, host.view_mut(to[2])?];
            let from = [host.view(g)?, host.view(y)?, host.view(l)?];
            kernels::attention_backward(
                to,
                from,
                [host.view(q)?, host.view(k)?, host.view(v)?],
                &by.on_host(host)?,
            )
        },
        |grad_query| {
            let to = [grad_query, gpu_view(to[1])?, gpu_view(to[2])?];
            let qkv = [gpu_view(q)?, gpu_view(k)?, gpu_view(v)?];
            gpu::attention::attention_backward(to, gpu_view(g)?, qkv, &by.on_gpu()?)
        },
    )
}
