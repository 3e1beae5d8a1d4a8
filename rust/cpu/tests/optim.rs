//! Optimizer updates against parameters recorded with PyTorch (tests/data/optim.py), in every
//! layout.
#![allow(clippy::unwrap_used)]

mod kit;

use base::{DType, Layout, Scalar};
use cpu::optim::*;
use kit::{Tensor, close};

const START: [f64; 4] = [1.0, -2.0, 0.5, 3.0];
const GRADS: [[f64; 4]; 3] =
    [[0.5, -1.0, 0.0, 2.0], [-0.25, -1.5, 0.75, 1.0], [0.125, 2.0, 0.5, -3.0]];

/// The parameters PyTorch reached after each step.
fn recorded(name: &str) -> Vec<Vec<f64>> {
    let line = include_str!("data/optim.txt")
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    let numbers: Vec<f64> = line.unwrap().split(' ').map(|v| v.parse().unwrap()).collect();
    numbers.chunks(4).map(<[f64]>::to_vec).collect()
}

/// Where parameters and state live in memory.
#[derive(Clone, Copy)]
enum Place {
    RowMajor,
    ColumnMajor,
    /// The gradient lies otherwise than the rest.
    Mixed,
}

fn tensor(dtype: DType, values: &[f64], turned: bool, gap: usize) -> Tensor {
    let order = if turned { [1, 0] } else { [0, 1] };
    Tensor::arranged(dtype, &[2, 2], values, &order, gap)
}

/// Runs nine steps on every dtype and layout; `step` gets the parameter, gradient, state and
/// number.
fn check(name: &str, initial: &[f64], step: impl Fn(&Tensor, &Tensor, &[Tensor], f64)) {
    for (dtype, tol) in [(DType::F64, 1e-12), (DType::F32, 3e-5), (DType::BF16, 0.15)] {
        for place in [Place::RowMajor, Place::ColumnMajor, Place::Mixed] {
            let turned = !matches!(place, Place::RowMajor);
            let p = tensor(dtype, &START, turned, 0);
            let state: Vec<Tensor> =
                initial.iter().map(|&v| tensor(dtype, &[v; 4], turned, 0)).collect();
            for (i, expected) in recorded(name).iter().enumerate() {
                let mixed = matches!(place, Place::Mixed);
                let g = tensor(dtype, &GRADS[i % 3], turned != mixed, usize::from(mixed));
                step(&p, &g, &state, (i + 1) as f64);
                close(&p.values(), expected, tol);
            }
        }
    }
}

#[test]
fn sgd_steps() {
    let plain = Sgd {
        lr: 0.1,
        momentum: 0.0,
        dampening: 0.0,
        weight_decay: 0.0,
        nesterov: false,
        maximize: false,
        first_step: false,
    };
    check("sgd", &[], |p, g, _, _| sgd(p.view_mut(), g.view(), None, &plain).unwrap());
    let decay = Sgd { weight_decay: 0.2, maximize: true, ..plain };
    check("sgd decay", &[], |p, g, _, _| sgd(p.view_mut(), g.view(), None, &decay).unwrap());
    for (name, by) in [
        ("sgd momentum", Sgd { momentum: 0.9, dampening: 0.3, ..plain }),
        ("sgd nesterov", Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.1, ..plain }),
    ] {
        check(name, &[f64::NAN], |p, g, s, t| {
            let by = Sgd { first_step: t == 1.0, ..by };
            sgd(p.view_mut(), g.view(), Some(s[0].view_mut()), &by).unwrap();
        });
    }
}

#[test]
fn asgd_steps() {
    check("asgd", &[0.0], |p, g, s, t| {
        let eta = if t == 1.0 { 0.1 } else { 0.1 / (1.0 + 1e-4 * 0.1 * (t - 1.0)).powf(0.75) };
        let by = Asgd {
            lambd: 1e-4,
            weight_decay: 0.1,
            maximize: false,
            eta,
            mu: 1.0 / (t - 2.0).max(1.0),
        };
        asgd(p.view_mut(), g.view(), s[0].view_mut(), &by).unwrap();
    });
}

#[test]
fn adam_steps() {
    let by = |step| Adam {
        lr: 0.1,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        maximize: false,
        step,
    };
    let run = |p: &Tensor, g: &Tensor, s: &[Tensor], by: &Adam| {
        let largest = s.get(2).map(Tensor::view_mut);
        adam(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], largest, by).unwrap();
    };
    check("adam", &[0.0; 2], |p, g, s, t| run(p, g, s, &by(t)));
    check("adam amsgrad", &[0.0; 3], |p, g, s, t| {
        run(p, g, s, &Adam { weight_decay: 0.1, betas: [0.4, 0.5], ..by(t) });
    });
    check("adamw", &[0.0; 2], |p, g, s, t| {
        run(p, g, s, &Adam { weight_decay: 0.3, decoupled: true, maximize: true, ..by(t) });
    });
}

#[test]
fn kin_of_adam() {
    check("adamax", &[0.0; 2], |p, g, s, step| {
        let by = Adamax {
            lr: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.1,
            maximize: false,
            step,
        };
        adamax(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], &by).unwrap();
    });
    for (name, decoupled) in [("nadam", false), ("nadam decoupled", true)] {
        check(name, &[0.0; 2], |p, g, s, step| {
            let mu = |t| Nadam::momentum(0.9, 4e-3, t);
            let mu_product = (1..=step as usize).map(|t| mu(t as f64)).product();
            let by = Nadam {
                lr: 0.1,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay: 0.1,
                decoupled,
                maximize: false,
                step,
                mu: [mu(step), mu(step + 1.0)],
                mu_product,
            };
            nadam(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], &by).unwrap();
        });
    }
    for (name, beta2, weight_decay) in [("radam", 0.999, 0.1), ("radam rectified", 0.9999, 0.0)] {
        check(name, &[0.0; 2], |p, g, s, step| {
            let by = Radam {
                lr: 0.1,
                betas: [0.9, beta2],
                eps: 1e-8,
                weight_decay,
                decoupled: weight_decay == 0.0,
                maximize: false,
                step,
            };
            radam(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], &by).unwrap();
        });
    }
}

#[test]
fn adaptive_steps() {
    check("adagrad", &[0.0], |p, g, s, step| {
        let by = Adagrad {
            lr: 0.1,
            lr_decay: 0.2,
            weight_decay: 0.1,
            eps: 1e-10,
            maximize: false,
            step,
        };
        adagrad(p.view_mut(), g.view(), s[0].view_mut(), &by).unwrap();
    });
    let by = Rmsprop {
        lr: 0.1,
        alpha: 0.99,
        eps: 1e-8,
        weight_decay: 0.1,
        momentum: 0.0,
        maximize: false,
    };
    check("rmsprop", &[0.0], |p, g, s, _| {
        rmsprop(p.view_mut(), g.view(), s[0].view_mut(), [None, None], &by).unwrap();
    });
    let by = Rmsprop { weight_decay: 0.0, momentum: 0.9, ..by };
    check("rmsprop centered", &[0.0; 3], |p, g, s, _| {
        let more = [Some(s[1].view_mut()), Some(s[2].view_mut())];
        rmsprop(p.view_mut(), g.view(), s[0].view_mut(), more, &by).unwrap();
    });
    check("adadelta", &[0.0; 2], |p, g, s, _| {
        let by = Adadelta { lr: 0.5, rho: 0.9, eps: 1e-6, weight_decay: 0.1, maximize: false };
        adadelta(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], &by).unwrap();
    });
}

#[test]
fn rprop_steps() {
    check("rprop", &[0.0, 0.1], |p, g, s, _| {
        let by = Rprop { etas: [0.5, 1.2], step_sizes: [1e-6, 50.0], maximize: false };
        rprop(p.view_mut(), g.view(), [s[0].view_mut(), s[1].view_mut()], &by).unwrap();
    });
}

#[test]
fn complex_parameters_are_pairs_of_reals() {
    let c = |re, im| Scalar::Complex(base::Complex64::new(re, im));
    for turned in [false, true] {
        let layout = Layout::contiguous(&[2, 1]);
        let layout = if turned { Layout::dense_in_order(&[2, 1], &[1, 0]) } else { layout };
        let p = Tensor::with_layout(DType::C128, layout);
        p.fill_scalars(&[c(1.0, -2.0), c(0.5, 3.0)]);
        let mut grad = Tensor::stale(DType::C128, &[4, 1]);
        grad.layout = grad.layout.slice(0, 0, 2, 2);
        let state = [
            Tensor::new(DType::C128, &[2, 1], &[0.0; 2]),
            Tensor::new(DType::C128, &[2, 1], &[0.0; 2]),
        ];
        for (i, expected) in recorded("adam").iter().enumerate() {
            let g = GRADS[i % 3];
            grad.fill_scalars(&[c(g[0], g[1]), c(g[2], g[3])]);
            let by = Adam {
                lr: 0.1,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay: 0.0,
                decoupled: false,
                maximize: false,
                step: (i + 1) as f64,
            };
            adam(p.view_mut(), grad.view(), [state[0].view_mut(), state[1].view_mut()], None, &by)
                .unwrap();
            let parts: Vec<f64> = p
                .scalars()
                .into_iter()
                .flat_map(|s| [s.to_complex().re, s.to_complex().im])
                .collect();
            close(&parts, expected, 1e-12);
        }
    }
}

#[test]
fn integers_and_strangers_are_refused() {
    let (p, g) = (Tensor::new(DType::I64, &[1], &[1.0]), Tensor::new(DType::I64, &[1], &[1.0]));
    let by = Sgd {
        lr: 0.1,
        momentum: 0.0,
        dampening: 0.0,
        weight_decay: 0.0,
        nesterov: false,
        maximize: false,
        first_step: false,
    };
    assert!(sgd(p.view_mut(), g.view(), None, &by).is_err());
    let (p, g) = (Tensor::new(DType::F32, &[1], &[1.0]), Tensor::new(DType::F32, &[2], &[1.0; 2]));
    assert!(sgd(p.view_mut(), g.view(), None, &by).is_err());
}
