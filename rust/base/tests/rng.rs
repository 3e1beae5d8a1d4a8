//! The random streams against cases recorded with PyTorch 2.13.0 (`data/README.md`), and against
//! published vectors of the engines.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may end where its expectation does not hold

use base::rng::{
    self, Draw, Generator, Mt19937, STATE_BYTES, Sampling, Stream, normal_blocks, philox4x32,
};
use base::{B8, DType, Element, Kind, bf16, f16};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Number {
    Int(i64),
    Float(f64),
}

struct Case(Value);

impl Case {
    fn n(&self) -> usize {
        self.0["n"].as_u64().unwrap() as usize
    }

    fn arg(&self, i: usize) -> Option<f64> {
        self.0["args"].get(i).and_then(Value::as_f64)
    }

    fn int(&self, i: usize) -> Option<i64> {
        self.0["args"].get(i).and_then(Value::as_i64)
    }

    fn draw(&self) -> Option<Draw> {
        let or = |i, value| self.arg(i).unwrap_or(value);
        Some(match self.0["call"].as_str().unwrap() {
            "rand" | "uniform_" => Draw::Uniform { from: or(0, 0.0), to: or(1, 1.0) },
            "random_" => match self.int(0) {
                None => Draw::Random,
                Some(from) => Draw::RandomRange { from, to: self.int(1) },
            },
            "randn" | "normal_" => Draw::Normal { mean: or(0, 0.0), std: or(1, 1.0) },
            "bernoulli_" => Draw::Bernoulli { p: or(0, 0.5) },
            "exponential_" => Draw::Exponential { rate: or(0, 1.0) },
            "geometric_" => Draw::Geometric { p: or(0, 0.5) },
            "cauchy_" => Draw::Cauchy { median: or(0, 0.0), sigma: or(1, 1.0) },
            "log_normal_" => Draw::LogNormal { mean: or(0, 1.0), std: or(1, 2.0) },
            _ => return None,
        })
    }

    fn run<T: Element>(&self, stream: &mut Stream) -> Vec<Number> {
        let n = self.n();
        if let Some(draw) = self.draw() {
            draw.check(T::DTYPE).unwrap();
            return numbers(&fill::<T>(stream, draw, n));
        }
        let ramp = |modulus: usize| {
            (0..n).map(move |i| ((i * 7919 % modulus + 1) as f64) / modulus as f64)
        };
        let cast = |value: f64| T::from_scalar(value.into());
        let (scale, shift) = (self.arg(0).unwrap_or(1.0), self.arg(1).unwrap_or(0.0));
        let parameters = ramp(101).map(|p| cast(number(cast(p)) * scale + shift));
        match self.0["call"].as_str().unwrap() {
            "randperm" => {
                let mut out = vec![0; n];
                rng::randperm(stream, &mut out);
                numbers(&out)
            }
            "bernoulli" => {
                ramp(101).map(|p| Number::Float(rng::bernoulli(stream, cast(p)).into())).collect()
            }
            "multinomial" => {
                let weights: Vec<T> = ramp(101).map(cast).collect();
                let samples = self.int(0).unwrap() as usize;
                let sampling = Sampling { samples, replacement: self.int(1) == Some(1) };
                let mut out = vec![0; samples];
                rng::multinomial(stream, &weights, n, sampling, &mut out).unwrap();
                numbers(&out)
            }
            "poisson" => parameters
                .map(|rate| Number::Float(rng::poisson(stream, number(rate)).unwrap()))
                .collect(),
            "_standard_gamma" => {
                let draws: Vec<T> =
                    parameters.map(|alpha| rng::standard_gamma(stream, alpha)).collect();
                numbers(&draws)
            }
            "dirichlet" => {
                let alpha: Vec<T> = ramp(101).map(cast).collect();
                let mut out = vec![T::default(); n * scale as usize];
                for row in out.chunks_exact_mut(n) {
                    rng::dirichlet(stream, &alpha, row);
                }
                numbers(&out)
            }
            "binomial" => ramp(103)
                .enumerate()
                .map(|(i, p)| {
                    let count = (i * 37 % 300 + 1) as f64;
                    Number::Float(rng::binomial(stream, count, number(cast(p))))
                })
                .collect(),
            other => panic!("no such call: {other}"),
        }
    }
}

/// A fill as the layers above do it: blocks for long contiguous normals, pieces otherwise.
fn fill<T: Element>(stream: &mut Stream, draw: Draw, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    match draw {
        Draw::Normal { mean, std } if n >= rng::BLOCK_MIN => {
            normal_blocks::<T>(stream, n, (mean, std), rng::box_muller, |at, values| {
                out[at..at + values.len()].copy_from_slice(values);
            });
        }
        _ => out.chunks_mut(1000).for_each(|piece| draw.fill(stream, piece)),
    }
    out
}

fn number<T: Element>(value: T) -> f64 {
    value.to_scalar().to_f64()
}

fn numbers<T: Element>(values: &[T]) -> Vec<Number> {
    let integral = T::DTYPE.is_integral();
    let int = |value: &T| Number::Int(value.to_scalar().to_i64());
    let float = |value: &T| Number::Float(number(*value));
    values.iter().map(|value| if integral { int(value) } else { float(value) }).collect()
}

/// An integer, or a hexadecimal float as Python's `float.hex` writes it.
fn parse(value: &Value) -> Number {
    let Some(text) = value.as_str() else {
        return Number::Int(value.as_i64().unwrap());
    };
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (mantissa, exponent) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).unwrap();
    let exponent = exponent.parse::<i32>().unwrap() - 4 * fraction.len() as i32;
    Number::Float(sign * digits as f64 * 2.0_f64.powi(exponent))
}

fn digest(values: &[Number], dtype: &str) -> String {
    let mut hash = Sha256::new();
    for value in values {
        match *value {
            Number::Int(v) if dtype == "bool" => hash.update([v as u8]),
            Number::Int(v) => hash.update(v.to_le_bytes()),
            Number::Float(v) if dtype == "float64" => hash.update((v + 0.0).to_le_bytes()),
            Number::Float(v) => hash.update((v as f32 + 0.0).to_le_bytes()),
        }
    }
    hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn compare(got: &[Number], expect: &Value) -> Result<(), String> {
    let n = got.len();
    let recorded = |key: &str| expect[key].as_array().cloned().unwrap_or_default();
    let whole = recorded("values").into_iter().enumerate();
    let first = recorded("first").into_iter().enumerate();
    let last = recorded("last").into_iter().enumerate().map(|(i, v)| (n - 8 + i, v));
    let spread = recorded("spread").into_iter().enumerate().map(|(i, v)| (i * (n - 1) / 15, v));
    for (i, value) in whole.chain(first).chain(last).chain(spread) {
        let value = parse(&value);
        if got[i] != value {
            return Err(format!("element {i}: got {:?}, recorded {value:?}", got[i]));
        }
    }
    match expect["sha256"].as_str() {
        Some(hash) if hash != digest(got, expect["dtype"].as_str().unwrap()) => {
            Err("hash of all values differs".into())
        }
        _ => Ok(()),
    }
}

fn replay(case: &Case) -> Result<(), String> {
    let mut stream = Stream::new(case.0["seed"].as_u64().unwrap());
    let got = match DType::from_name(case.0["dtype"].as_str().unwrap()).unwrap() {
        DType::Bool => case.run::<B8>(&mut stream),
        DType::U8 => case.run::<u8>(&mut stream),
        DType::I8 => case.run::<i8>(&mut stream),
        DType::I16 => case.run::<i16>(&mut stream),
        DType::I32 => case.run::<i32>(&mut stream),
        DType::I64 => case.run::<i64>(&mut stream),
        DType::F16 => case.run::<f16>(&mut stream),
        DType::BF16 => case.run::<bf16>(&mut stream),
        DType::F32 => case.run::<f32>(&mut stream),
        DType::F64 => case.run::<f64>(&mut stream),
        dtype => panic!("no recorded case has {dtype}"),
    };
    compare(&got, &case.0["expect"])?;
    let after: Vec<f32> = fill(&mut stream, Draw::Uniform { from: 0.0, to: 1.0 }, 2);
    let recorded: Vec<Number> = case.0["after"].as_array().unwrap().iter().map(parse).collect();
    if numbers(&after) == recorded { Ok(()) } else { Err("the number of draws differs".into()) }
}

#[test]
fn recorded_cases_replay_bit_for_bit() {
    let cases = include_str!("data/rng.jsonl").lines();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in cases {
        let case = Case(serde_json::from_str(line).unwrap());
        count += 1;
        if let Err(reason) = replay(&case) {
            failures.push(format!("{}: {reason}", case.0["id"]));
        }
    }
    assert!(count > 50, "only {count} cases were read");
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn mt19937_matches_the_published_stream() {
    // The 10,000th output of the generator seeded with 5489, as the C++ standard specifies it.
    let mut engine = Mt19937::new(5489);
    let last = (0..10_000).map(|_| engine.next_u32()).last();
    assert_eq!(last, Some(4_123_659_995));
}

#[test]
fn philox_matches_the_published_vectors() {
    // Known answers of the Random123 distribution.
    assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(
        philox4x32([u32::MAX; 4], [u32::MAX; 2]),
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
    );
    assert_eq!(
        philox4x32(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0]
        ),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn state_round_trips_with_its_cached_normal() {
    let mut stream = Stream::new(80);
    stream.uniform_f32();
    for _ in 0..3 {
        stream.normal();
    }
    let bytes = stream.state();
    let mut restored = Stream::from_state(&bytes).unwrap();
    assert_eq!(restored, stream);
    assert_eq!(restored.state(), bytes);
    for _ in 0..700 {
        assert_eq!(restored.normal().to_bits(), stream.normal().to_bits());
    }
}

#[test]
fn invalid_states_are_refused_and_change_nothing() {
    let generator = Generator::seeded(3);
    let before = generator.state();
    let refused = |bytes: &[u8], text: &str| {
        let error = generator.set_state(bytes).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Runtime, text));
        assert_eq!(generator.state(), before);
    };
    refused(
        &[0; 4],
        "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 4",
    );
    refused(&[0; STATE_BYTES], "Invalid mt19937 state");
    for (at, field) in [(8, [0, 0]), (8, [0x71, 2]), (16, [0x71, 2])] {
        let mut bytes = before.clone();
        bytes[at..at + 2].copy_from_slice(&field);
        refused(&bytes, "Invalid mt19937 state");
    }
    // Counters that are each in range but together point past the last word.
    let mut bytes = before.clone();
    bytes[8..10].copy_from_slice(&624_u16.to_le_bytes());
    bytes[16..18].copy_from_slice(&624_u16.to_le_bytes());
    refused(&bytes, "Invalid mt19937 state");
}

#[test]
fn handles_share_one_stream_and_forks_do_not() {
    let generator = Generator::seeded(1);
    let (handle, fork) = (generator.clone(), generator.fork());
    let first = generator.lock().next_u32();
    assert_eq!(fork.lock().next_u32(), first);
    assert_ne!(handle.lock().next_u32(), first);
    assert!(generator.is(&handle) && !generator.is(&fork));
    assert!(rng::default_generator().is(rng::default_generator()));
    assert_eq!(Generator::new().initial_seed(), rng::DEFAULT_SEED);
}

#[test]
fn checks_speak_pytorchs_words() {
    let refused = |draw: Draw, dtype: DType, kind: Kind, text: &str| {
        let error = draw.check(dtype).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, text));
    };
    let runtime = |draw, dtype, text| refused(draw, dtype, Kind::Runtime, text);
    let uniform = |from, to| Draw::Uniform { from, to };
    let range = |from, to| Draw::RandomRange { from, to };
    runtime(
        uniform(2.0, 1.0),
        DType::F32,
        "uniform_ expects to return a [from, to) range, but found from=2 > to=1",
    );
    runtime(uniform(0.0, 1e6), DType::F16, "to is out of bounds for c10::Half");
    runtime(uniform(f64::NAN, 1.0), DType::F32, "from is out of bounds for float");
    runtime(
        uniform(-3e38, 3e38),
        DType::F32,
        "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and \
         from=-3e+38 which result in to-from to exceed the limit",
    );
    refused(
        uniform(0.0, 1.0),
        DType::I64,
        Kind::NotImplemented,
        "\"check_uniform_bounds\" not implemented for 'Long'",
    );
    runtime(
        Draw::Normal { mean: 0.0, std: -1.5 },
        DType::F32,
        "normal expects std >= 0.0, but found std -1.5",
    );
    runtime(
        range(5, Some(5)),
        DType::I64,
        "random_ expects 'from' to be less than 'to', but got from=5 >= to=5",
    );
    runtime(range(-1, Some(5)), DType::U8, "from is out of bounds for unsigned char");
    runtime(range(0, Some(257)), DType::U8, "to - 1 is out of bounds for unsigned char");
    runtime(range(0, Some(3)), DType::Bool, "to - 1 is out of bounds for bool");
    runtime(
        range(1 << 30, None),
        DType::F32,
        "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to \
         dtype, but got from=1073741824 > to_inc=16777216",
    );
    runtime(
        Draw::Geometric { p: 1.0 },
        DType::F32,
        "geometric_ expects p to be in (0, 1), but got p=1",
    );
    runtime(
        Draw::Exponential { rate: -1.5 },
        DType::F64,
        "exponential_ expects lambda > 0.0, but found lambda=-1.5",
    );
    runtime(
        Draw::Cauchy { median: 0.0, sigma: 1.0 },
        DType::I64,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating \
         point but you specified long int",
    );
    runtime(
        Draw::Bernoulli { p: 1.5 },
        DType::F32,
        "bernoulli_ expects p to be in [0, 1], but got p=1.5",
    );
}

#[test]
fn multinomial_refuses_what_is_no_distribution() {
    let text = |weights: &[f32], samples, replacement| {
        let mut out = vec![0; samples];
        let sampling = Sampling { samples, replacement };
        let mut stream = Stream::new(0);
        rng::multinomial(&mut stream, weights, weights.len(), sampling, &mut out)
            .unwrap_err()
            .message()
            .to_string()
    };
    assert!(text(&[1.0, -1.0], 1, false).starts_with("probability tensor contains either `inf`"));
    assert!(text(&[1.0, -1.0], 3, true).contains("(encountering probability entry < 0)"));
    assert!(text(&[1.0, f32::NAN], 3, true).contains("entry = infinity or NaN)"));
    assert!(text(&[0.0, 0.0], 3, true).contains("(sum of probabilities <= 0)"));
    assert!(text(&[0.0, 0.0], 1, false).contains("(sum of probabilities <= 0)"));
    assert!(text(&[0.0, 1.0], 3, false).starts_with("cannot sample n_sample > prob_dist.size(-1)"));
}

proptest! {
    #[test]
    fn pieces_give_the_stream_of_one_fill(seed: u64, cut in 0_usize..700, n in 0_usize..1400) {
        let cut = cut.min(n);
        for draw in [
            Draw::Uniform { from: -1.0, to: 2.0 },
            Draw::RandomRange { from: -5, to: Some(1 << 20) },
            Draw::Normal { mean: 1.0, std: 2.0 },
            Draw::Exponential { rate: 2.0 },
        ] {
            let (mut whole, mut parts) = (vec![0.0_f32; n], vec![0.0_f32; n]);
            draw.fill(&mut Stream::new(seed), &mut whole);
            let mut stream = Stream::new(seed);
            draw.fill(&mut stream, &mut parts[..cut]);
            draw.fill(&mut stream, &mut parts[cut..]);
            prop_assert_eq!(&whole, &parts);
        }
    }

    #[test]
    fn states_of_any_bytes_never_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), STATE_BYTES),
        left in 0_u32..700,
        next in 0_u64..700,
    ) {
        bytes[8..12].copy_from_slice(&left.to_le_bytes());
        bytes[16..24].copy_from_slice(&next.to_le_bytes());
        if let Ok(mut stream) = Stream::from_state(&bytes) {
            for _ in 0..1300 {
                stream.next_u32();
            }
        }
    }

    #[test]
    fn draws_stay_in_range(seed: u64, from in -1000_i64..1000, width in 1_i64..500) {
        let to = from + width;
        let mut stream = Stream::new(seed);
        let mut integers = vec![0_i16; 300];
        Draw::RandomRange { from, to: Some(to) }.fill(&mut stream, &mut integers);
        prop_assert!(integers.iter().all(|&v| (from..to).contains(&i64::from(v))));
        let mut halves = vec![f16::default(); 300];
        Draw::Uniform { from: from as f64, to: to as f64 }.fill(&mut stream, &mut halves);
        let (low, high) = (f16::from_f64(from as f64), f16::from_f64(to as f64));
        prop_assert!(halves.iter().all(|&v| low <= v && (v < high || low == high)));
        let mut order = vec![0; width as usize];
        rng::randperm(&mut stream, &mut order);
        order.sort_unstable();
        prop_assert!(order.iter().copied().eq(0..width));
    }
}
