//! Layouts without annotation of objects: the same listing from a folder, a zip, a tar and a gzipped tar, and an error that names
//! the file for what is malformed.

mod util;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use prep::build::Options;
use prep::build::plan::Plan;
use prep::build::prepare::Preparer;
use prep::source::{self, Content, Entry, Format, Listing, Part};
use shared::archive::Archive;
use shared::cli::one_line;
use shared::fs;
use util::Scratch;

/// Files of a source by name.
struct Drawn(Vec<(String, Vec<u8>)>);

impl Drawn {
    /// Files of a few bytes: the layouts do not look into pictures.
    fn named(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect())
    }

    fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.retain(|(old, _)| old != name);
        self.0.push((name.to_owned(), bytes.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(old, _)| old != name);
        self
    }

    fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in self.0.iter().rev() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("./{name}"), &bytes[..]).expect("append");
        }
        tar.into_inner().expect("finish")
    }

    fn zip(&self) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in &self.0 {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("start");
            zip.write_all(bytes).expect("write");
        }
        zip.finish().expect("finish").into_inner()
    }

    fn tar_path(&self, scratch: &Scratch) -> PathBuf {
        let path = scratch.path("source.tar");
        fs::write(&path, &self.tar()).expect("write");
        path
    }

    /// Lists the source in all four forms, which must give the same.
    fn listed(&self, scratch: &Scratch, format: Option<Format>) -> Listing {
        let folder = scratch.path("source");
        fs::remove(&folder).expect("clear");
        for (name, bytes) in &self.0 {
            fs::create_folder(folder.join(name).parent().expect("parent")).expect("make folder");
            fs::write(folder.join(name), bytes).expect("write");
        }
        fs::write(scratch.path("source.zip"), &self.zip()).expect("write");
        fs::write(scratch.path("source.tar.gz"), &gz(&self.tar())).expect("write");
        self.tar_path(scratch);
        let (archive, first) = open(&folder, format);
        for packed in ["source.zip", "source.tar", "source.tar.gz"] {
            let (packed, listing) = open(&scratch.path(packed), format);
            let facts = |l: &Listing| (l.format, l.root.clone(), l.tables.clone(), l.classes.clone(), l.halves);
            assert_eq!(facts(&listing), facts(&first));
            assert_eq!(listing.pictures, first.pictures);
            for entry in &first.pictures {
                assert_eq!(bytes_of(&packed, &listing, entry), bytes_of(&archive, &first, entry));
            }
        }
        first
    }

    /// The error in one line; it must name the source.
    fn refused(&self, scratch: &Scratch, format: Option<Format>) -> String {
        let error = one_line(&source::open(&self.tar_path(scratch), format).expect_err("listed"));
        assert!(error.contains("source.tar"), "{error}");
        error
    }
}

fn open(path: &Path, format: Option<Format>) -> (Archive, Listing) {
    source::open(path, format).unwrap_or_else(|e| panic!("{}", one_line(&e)))
}

/// What an entry's pixels are read from; `None` where the file is absent.
fn bytes_of(archive: &Archive, listing: &Listing, entry: &Entry) -> Option<Vec<u8>> {
    let at = |name: &shared::archive::Name| archive.find(&[&listing.root[..], &name.0].concat());
    match &entry.content {
        Content::File(name) => Some(archive.read(at(name)?, 1 << 20).expect("read")),
        Content::Raw(raw) => Some(raw.unpacked(archive.read_range(at(&raw.file)?, raw.offset, raw.stored()).expect("read"))),
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("pack");
    out.finish().expect("pack")
}

/// Name, class and part of every picture, by id.
fn rows(listing: &Listing) -> Vec<String> {
    assert!(listing.pictures.iter().zip(0..).all(|(entry, id)| entry.id == id));
    let class = |entry: &Entry| entry.label.map_or("-", |label| &listing.classes[label as usize]).to_owned();
    let part = |entry: &Entry| entry.part.map_or("-".into(), |part| format!("{part:?}"));
    listing.pictures.iter().map(|entry| format!("{} {} {}", entry.shown(), class(entry), part(entry))).collect()
}

#[test]
fn a_flat_folder_has_neither_classes_nor_parts() {
    let scratch = Scratch::new("flat");
    let drawn = Drawn::named(&["faces/b.JPG", "faces/a.webp", "faces/c.jfif", "faces/notes.txt", "faces/.hidden.png"]);
    let listing = drawn.listed(&scratch, None);
    assert_eq!((listing.format, &listing.root[..], listing.classes.len()), (Format::Folder, &b"faces/"[..], 0));
    assert_eq!(rows(&listing), ["a.webp - -", "b.JPG - -", "c.jfif - -"]);
}

#[test]
fn folders_are_classes_and_parts() {
    let scratch = Scratch::new("classes");
    for (names, wanted) in [
        // Two folders are two classes, deeper ones have longer names; what lies in none has no class.
        (
            &["x/dog/1.png", "x/cat/2.png", "x/cat/big/3.png", "x/4.png"][..],
            &["4.png - -", "cat/2.png cat -", "cat/big/3.png cat/big -", "dog/1.png dog -"][..],
        ),
        // One folder beside a picture is no class yet.
        (&["dog/1.png", "2.png"], &["2.png - -", "dog/1.png - -"]),
        // With train and test, test is for measuring while training.
        (
            &["Train/a/1.png", "Train/b/2.png", "TEST/a/3.png"],
            &["TEST/a/3.png a Val", "Train/a/1.png a Train", "Train/b/2.png b Train"],
        ),
        // With three parts they stay apart.
        (&["d/train/1.png", "d/valid/2.png", "d/test/3.png"], &["test/3.png - Test", "train/1.png - Train", "valid/2.png - Val"]),
        // What all pictures of all parts lie in is no class; what lies beside the parts is in none.
        (
            &["train/i/1.png", "validation/i/2.png", "more/3.png"],
            &["more/3.png - -", "train/i/1.png - Train", "validation/i/2.png - Val"],
        ),
        (&["train/i/a/1.png", "val/i/b/2.png"], &["train/i/a/1.png a Train", "val/i/b/2.png b Val"]),
        // A class may be called like a part.
        (&["bus/1.png", "train/2.png"], &["bus/1.png bus -", "train/2.png train -"]),
    ] {
        assert_eq!(rows(&Drawn::named(names).listed(&scratch, None)), wanted);
    }
}

#[test]
fn a_source_without_pictures_says_what_was_looked_for() {
    let scratch = Scratch::new("nothing");
    let error = Drawn::named(&["a.txt", "b.heic"]).refused(&scratch, None);
    assert!(
        error.contains(".jfif, .webp") && error.contains("found 1 picture in a format that is not read, the first b.heic"),
        "{error}"
    );
}

/// An array of NumPy.
fn npy(kind: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    [&shared::npy::header(kind, shape), bytes].concat()
}

#[test]
fn arrays_of_pictures_are_listed_with_their_classes() {
    let scratch = Scratch::new("npz");
    let pixels: Vec<u8> = (0..3 * 2 * 2 * 3).collect();
    let listing = Drawn::named(&["s/readme.txt"])
        .with("s/arr_0.npy", npy("|u1", &[3, 2, 2, 3], &pixels))
        .with("s/arr_1.npy", npy("<i8", &[3], &[2u64, 0, 1].map(u64::to_le_bytes).concat()))
        .listed(&scratch, None);
    assert_eq!((listing.format, listing.classes.join("").as_str()), (Format::Npz, "012"));
    assert_eq!(rows(&listing), ["arr_0.npy#0 2 -", "arr_0.npy#1 0 -", "arr_0.npy#2 1 -"]);
    let (archive, listing) = open(&scratch.path("source.zip"), None);
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((12..24).collect()));
    // A single array by itself; grey; the part by its name.
    let alone = scratch.path("test_images.npy");
    fs::write(&alone, &npy("|u1", &[2, 2, 3], &pixels[..12])).expect("write");
    let (archive, listing) = open(&alone, None);
    assert_eq!((listing.pictures.len(), listing.pictures[0].part), (2, Some(Part::Test)));
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((6..12).collect()));
}

#[test]
fn arrays_that_are_no_pictures_of_bytes_are_refused_by_name() {
    let scratch = Scratch::new("npz-bad");
    let refused = |name: &str, array: Vec<u8>| Drawn::named(&[]).with(name, array).refused(&scratch, None);
    let error = refused("x.npy", npy("<f4", &[1, 2, 2, 3], &[0; 48]));
    assert!(error.contains("x.npy") && error.contains("floating-point numbers of 32 bits") && error.contains("uint8"), "{error}");
    let error = refused("x.npy", npy("|u1", &[2, 2, 2, 3], &[0; 12]));
    assert!(error.contains("cut off"), "{error}");
    let labels = npy("<i8", &[2], &[0; 16]);
    let error = Drawn::named(&[]).with("images.npy", npy("|u1", &[1, 2, 2, 3], &[0; 12])).with("labels.npy", labels);
    let error = error.refused(&scratch, None);
    assert!(
        error.contains("labels.npy: it has 2 classes for 1 pictures") || error.contains("2 classes for 1 pictures"),
        "{error}"
    );
}

#[test]
fn a_picture_without_a_suffix_is_known_by_its_first_bytes() {
    let scratch = Scratch::new("bare");
    let png = b"\x89PNG\r\n\x1a\n".to_vec();
    let listing = Drawn::named(&["a/1.png", "README", "a/notes", "a/.hidden"])
        .with("a/0001", png.clone())
        .with("a/b.jpg.1", png.clone())
        .with("a/c.JPG_large", png.clone())
        .with("a/d.jpeg?w=100", png.clone())
        .with("a/e.jpg~", b"no picture".to_vec())
        .with("a/c.txt", png)
        .listed(&scratch, Some(Format::Folder));
    let names: Vec<String> = listing.pictures.iter().map(Entry::shown).collect();
    let base = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(names.iter().map(base).collect::<Vec<_>>(), ["0001", "1.png", "b.jpg.1", "c.JPG_large", "d.jpeg?w=100"]);
}

/// An IDX file.
fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let numbers = dimensions.iter().flat_map(|n| n.to_be_bytes());
    [0, 0, 8, dimensions.len() as u8].into_iter().chain(numbers).chain(values.iter().copied()).collect()
}

fn mnist() -> Drawn {
    let pixels: Vec<u8> = (0..30).collect();
    Drawn::named(&["m/readme.png"])
        .with("m/train-images-idx3-ubyte.gz", gz(&idx(&[3, 2, 5], &pixels)))
        .with("m/train-labels-idx1-ubyte.gz", gz(&idx(&[3], &[2, 0, 1])))
        .with("m/t10k-images.idx3-ubyte", idx(&[1, 2, 5], &pixels[..10]))
        .with("m/t10k-labels.idx1-ubyte", idx(&[1], &[1]))
}

#[test]
fn idx_files_are_listed_picture_by_picture() {
    let scratch = Scratch::new("idx");
    let listing = mnist().listed(&scratch, None);
    assert_eq!((listing.format, listing.root.as_slice()), (Format::Idx, &b"m/"[..]));
    assert_eq!(
        rows(&listing),
        [
            "train-images-idx3-ubyte.gz#0 2 Train",
            "train-images-idx3-ubyte.gz#1 0 Train",
            "train-images-idx3-ubyte.gz#2 1 Train",
            "t10k-images.idx3-ubyte#3 1 Val"
        ]
    );
    let (archive, listing) = open(&scratch.path("source.tar"), None);
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((10..20).collect()));
    let Content::Raw(raw) = &listing.pictures[1].content else { panic!("no pixels") };
    assert_eq!((raw.width, raw.height, raw.channels), (5, 2, 1));
    // The unpacked file beside the gzipped one is the same; names come from a table; colours by the place of the 3.
    let more = mnist().with("m/train-images-idx3-ubyte", idx(&[3, 2, 5], &[7; 30])).with("m/classes.txt", "shirt\r\nshoe\nbag\n");
    let listing = more.listed(&scratch, None);
    assert_eq!(rows(&listing)[0], "train-images-idx3-ubyte#0 bag Train");
    for (dimensions, planar) in [([2, 4, 5, 3], false), ([2, 3, 4, 5], true)] {
        let color = Drawn::named(&[]).with("train-images-idx4-ubyte", idx(&dimensions, &[0; 120])).listed(&scratch, None);
        let Content::Raw(raw) = &color.pictures[1].content else { panic!("no pixels") };
        assert_eq!((raw.width, raw.height, raw.channels, raw.planar, raw.offset), (5, 4, 3, planar, 80));
        assert!(color.classes.is_empty());
    }
}

#[test]
fn malformed_idx_files_are_named_with_their_numbers() {
    let scratch = Scratch::new("bad-idx");
    let images = "m/t10k-images.idx3-ubyte";
    let labels = "m/t10k-labels.idx1-ubyte";
    for (drawn, wanted) in [
        (
            mnist().with(images, idx(&[1, 2, 5], &[0; 9])),
            "t10k-images.idx3-ubyte: 1 pictures of 5x2x1 take 26 bytes, but it has 25",
        ),
        (mnist().with(images, idx(&[1, 2, 5], &[0; 11])), "but it has 27"),
        (mnist().with(images, idx(&[u32::MAX; 3], &[])), "more bytes than there can be"),
        (mnist().with(images, idx(&[1, 0, 5], &[])), "1 pictures of 5x0x1"),
        (mnist().with(images, idx(&[1, 2, 5, 2], &[0; 20])), "[1, 2, 5, 2] are not those of pictures"),
        (mnist().with(images, idx(&[1], &[0])), "[1] are not those of pictures"),
        (mnist().with(images, b"\0\0\x0d\x03".to_vec()), "it begins with 00000d03"),
        (mnist().with(images, b"\0".to_vec()), "it begins with 00,"),
        (mnist().with(images, b"\0\0\x08\x03\0\0".to_vec()), "12 bytes from byte 4 on are needed, but it has 6"),
        (mnist().with(images, idx(&[1 << 25, 1, 1], &vec![0; 1 << 25])), "33554432 pictures are more than"),
        (
            mnist().with(labels, idx(&[2], &[0, 1])),
            "t10k-labels.idx1-ubyte: 2 labels are there for the 1 pictures of m/t10k-images",
        ),
        (mnist().with(labels, idx(&[1], &[])), "1 labels take 9 bytes, but it has 8"),
        (mnist().without(labels), "t10k-images.idx3-ubyte: there is no file of labels"),
        (mnist().with("m/test-images-idx3-ubyte", idx(&[0, 1, 1], &[])), "it is for the same part as m/t10k-images"),
        (mnist().with("m/classes.txt", "a\nb\n"), "classes.txt: it names 2 classes, but the labels go up to 2"),
        (
            mnist().with("m/train-labels-idx1-ubyte.gz", &gz(&idx(&[3], &[2, 0, 1]))[..20]),
            "cannot read m/train-labels-idx1-ubyte.gz",
        ),
    ] {
        let error = drawn.refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
}

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
    // Without names they are numbers; of CIFAR-100's two labels the fine one counts.
    assert_eq!(cifar10().without("c/batches.meta.txt").listed(&scratch, None).classes, ["0", "1", "2"]);
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
        (cifar10().without("c/data_batch_2.bin").with("c/data_batch_3.bin", records(&[&[0]])), "data_batch_2.bin is missing"),
    ] {
        let error = drawn.refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
    let error = Drawn::named(&["data_batch_2"]).refused(&scratch, Some(Format::Cifar));
    assert!(error.contains("train beside meta"), "{error}");
}

/// Pickles of CIFAR's Python version, as Python 2, Python 3, and Python 3 for Python 2 write them: the labels, and pictures of one
/// value each.
fn pickled(key: &str, pictures: &[(u8, u8)]) -> [Vec<u8>; 3] {
    let data: Vec<u8> = pictures.iter().flat_map(|(_, value)| [*value; 3072]).collect();
    let labels: Vec<u8> = pictures.iter().flat_map(|(label, _)| [b'K', *label]).collect();
    let (count, length) = (pictures.len() as u8, (data.len() as u32).to_le_bytes());
    let short = |code: u8, text: &str| [&[code, text.len() as u8][..], text.as_bytes()].concat();
    let long = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let array = |empty: &[u8], kind: &[u8], data: &[u8]| {
        let made = [b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85", empty, b"tR"].concat();
        let kind =
            [b"cnumpy\ndtype\n", kind, b"K\0K\x01\x87R(K\x03", &short(b'U', "|"), b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"]
                .concat();
        [&made[..], b"(K\x01", &[b'K', count], b"M\x00\x0c\x86", &kind, b"\x89", data, b"tb"].concat()
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
    let encoded = |text: &str| [b"c_codecs\nencode\n", &long(text)[..], &long("latin1"), b"\x86R"].concat();
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
        let drawn = Drawn::named(&["c/readme.html"]).with("c/data_batch_1", first).with("c/test_batch", test);
        let listing = drawn.with("c/batches.meta", meta.clone()).listed(&scratch, None);
        let wanted = ["data_batch_1#0 automobile Train", "data_batch_1#1 airplane Train", "test_batch#2 bird Val"];
        assert_eq!((listing.format, rows(&listing)), (Format::Cifar, wanted.map(String::from).to_vec()), "form {form}");
        let (archive, listing) = open(&scratch.path("source.tar.gz"), None);
        for (entry, value) in listing.pictures.iter().zip([200, 3, 255]) {
            assert_eq!(bytes_of(&archive, &listing, entry), Some(vec![value; 3072]), "form {form}");
        }
        let [train, test] = [&[(0, 7)], &[(1, 8)]].map(|pictures| pickled("fine_labels", pictures)[form].clone());
        let hundred = Drawn::named(&[]).with("train", train).with("test", test);
        let hundred = hundred.with("meta", pickled_names("fine_label_names", &["apple", "fish"]));
        assert_eq!(rows(&hundred.listed(&scratch, None)), ["train#0 apple Train", "test#1 fish Val"]);
    }
    let sound = pickled("labels", &[(1, 200), (0, 3)])[0].clone();
    for (bytes, wanted) in [
        (b"cos\nsystem\n(S'touch /tmp/x'\ntR.".to_vec(), "it names os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.".to_vec(), "it names builtins.eval"),
        (sound[..sound.len() - 2].to_vec(), "it breaks off"),
        (sound[..500].to_vec(), "it breaks off"),
        (b"}.".to_vec(), "labels or fine_labels"),
    ] {
        let error = Drawn::named(&[]).with("data_batch_1", bytes).with("batches.meta", meta.clone()).refused(&scratch, None);
        assert!(error.contains("data_batch_1") && error.contains(wanted), "{error}");
    }
    // A class without a name is called by its number.
    let more = Drawn::named(&[]).with("data_batch_1", pickled("labels", &[(4, 1)])[1].clone()).with("batches.meta", meta.clone());
    assert_eq!(rows(&more.listed(&scratch, None)), ["data_batch_1#0 4 Train"]);
    // Whatever a byte becomes, reading it ends.
    for at in (0..sound.len().min(400)).chain(sound.len() - 60..sound.len()) {
        for byte in [0, b'(', b't', b'R', 0xff] {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            let source = Drawn::named(&[]).with("data_batch_1", bytes);
            let _ = source::open(&source.tar_path(&scratch), None);
        }
    }
}

#[test]
fn emnist_is_turned_upright_and_named_by_its_mapping() {
    let scratch = Scratch::new("emnist");
    // Two rows of three columns, stored column by column.
    let pixels = [1, 4, 2, 5, 3, 6];
    let drawn = Drawn::named(&[])
        .with("e/emnist-letters-train-images-idx3-ubyte", idx(&[1, 2, 3], &pixels))
        .with("e/emnist-letters-train-labels-idx1-ubyte", idx(&[1], &[2]))
        .with("e/emnist-letters-test-images-idx3-ubyte", idx(&[1, 2, 3], &pixels))
        .with("e/emnist-letters-test-labels-idx1-ubyte", idx(&[1], &[1]))
        .with("e/emnist-letters-mapping.txt", "1 65 97\n2 66 98\n");
    let listing = drawn.listed(&scratch, None);
    assert_eq!((listing.format, listing.classes.as_slice()), (Format::Idx, &["A".to_owned(), "B".into()][..]));
    let series = "emnist-letters-train-images-idx3-ubyte#0 B Train";
    assert_eq!(rows(&listing), [series, "emnist-letters-test-images-idx3-ubyte#1 A Val"]);
    let Content::Raw(raw) = &listing.pictures[0].content else { panic!("no pixels") };
    assert!(raw.transposed && (raw.width, raw.height) == (3, 2));
    // What is seen are rows again.
    let options = Options { size: 2, ..Options::new(scratch.path("source"), scratch.path("out")) };
    let plan = Plan::new(&options).expect("list");
    let whole = Preparer::new(&plan, &options, false).whole(0).expect("decode");
    let grey: Vec<u8> = whole.0.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect();
    assert_eq!(((whole.0.width, whole.0.height), grey), ((3, 2), vec![1, 2, 3, 4, 5, 6]));
    let error = drawn.with("e/emnist-letters-mapping.txt", "1 65\n").refused(&scratch, None);
    assert!(error.contains("mapping.txt") && error.contains("label 2"), "{error}");
}

#[test]
fn the_first_of_qmnists_numbers_is_the_class() {
    let scratch = Scratch::new("qmnist");
    let numbers = |rows: &[[u32; 2]]| {
        let header = [0x0c02, rows.len() as u32, 2];
        header.into_iter().chain(rows.iter().flatten().copied()).flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
    };
    let drawn = Drawn::named(&[])
        .with("qmnist-train-images-idx3-ubyte.gz", gz(&idx(&[2, 1, 1], &[7, 8])))
        .with("qmnist-train-labels-idx2-int.gz", gz(&numbers(&[[1, 900], [0, 901]])));
    let listing = drawn.listed(&scratch, None);
    let name = "qmnist-train-images-idx3-ubyte.gz";
    assert_eq!(rows(&listing), [format!("{name}#0 1 Train"), format!("{name}#1 0 Train")]);
    for (rows, wanted) in
        [(vec![[1, 2]], "1 labels are there for the 2 pictures"), (vec![[300, 0], [1, 0]], "is 300, not below 256")]
    {
        let drawn = Drawn::named(&[]).with(name, gz(&idx(&[2, 1, 1], &[7, 8])));
        let error = drawn.with("qmnist-train-labels-idx2-int.gz", gz(&numbers(&rows))).refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn nabirds_ids_with_dashes_and_its_tree_of_classes_are_read() {
    let scratch = Scratch::new("nabirds");
    let [a, b] = ["0000139e-21dc-4d0c-bfe1-4cae3c85c829", "0000d9fc-4e02-4c06-a0af-a55cfb16b12b"];
    let drawn = Drawn::named(&["n/images/0800/a.jpg", "n/images/0801/b.jpg"])
        .with("n/images.txt", format!("{a} 0800/a.jpg\n{b} 0801/b.jpg\n"))
        .with("n/bounding_boxes.txt", format!("{a} 1 2 3 4\n{b} 5 6 7 8\n"))
        .with("n/image_class_labels.txt", format!("{a} 800\n{b} 801\n"))
        .with("n/classes.txt", "0 Birds\n800 Common Eider (Adult)\n801 Wood Duck\n")
        .with("n/hierarchy.txt", "800 0\n801 0\n")
        .with("n/sizes.txt", format!("{a} 90 80\n{b} 70 60\n"))
        .with("n/train_test_split.txt", format!("{a} 1\n{b} 0\n"));
    let listing = drawn.listed(&scratch, None);
    assert_eq!(
        (listing.format, listing.classes.as_slice()),
        (Format::Cub, &["Common Eider (Adult)".to_owned(), "Wood Duck".into()][..])
    );
    assert_eq!(rows(&listing), ["images/0800/a.jpg Common Eider (Adult) Train", "images/0801/b.jpg Wood Duck Val"]);
    assert_eq!(listing.pictures[0].objects.len(), 1);
    assert_eq!(listing.pictures[1].drawn_on, Some([70.0, 60.0]));
    let error = drawn.with("n/images.txt", "one 0800/a.jpg\n").refused(&scratch, None);
    assert!(error.contains("does not begin with a number"), "{error}");
}

#[test]
fn several_files_of_stylegan_are_one_source() {
    let scratch = Scratch::new("stylegan-several");
    let drawn = Drawn::named(&["a/00/1.png", "a/00/2.png", "b/00/1.png", "b/00/2.png"])
        .with("a/dataset.json", r#"{"labels": [["00/1.png", 0], ["00\\2.png", 1]]}"#)
        .with("b/dataset.json", r#"{"labels": [["./00/1.png", 1]]}"#);
    let listing = drawn.listed(&scratch, None);
    assert_eq!((listing.format, listing.tables.len()), (Format::Stylegan, 2));
    assert_eq!(rows(&listing), ["a/00/1.png 0 -", "a/00/2.png 1 -", "b/00/1.png 1 -", "b/00/2.png - -"]);
}

const PICTURES: [&str; 3] = ["00/img1.png", "00/img0.png", "01/img2.png"];

#[test]
fn stylegan_labels_give_the_classes() {
    let scratch = Scratch::new("stylegan");
    let pictures = || Drawn::named(&PICTURES);
    let numbered = ["00/img0.png 3 -", "00/img1.png 0 -", "01/img2.png - -"];
    for (json, wanted, classes) in [
        (r#"{"labels": [["00/img1.png", 0], ["00/img0.png", 3]]}"#, numbered, "0 1 2 3"),
        (r#"{"labels": {"00/img1.png": 0, "00/img0.png": 3}}"#, numbered, "0 1 2 3"),
        (r#"{"labels": null}"#, ["00/img0.png - -", "00/img1.png - -", "01/img2.png - -"], ""),
        (
            r#"{"labels": [["00/img0.png", 1]], "classes": ["a", "b", "c"], "splits": {"00/img0.png": "test", "01/img2.png": "train"}}"#,
            ["00/img0.png b Test", "00/img1.png - -", "01/img2.png - Train"],
            "a b c",
        ),
    ] {
        let listing = pictures().with("dataset.json", json).listed(&scratch, None);
        assert_eq!((listing.format, listing.classes.join(" ").as_str()), (Format::Stylegan, classes));
        assert_eq!(rows(&listing), wanted);
    }
    // A picture that is named but absent is listed, so that whoever reads it can say so.
    let listing = pictures().with("dataset.json", r#"{"labels": [["gone.png", 0]]}"#).listed(&scratch, None);
    assert_eq!(rows(&listing)[3], "gone.png 0 -");
}

#[test]
fn malformed_labels_are_named_and_a_built_data_set_is_refused() {
    let scratch = Scratch::new("bad-stylegan");
    for (json, wanted) in [
        ("{", "dataset.json: it does not say what StyleGAN's does (EOF"),
        ("[]", "--format folder"),
        (r#"{"labels": 7}"#, "\"labels\" is 7"),
        (r#"{"labels": [["a.png", 0, 1]]}"#, "[\"a.png\",0,1] in \"labels\" is not a name with a class number"),
        (r#"{"labels": [["a.png", -1]]}"#, "the label of a.png is -1"),
        (r#"{"labels": [["a.png", [0.5, 0.5]]]}"#, "the label of a.png is [0.5,0.5]"),
        (r#"{"labels": [["a.png", 4000000000]]}"#, "the label of a.png is 4000000000"),
        (r#"{"labels": [["a.png", 0], ["a.png", 1]]}"#, "a.png has two labels"),
        (r#"{"labels": [["a.png", 2]], "classes": ["x"]}"#, "it names 1 classes, but the labels go up to 2"),
        (r#"{"labels": null, "splits": {"a.png": "dev"}}"#, "a.png is in the split \"dev\""),
    ] {
        let error = Drawn::named(&PICTURES).with("dataset.json", json).refused(&scratch, Some(Format::Stylegan));
        assert!(error.contains("dataset.json") && error.contains(wanted), "{error}");
    }
    // A file of that name which speaks of other things is passed over.
    let other = Drawn::named(&PICTURES).with("dataset.json", r#"{"images": []}"#);
    assert_eq!(other.listed(&scratch, None).format, Format::Folder);
    let cut = Drawn::named(&PICTURES).with("dataset.json", r#"{"labels": [["a.pn"#).refused(&scratch, None);
    assert!(cut.contains("EOF"), "{cut}");
    let error = Drawn::named(&["preview.png", "train-00000.shard", "dataset.json"]).refused(&scratch, None);
    assert!(error.contains("`prep export`"), "{error}");
}

#[test]
fn partners_have_the_same_stem_in_folders_a_and_b() {
    let scratch = Scratch::new("pairs");
    for (names, wanted) in [
        (&["p/A/2.jpg", "p/B/2.png", "p/A/1.jpg", "p/B/1.png"][..], &["A/1.jpg B/1.png -", "A/2.jpg B/2.png -"][..]),
        (
            &["train/A/1.jpg", "train/B/1.jpg", "test/A/1.jpg", "test/B/1.jpg"],
            &["test/A/1.jpg test/B/1.jpg Val", "train/A/1.jpg train/B/1.jpg Train"],
        ),
    ] {
        let listing = Drawn::named(names).listed(&scratch, None);
        let row = |entry: &Entry| {
            let partner = entry.partner.as_ref().expect("partner");
            format!("{} {partner} {}", entry.shown(), entry.part.map_or("-".into(), |part| format!("{part:?}")))
        };
        assert_eq!(listing.pictures.iter().map(row).collect::<Vec<_>>(), wanted);
        assert!(!listing.halves && listing.classes.is_empty() && listing.format == Format::Pairs);
    }
    let error = Drawn::named(&["A/1.png", "B/1.png", "A/3.png", "B/2.png", "B/4.png"]).refused(&scratch, None);
    assert!(error.contains("A/3.png: it is one of 3 pictures"), "{error}");
    let error = Drawn::named(&["A/1.png", "A/1.jpg", "B/1.png"]).refused(&scratch, None);
    assert!(error.contains("A/1.jpg: it is one of 3 pictures"), "{error}");
    // Letters as classes are no pairs.
    for letters in [&["A/1.png", "B/1.png", "C/1.png"][..], &["A/1.png", "B/2.png"]] {
        assert_eq!(Drawn::named(letters).listed(&scratch, None).format, Format::Folder);
    }
}

#[test]
fn halves_are_taken_when_asked_for() {
    let scratch = Scratch::new("halves");
    let listing =
        Drawn::named(&["maps/train/2.jpg", "maps/train/10.jpg", "maps/val/1.jpg"]).listed(&scratch, Some(Format::Pairs));
    assert!(listing.halves && listing.pictures.iter().all(|entry| entry.partner.is_none()));
    assert_eq!(rows(&listing), ["train/10.jpg - Train", "train/2.jpg - Train", "val/1.jpg - Val"]);
}

#[cfg(unix)]
#[test]
fn without_room_for_a_scratch_file_the_folder_and_its_variable_are_named() {
    let scratch = Scratch::new("room");
    let packed = scratch.path("source.tar.gz");
    fs::write(&packed, &gz(&mnist().tar())).expect("write");
    let out = scratch.path("out");
    let output =
        util::prep().env("TMPDIR", "/no/such/folder").arg("build").arg(&packed).arg("--out").arg(out).output().expect("run");
    let error = util::stderr(&output);
    assert!(output.status.code() == Some(1) && error.contains("/no/such/folder") && error.contains("TMPDIR"), "{error}");
}

/// Real sources, where they are at hand: `../shared/data` beside the workspace, or the folder in `FLEDGE_TEST_DATA`.
fn real(name: &str, format: Option<Format>) -> Option<(Archive, Listing)> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("FLEDGE_TEST_DATA").map_or_else(usual, PathBuf::from).join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(open(&path, format))
}

fn count(listing: &Listing, part: Option<Part>) -> usize {
    listing.pictures.iter().filter(|entry| entry.part == part).count()
}

#[test]
fn fashion_mnist_has_20000_and_5000_pictures_in_ten_classes() {
    let Some((archive, listing)) = real("fashion-mnist", None) else { return };
    assert_eq!((count(&listing, Some(Part::Train)), count(&listing, Some(Part::Val))), (20_000, 5_000));
    assert_eq!((listing.format, listing.classes.join("").as_str()), (Format::Idx, "0123456789"));
    let pixels = bytes_of(&archive, &listing, &listing.pictures[24_999]).expect("read");
    assert!(pixels.len() == 784 && pixels.iter().any(|&p| p > 128) && pixels.contains(&0));
}

#[test]
fn maps_are_300_files_of_two_halves() {
    let Some((_, listing)) = real("maps-512x256.zip", Some(Format::Pairs)) else { return };
    assert_eq!((count(&listing, Some(Part::Train)), count(&listing, Some(Part::Val)), listing.halves), (240, 60, true));
    let Some((_, listing)) = real("maps-512x256.zip", None) else { return };
    assert_eq!((listing.format, listing.classes.len(), count(&listing, Some(Part::Val))), (Format::Folder, 0, 60));
}

#[test]
fn faces_and_thumbnails_are_flat() {
    for (name, pictures) in [("anime-faces96.zip", 4000), ("rgba-thumbnails", 30)] {
        let Some((_, listing)) = real(name, None) else { return };
        assert_eq!((listing.pictures.len(), listing.classes.len(), count(&listing, None)), (pictures, 0, pictures), "{name}");
    }
}
