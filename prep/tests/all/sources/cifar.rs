//! CIFAR-10 and CIFAR-100, the binary and the Python version.

use prep::source::{self, Content, Format};
use shared::testing::Scratch;

use super::packed::{Drawn, bytes_of, open};
use super::rows;

/// Records of CIFAR with these labels, of one or two bytes each.
fn records(labels: &[&[u8]]) -> Vec<u8> {
    labels.iter().zip(0..).flat_map(|(label, i)| [label, &[i; 3072][..]].concat()).collect()
}

fn cifar10() -> Drawn {
    Drawn::named(&["c/readme.html"])
        .with("c/data_batch_1.bin", records(&[&[1], &[0]]))
        .with("c/data_batch_2.bin", records(&[&[2]]))
        .with("c/test_batch.bin", records(&[&[0]]))
        .with("c/batches.meta.txt", "airplane\nautomobile\nbird\n\n")
}

#[test]
fn cifar_records_are_listed_with_their_labels() {
    let scratch = Scratch::new("cifar");
    let listing = cifar10().listed(&scratch, None);
    assert_eq!((listing.format, listing.root.as_slice()), (Format::Cifar, &b"c/"[..]));
    let wanted = [
        "data_batch_1.bin#0 automobile Train",
        "data_batch_1.bin#1 airplane Train",
        "data_batch_2.bin#2 bird Train",
        "test_batch.bin#3 airplane Val",
    ];
    assert_eq!(rows(&listing), wanted);
    let (archive, listing) = open(&scratch.path("source.tar.gz"), None);
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some(vec![1; 3072]));
    let Content::Raw(raw) = &listing.pictures[1].content else { panic!("no pixels") };
    assert!(raw.planar && (raw.width, raw.height, raw.channels) == (32, 32, 3));
    // Without names, classes are numbers; of CIFAR-100's two labels the fine one counts.
    assert_eq!(
        cifar10().without("c/batches.meta.txt").listed(&scratch, None).classes,
        ["0", "1", "2"]
    );
    let hundred = Drawn::named(&[])
        .with("train.bin", records(&[&[9, 0], &[9, 1]]))
        .with("test.bin", records(&[&[9, 1]]))
        .with("fine_label_names.txt", "apple\nfish\n")
        .with("coarse_label_names.txt", "fruit\n");
    let wanted = ["train.bin#0 apple Train", "train.bin#1 fish Train", "test.bin#2 fish Val"];
    assert_eq!(rows(&hundred.listed(&scratch, None)), wanted);
}

#[test]
fn malformed_cifar_files_are_named_with_their_numbers() {
    let scratch = Scratch::new("bad-cifar");
    for (drawn, wanted) in [
        (
            cifar10().with("c/data_batch_2.bin", vec![0; 3072]),
            "c/data_batch_2.bin: its 3072 bytes are not a whole number of records",
        ),
        (cifar10().with("c/data_batch_2.bin", []), "its 0 bytes"),
        (
            cifar10().with("c/test_batch.bin", records(&[&[0], &[3]])),
            "c/test_batch.bin: record 1 has label 3, but batches.meta.txt",
        ),
        (
            cifar10().without("c/data_batch_2.bin").with("c/data_batch_3.bin", records(&[&[0]])),
            "data_batch_2.bin is missing",
        ),
    ] {
        let error = drawn.refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
    let error = Drawn::named(&["data_batch_2"]).refused(&scratch, Some(Format::Cifar));
    assert!(error.contains("train beside meta"), "{error}");
}

/// Pickles of CIFAR's Python version, as Python 2, Python 3, and Python 3 for Python 2 write them:
/// the labels, and pictures of one value each.
fn pickled(key: &str, pictures: &[(u8, u8)]) -> [Vec<u8>; 3] {
    let data: Vec<u8> = pictures.iter().flat_map(|(_, value)| [*value; 3072]).collect();
    let labels: Vec<u8> = pictures.iter().flat_map(|(label, _)| [b'K', *label]).collect();
    let (count, length) = (pictures.len() as u8, (data.len() as u32).to_le_bytes());
    let short = |code: u8, text: &str| [&[code, text.len() as u8][..], text.as_bytes()].concat();
    let long =
        |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let array = |empty: &[u8], kind: &[u8], data: &[u8]| {
        let made =
            [b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85", empty, b"tR"]
                .concat();
        let kind = [
            b"cnumpy\ndtype\n",
            kind,
            b"K\0K\x01\x87R(K\x03",
            &short(b'U', "|"),
            b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb",
        ]
        .concat();
        [&made[..], b"(K\x01", &[b'K', count], b"M\x00\x0c\x86", &kind, b"\x89", data, b"tb"]
            .concat()
    };
    let python2 = [
        &b"\x80\x02}q\x01("[..],
        &short(b'U', "data"),
        &array(&short(b'U', "b"), &short(b'U', "u1"), &[&b"T"[..], &length, &data].concat()),
        &short(b'U', key),
        b"]q\x02(",
        &labels,
        b"eu.",
    ];
    let python3 = [
        &b"\x80\x04}\x94("[..],
        &short(0x8c, "data"),
        &array(&short(b'C', "b"), &short(0x8c, "u1"), &[&b"B"[..], &length, &data].concat()),
        &short(0x8c, key),
        b"]\x94(",
        &labels,
        b"eu.",
    ];
    let encoded =
        |text: &str| [b"c_codecs\nencode\n", &long(text)[..], &long("latin1"), b"\x86R"].concat();
    let text: String = data.iter().map(|&byte| char::from(byte)).collect();
    let repacked = [
        &b"\x80\x02}q\x01("[..],
        &encoded("data"),
        &array(&encoded("b"), &long("u1"), &encoded(&text)),
        &encoded(key),
        b"]q\x02(",
        &labels,
        b"eu.",
    ];
    [python2.concat(), python3.concat(), repacked.concat()]
}

/// A pickle of names.
fn pickled_names(key: &str, names: &[&str]) -> Vec<u8> {
    let names: String = names.iter().map(|name| format!("S'{name}'\na")).collect();
    format!("(dp0\nS'{key}'\np1\n(lp2\n{names}s.").into_bytes()
}

#[test]
fn cifar_in_its_python_form_is_read_and_nothing_of_it_is_run() {
    let scratch = Scratch::new("cifar-python");
    let meta = pickled_names("label_names", &["airplane", "automobile", "bird"]);
    for form in 0..3 {
        let first = pickled("labels", &[(1, 200), (0, 3)])[form].clone();
        let test = pickled("labels", &[(2, 255)])[form].clone();
        let drawn = Drawn::named(&["c/readme.html"])
            .with("c/data_batch_1", first)
            .with("c/test_batch", test);
        let listing = drawn.with("c/batches.meta", meta.clone()).listed(&scratch, None);
        let wanted = [
            "data_batch_1#0 automobile Train",
            "data_batch_1#1 airplane Train",
            "test_batch#2 bird Val",
        ];
        assert_eq!(
            (listing.format, rows(&listing)),
            (Format::Cifar, wanted.map(String::from).to_vec()),
            "form {form}"
        );
        let (archive, listing) = open(&scratch.path("source.tar.gz"), None);
        for (entry, value) in listing.pictures.iter().zip([200, 3, 255]) {
            assert_eq!(bytes_of(&archive, &listing, entry), Some(vec![value; 3072]), "form {form}");
        }
        let [train, test] =
            [&[(0, 7)], &[(1, 8)]].map(|pictures| pickled("fine_labels", pictures)[form].clone());
        let hundred = Drawn::named(&[]).with("train", train).with("test", test);
        let hundred = hundred.with("meta", pickled_names("fine_label_names", &["apple", "fish"]));
        assert_eq!(
            rows(&hundred.listed(&scratch, None)),
            ["train#0 apple Train", "test#1 fish Val"]
        );
    }
    let sound = pickled("labels", &[(1, 200), (0, 3)])[0].clone();
    for (bytes, wanted) in [
        (b"cos\nsystem\n(S'touch /tmp/x'\ntR.".to_vec(), "it names os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.".to_vec(), "it names builtins.eval"),
        (sound[..sound.len() - 2].to_vec(), "it is truncated"),
        (sound[..500].to_vec(), "it is truncated"),
        (b"}.".to_vec(), "labels or fine_labels"),
    ] {
        let error = Drawn::named(&[])
            .with("data_batch_1", bytes)
            .with("batches.meta", meta.clone())
            .refused(&scratch, None);
        assert!(error.contains("data_batch_1") && error.contains(wanted), "{error}");
    }
    // A class without a name is named by its number.
    let more = Drawn::named(&[])
        .with("data_batch_1", pickled("labels", &[(4, 1)])[1].clone())
        .with("batches.meta", meta.clone());
    assert_eq!(rows(&more.listed(&scratch, None)), ["data_batch_1#0 4 Train"]);
    // Reading ends, whatever a byte is replaced by.
    for at in (0..sound.len().min(400)).chain(sound.len() - 60..sound.len()) {
        for byte in [0, b'(', b't', b'R', 0xff] {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            let source = Drawn::named(&[]).with("data_batch_1", bytes);
            let _ = source::open(&source.tar_path(&scratch), None);
        }
    }
}
