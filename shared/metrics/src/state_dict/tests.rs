use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fledge-state-dict-{}-{name}", std::process::id()))
}

/// The error of opening a file with these bytes.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let file = scratch(name);
    fledge_base::fs::write(&file, bytes).expect("write");
    let opened = StateDict::open(&file);
    fledge_base::fs::remove(&file).expect("clear");
    let error = opened.err().unwrap_or_else(|| panic!("{name} was accepted")).to_string();
    assert!(error.contains(name), "{error}");
    error
}

const VALUES: [f64; 6] = [0.5, -1.25, 3.0, 1024.0, 0.0, -0.007_812_5];

#[test]
fn every_float_type_of_a_pth_is_read_new_and_old() {
    for file in ["floats.pth", "floats-legacy.pth", "floats-tar.pth"] {
        let mut state = StateDict::open(&golden(file)).expect("open");
        for name in ["f16", "bf16", "f32", "f64"] {
            assert_eq!(
                state.take(name, &[2, 3]).ok().as_deref(),
                Some(&VALUES[..]),
                "{name} of {file}"
            );
        }
        // A strided view is read in the order of its own rows.
        assert_eq!(
            state.take("transposed", &[3, 2]).ok(),
            Some(vec![0.5, 1024.0, -1.25, 0.0, 3.0, -0.007_812_5]),
            "{file}"
        );
        assert!(state.take("integer", &[3]).is_err());
        assert!(state.left_over().is_empty());
    }
}

#[test]
fn numbers_in_single_precision_are_those_in_double() {
    for file in ["floats.pth", "floats-legacy.pth", "floats-tar.pth"] {
        let mut state = StateDict::open(&golden(file)).expect("open");
        for name in ["f16", "bf16", "f32", "f64"] {
            let data = state.take_f32(name, &[2, 3]).expect(name);
            assert_eq!(
                data.iter::<f32>().collect::<Vec<_>>(),
                VALUES.map(|v| v as f32),
                "{name} of {file}"
            );
        }
    }
}

#[test]
fn a_dictionary_of_parameters_is_read() {
    let mut state = StateDict::open(&golden("parameters.pth")).expect("open");
    assert_eq!(state.take("weight", &[2, 3]).ok().as_deref(), Some(&VALUES[..]));
}

#[test]
fn a_pickle_with_foreign_code_is_refused_by_its_name_and_runs_nothing() {
    for file in [
        "foreign-code.pth",
        "foreign-code-legacy.pth",
        "foreign-code-tar.pth",
        "foreign-code-4.pth",
    ] {
        let error = StateDict::open(&golden(file)).err().expect("accepted").to_string();
        assert!(error.contains("posix.system") && error.contains(file), "{error}");
    }
    assert!(!std::env::current_dir().expect("folder").join("executed-by-a-pickle").exists());
}

#[test]
fn foreign_code_is_found_however_it_is_named() {
    let cases: [(&[u8], &str); 6] = [
        (b"(S'touch x'\nios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93)R.", "os.system"),
        // Names from the memo.
        (b"\x80\x04]\x8c\x06system\x94\x8c\x02osr\x07\0\0\0eh\x07h\0\x93)R.", "os.system"),
        // A name computed by instructions that are not tracked.
        (b"\x80\x04NN\x93.", "puts together"),
        (b"\x80\x02\x82\x05.", "registered number"),
        // In the last of the five pickles of an old file whose magic number is encoded differently.
        (b"L119547037146038801333356L\n.M\xe9\x03.}.}.cos\nsystem\n)R.", "os.system"),
    ];
    for (i, (bytes, expected)) in cases.into_iter().enumerate() {
        let error = refusal(&format!("named-{i}.pth"), bytes);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_no_state_dict_is_refused_with_what_it_is() {
    let error = |file: &str| StateDict::open(&golden(file)).err().expect("accepted").to_string();
    let module = error("module.pth");
    assert!(
        module.contains("torch.nn.modules.linear.Linear") && module.contains("state_dict()"),
        "{module}"
    );
    assert!(error("list.pth").contains("found list"), "{}", error("list.pth"));
    // A dictionary without a tensor.
    assert!(refusal("empty.pth", b"\x80\x02}.").contains("holds no tensors"));
    for (i, bytes) in [
        &b""[..],
        b"not a pickle",
        b"PK\x03\x04 cut off",
        b"\x02\0\0\0\0\0\0\0{}",
        b"\xff\xff\xff\xff\xff\xff\xff\xff{\"a\":1}",
    ]
    .into_iter()
    .enumerate()
    {
        refusal(&format!("nothing-{i}.pth"), bytes);
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_that_was() {
    for file in ["floats.pth", "floats-legacy.pth", "floats-tar.pth"] {
        let whole = std::fs::read(golden(file)).expect("read");
        // A TAR file ends with blocks of zeros, which may be missing.
        let end = whole.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for cut in (0..end).step_by(end / 97) {
            refusal(&format!("cut-{cut}-{file}"), &whole[..cut]);
        }
    }
    let whole = safetensors_file(&[1.0, 2.0, 3.0, 4.0]);
    for cut in 0..whole.len() {
        refusal(&format!("cut-{cut}.safetensors"), &whole[..cut]);
    }
    let longer = [&whole[..], b"more"].concat();
    assert!(refusal("longer.safetensors", &longer).contains("has more in it"));
}

fn safetensors_file(values: &[f32; 4]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![2, 2], &bytes).expect("view");
    let metadata =
        std::collections::HashMap::from([("network".to_owned(), "a-network".to_owned())]);
    safetensors::serialize([("a", &view), ("b.c", &view)], Some(metadata)).expect("serialize")
}

fn open_safetensors(name: &str, values: &[f32; 4]) -> StateDict {
    let file = scratch(name);
    fledge_base::fs::write(&file, &safetensors_file(values)).expect("write");
    let state = StateDict::open(&file).expect("open");
    fledge_base::fs::remove(&file).expect("clear");
    state
}

#[test]
fn a_safetensors_file_is_read_with_its_metadata_even_when_its_name_is_gone() {
    let mut state = open_safetensors("named.safetensors", &[1.0, 2.0, 3.0, 4.5]);
    assert_eq!((state.metadata("network"), state.metadata("other")), (Some("a-network"), None));
    assert_eq!(state.take("a", &[2, 2]).ok(), Some(vec![1.0, 2.0, 3.0, 4.5]));
    state.pass_over("b.");
    assert!(state.left_over().is_empty());
}

#[test]
fn numbers_that_are_not_finite_are_refused_in_both_precisions() {
    let mut state = open_safetensors("infinite.safetensors", &[1.0, f32::NAN, 3.0, f32::INFINITY]);
    for problem in [state.take("a", &[2, 2]).err(), state.take_f32("b.c", &[2, 2]).err()] {
        assert!(matches!(problem, Some(Problem::Other(text)) if text.contains("not finite")));
    }
}
