//! The pickle reader: plans of real pickles, refusals, and bytes nobody should have written.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may end where its expectation does not hold

use io::Error;
use io::pickle::{Plan, Step, read, rename_globals};
use proptest::prelude::*;

fn all(_: &str) -> bool {
    true
}

fn none(_: &str) -> bool {
    false
}

fn refused(pickle: &[u8]) -> String {
    match read(pickle, &none) {
        Err(Error::Pickle(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn plain_values_of_protocol_2() {
    // pickle.dumps([1, -300, 2.5, "a", (True, None)], 2)
    let bytes = b"\x80\x02]q\x00(K\x01J\xd4\xfe\xff\xffG@\x04\x00\x00\x00\x00\x00\x00X\x01\x00\x00\x00aq\x01\x88N\x86q\x02e.";
    let plan = read(bytes, &none).unwrap();
    assert_eq!(
        plan.steps,
        [
            Step::List,
            Step::Int(1),
            Step::Int(-300),
            Step::Float(2.5),
            Step::Str("a"),
            Step::Bool(true),
            Step::None,
            Step::Tuple(vec![5, 6]),
            Step::Append { list: 0, items: vec![1, 2, 3, 4, 7] },
        ]
    );
    assert_eq!(plan.root, 0);
}

#[test]
fn sets_and_bytes_of_protocol_4() {
    // pickle.dumps({"s": {1}, "f": frozenset((2,)), "b": b"xy"}, 4)
    let bytes = b"\x80\x04\x95 \x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01s\x94\x8f\x94(K\x01\x90\x8c\x01f\x94(K\x02\x91\x94\x8c\x01b\x94C\x02xy\x94u.";
    let Plan { steps, .. } = read(bytes, &none).unwrap();
    assert!(steps.contains(&Step::AddItems { set: 2, items: vec![3] }));
    assert!(steps.contains(&Step::FrozenSet(vec![6])));
    assert!(steps.contains(&Step::Bytes(b"xy")));
}

#[test]
fn a_list_that_holds_itself_is_a_plan_of_two_steps() {
    let plan = read(b"\x80\x02]q\x00h\x00a.", &none).unwrap();
    assert_eq!(plan.steps, [Step::List, Step::Append { list: 0, items: vec![0] }]);
}

#[test]
fn depth_costs_no_stack() {
    let depth = 1_000_000;
    let mut bytes = b"\x80\x02".to_vec();
    bytes.extend(std::iter::repeat_n(b']', depth));
    bytes.extend(std::iter::repeat_n(b'a', depth - 1));
    bytes.push(b'.');
    assert_eq!(read(&bytes, &none).unwrap().steps.len(), 2 * depth - 1);
}

#[test]
fn integers_of_every_width() {
    let int = |bytes: &[u8]| read(bytes, &none).unwrap().steps.remove(0).to_owned_int();
    assert_eq!(int(b"\x8a\x00."), 0);
    assert_eq!(int(b"\x8a\x01\xff."), -1);
    assert_eq!(int(b"\x8a\x02\x00\x80."), -32768);
    assert_eq!(int(b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), i64::MAX);
    assert_eq!(int(b"M\xff\xff."), 65535);
}

trait OwnedInt {
    fn to_owned_int(&self) -> i64;
}

impl OwnedInt for Step<'_> {
    fn to_owned_int(&self) -> i64 {
        match self {
            Step::Int(value) => *value,
            other => panic!("no integer: {other:?}"),
        }
    }
}

#[test]
fn globals_outside_the_list_are_refused_by_name() {
    // What `pickle` itself would run: os.system("true"), builtins.eval("1"), a bound method.
    assert_eq!(
        refused(b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
        "Trying to load unsupported GLOBAL posix.system whose module posix is blocked."
    );
    let eval = refused(b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.");
    assert!(eval.starts_with(
        "Unsupported global: GLOBAL builtins.eval was not an allowed global by default. Please use \
         `torch.serialization.add_safe_globals([builtins.eval])`"
    ));
    assert!(refused(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93.").contains("os.system"));
}

#[test]
fn only_globals_are_called_and_only_own_objects_are_changed() {
    let text = |bytes: &[u8]| match read(bytes, &all) {
        Err(Error::Pickle(text)) => text,
        other => panic!("accepted: {other:?}"),
    };
    // The result of a call is no function, nor is a string, a storage or a state.
    assert!(text(b"cm\nf\n)R)R.").contains("unrecognized function: an object"));
    assert!(text(b"X\x01\x00\x00\x00f)R.").contains("unrecognized function: str"));
    assert!(text(b"K\x01Q)R.").contains("unrecognized function: a storage"));
    // A class or a storage gets no state, items or attributes from the file.
    assert!(text(b"cm\nC\n}b.").contains("Can only build objects the pickle made, but got m.C"));
    assert!(text(b"K\x01Q}b.").contains("but got a storage"));
    assert!(text(b"cm\nC\nK\x01K\x02s.").contains("Can only set or add items"));
    assert!(text(b"cm\nC\nK\x01a.").contains("Can only append to lists, but got m.C"));
    // Arguments are tuples.
    assert!(text(b"cm\nf\n]R.").contains("unrecognized function: list"));
    // Instructions that would look names up elsewhere are not carried out.
    assert!(text(b"\x82\x01.").contains("Unsupported operand 130"));
    assert!(text(b"(cm\nC\no.").contains("Unsupported operand 111"));
    assert!(text(b"(im\nC\n.").contains("Unsupported operand 105"));
    assert!(text(b"\x97.").contains("Unsupported operand 151"));
    assert!(text(b"P0\n.").contains("Unsupported operand 80"));
}

#[test]
fn broken_machines_are_errors() {
    for bytes in [
        &b"."[..],
        b"",
        b"N",
        b"0.",
        b"1.",
        b"(.",
        b"t.",
        b"\x85.",
        b"N(\x85.",
        b"h\x00.",
        b"q\x00.",
        b"}K\x01s.",
        b"}(K\x01u.",
        b"X\xff\xff\xff\xffa.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
        b"X\x02\x00\x00\x00\xff\xfe.",
        b"cmodule",
        b"K\x01K\x02\x93.",
    ] {
        assert!(matches!(read(bytes, &all), Err(Error::Pickle(_))), "{bytes:?} was accepted");
    }
}

#[test]
fn globals_are_renamed_in_every_protocol() {
    let rename = |module: &str, name: &str| {
        (module == "pyrite._utils").then(|| ("torch._utils".to_string(), name.to_string()))
    };
    let two = b"\x80\x02cpyrite._utils\nf\nq\x00ccollections\nOrderedDict\nq\x01\x86.";
    assert_eq!(
        rename_globals(two, &rename).unwrap(),
        b"\x80\x02ctorch._utils\nf\nq\x00ccollections\nOrderedDict\nq\x01\x86."
    );
    // Protocol 4: the module's name comes from the memo the second time.
    let four = b"\x80\x04\x95\x21\x00\x00\x00\x00\x00\x00\x00\x8c\x0dpyrite._utils\x94\x8c\x01f\x94\x93\x94h\x00\x8c\x01g\x94\x93\x94\x86\x94.";
    let renamed = rename_globals(four, &rename).unwrap();
    let plan = read(&renamed, &|path| path.starts_with("torch._utils.")).unwrap();
    let Step::Tuple(pair) = &plan.steps[plan.root as usize] else {
        panic!("no tuple: {plan:?}");
    };
    let names: Vec<_> = pair.iter().map(|&slot| plan.steps[slot as usize].clone()).collect();
    assert_eq!(
        names,
        [
            Step::Global { module: "torch._utils", name: "f" },
            Step::Global { module: "torch._utils", name: "g" },
        ]
    );
    // Texts that only look like names are left alone.
    let text = b"\x80\x02X\x0d\x00\x00\x00pyrite._utils.";
    assert_eq!(rename_globals(text, &rename).unwrap(), text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_give_a_sound_plan_or_an_error(
        bytes in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(b"\x80\x95.(012N\x88\x89KMJ\x8aGXU)]}\x8f\x85\x86tlda\x65su\x90hqjr\x94c\x93Rb\x81\x92Q\n".to_vec()),
                any::<u8>(),
            ],
            0..60,
        )
    ) {
        if let Ok(plan) = read(&bytes, &all) {
            prop_assert!(plan.steps.len() <= 2 * bytes.len());
            prop_assert!((plan.root as usize) < plan.steps.len());
            for (at, step) in plan.steps.iter().enumerate() {
                prop_assert!(slots(step).into_iter().all(|slot| (slot as usize) < at));
            }
        }
        let _ = rename_globals(&bytes, &|_, _| None);
    }
}

/// The earlier steps a step names.
fn slots(step: &Step<'_>) -> Vec<u32> {
    match step {
        Step::FrozenSet(items) | Step::Tuple(items) => items.clone(),
        Step::Persistent(id) => vec![*id],
        Step::Call { function, args } => vec![*function, *args],
        Step::New { class, args, kwargs } => {
            [Some(*class), Some(*args), *kwargs].into_iter().flatten().collect()
        }
        Step::Append { list, items } => [&[*list], &items[..]].concat(),
        Step::SetItems { target, pairs } => [&[*target], &pairs[..]].concat(),
        Step::AddItems { set, items } => [&[*set], &items[..]].concat(),
        Step::Build { object, state } => vec![*object, *state],
        _ => Vec::new(),
    }
}
