//! The stored weights: several files, mirrors, imported files.

use std::path::Path;

use evaluate::networks::weights::store::{Fetching, Origin, Store};
use shared::cli::{DataError, UsageError};
use shared::fs;
use shared::metrics::weights::{Converted, Published};
use shared::testing::Scratch;

use super::server::{NO_PAUSES, Server, client, content, sha256, status, whole};

/// Two files: the first is [`content`], the second does not exist.
fn published() -> [Published; 2] {
    let known = Published {
        name: "known",
        purpose: "tests",
        file: "known-1.pth",
        url: "http://127.0.0.1:1/model.pth",
        sha256: sha256().leak(),
        bytes: content().len() as u64,
        license: "none",
    };
    let zeros = "0000000000000000000000000000000000000000000000000000000000000000";
    [known, Published { name: "lost", file: "lost-1.pth", sha256: zeros, ..known }]
}

const CONVERTED: [Converted; 1] = [Converted {
    name: "made",
    purpose: "tests",
    file: "made.safetensors",
    url: "http://127.0.0.1:1/made.h5",
    script: "tools/make.py",
    license: "none",
}];

fn fetch(store: &Store<'_>, names: &[&str], origin: Origin) -> anyhow::Result<()> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    store.fetch(&names, &Fetching { origin, pauses: &NO_PAUSES, client: &|url| Ok(client(url)) })
}

fn in_scratch<'a>(name: &str, published: &'a [Published]) -> (Scratch, Store<'a>) {
    let scratch = Scratch::new(&format!("download-store-{name}"));
    let store = Store { folder: scratch.path("weights"), published, converted: &CONVERTED };
    (scratch, store)
}

fn row<'a>(table: &'a str, name: &str) -> &'a str {
    table.lines().find(|line| line.starts_with(name)).expect("a row")
}

#[test]
fn a_mirror_serves_each_file_under_its_name() {
    let published = published();
    let (_scratch, store) = in_scratch("mirror", &published);
    let server = Server::start(vec![whole(content()), status("404 Not Found")]);
    let prefix = format!("http://{}/weights/", server.address);
    let error = fetch(&store, &["all"], Origin::Mirror(prefix))
        .expect_err("the mirror lacks one")
        .to_string();
    assert!(
        error.contains("/weights/lost-1.pth")
            && error.contains("404")
            && error.contains("--import"),
        "{error}"
    );
    assert_eq!(fs::read(store.folder.join("known-1.pth")).expect("read"), content());
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /weights/known-1.pth HTTP/1.1", "GET /weights/lost-1.pth HTTP/1.1"]);
}

#[test]
fn a_mirror_with_other_bytes_is_refused() {
    let published = published();
    let (_scratch, store) = in_scratch("wrong-mirror", &published);
    let server = Server::start(vec![whole(content())]);
    let prefix = format!("http://{}", server.address);
    let error =
        fetch(&store, &["lost"], Origin::Mirror(prefix)).expect_err("other bytes").to_string();
    assert!(error.contains(&sha256()) && error.contains("nothing was kept"), "{error}");
    assert!(!store.folder.join("lost-1.pth").exists());
}

#[test]
fn an_imported_file_is_recognised_by_its_bytes_and_not_by_its_name() {
    let published = published();
    let (_scratch, store) = in_scratch("import", &published);
    let file = store.folder.with_file_name("download (3).bin");
    fs::create_folder(file.parent().expect("parent")).expect("folder");
    fs::write(&file, &content()).expect("write");
    fs::create_folder(&store.folder).expect("folder");
    fs::write(store.folder.join("known-1.pth.part"), b"begun").expect("write");
    assert_eq!(store.import(&file).expect("import").name, "known");
    assert!(!store.folder.join("known-1.pth.part").exists());
    assert_eq!(fs::read(store.folder.join("known-1.pth")).expect("read"), content());
    store.check(&[]).expect("whole");
    store.check(&["known".to_owned()]).expect("whole");

    let cut = store.folder.with_file_name("model.pth");
    fs::write(&cut, &content()[..1234]).expect("write");
    let error = store.import(&cut).expect_err("cut off");
    assert!(
        error.is::<DataError>() && error.to_string().contains("1234 of the 300000 bytes of known"),
        "{error}"
    );
    let other = store.folder.with_file_name("other");
    fs::write(&other, b"something").expect("write");
    let error = store.import(&other).expect_err("something else");
    assert!(error.is::<DataError>() && error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn the_table_shows_stored_unfinished_and_damaged_files() {
    let published = published();
    let (_scratch, store) = in_scratch("table", &published);
    fs::create_folder(&store.folder).expect("folder");
    assert!(row(&store.table(), "known").contains("  no  "), "{}", store.table());
    fs::write(store.folder.join("known-1.pth.part"), &content()[..90_000]).expect("write");
    assert!(row(&store.table(), "known").contains("unfinished, 30 %"), "{}", store.table());
    fs::write(store.folder.join("known-1.pth"), &content()).expect("write");
    fs::write(store.folder.join("lost-1.pth"), b"too short").expect("write");
    assert!(row(&store.table(), "known").contains("  yes  "), "{}", store.table());
    assert!(row(&store.table(), "lost").contains("  damaged  "), "{}", store.table());
    assert!(store.table().contains(&*store.folder.to_string_lossy()));
    let error = store.check(&[]).expect_err("damaged");
    assert!(error.is::<DataError>() && error.to_string().contains("--fetch lost"), "{error}");
}

#[test]
fn names_that_cannot_be_fetched_are_wrong_usage_with_a_remedy() {
    let published = published();
    let (_scratch, store) = in_scratch("names", &published);
    let refused = |names: &[&str], origin: Origin| {
        let error = fetch(&store, names, origin).expect_err("refused");
        assert!(error.is::<UsageError>(), "{error}");
        error.to_string()
    };
    assert!(refused(&["unknown"], Origin::Publisher).contains("known, lost, or all"));
    let made = refused(&["made"], Origin::Publisher);
    assert!(made.contains("tools/make.py") && made.contains("made.h5"), "{made}");
    assert!(
        refused(&["known", "lost"], Origin::Url("http://127.0.0.1:1/".into())).contains("--mirror")
    );
    assert!(
        store
            .check(&["known".to_owned()])
            .expect_err("absent")
            .to_string()
            .contains("--fetch known")
    );
    assert!(store.check(&[]).expect_err("nothing there").is::<UsageError>());
    let details = store.details(&["known".to_owned(), "made".to_owned()]).expect("details");
    for part in [&sha256(), "300000", "http://127.0.0.1:1/model.pth", "tools/make.py"] {
        assert!(details.contains(part), "{part} is not in {details}");
    }
    assert!(!Path::new(&store.folder).exists(), "asking must not create anything");
}
