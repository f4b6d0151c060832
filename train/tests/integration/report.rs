//! `report.html` of runs that are laid out here without training.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use serde_json::{Value, json};
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::nn::sampler::Sampler;
use shared::picture::Picture;
use shared::testing::{Scratch, skip};
use train::tell::report;

/// Pictures of curves: losses, accuracies, p, KID.
const PANELS: usize = 4;

/// A run of untrained 8×8 networks over a data set of 24 drawn pictures; removed at the end.
struct Drawn {
    folder: Scratch,
    run: Run,
    config: RunConfig,
}

impl Drawn {
    /// Settings and data, and nothing more.
    fn bare(name: &str) -> Self {
        let folder = Scratch::new(&format!("report-{name}"));
        let (data, run) = (folder.join("data"), Run::create(&folder.join("run")).unwrap());
        util::drawn_dataset(&data, 8, &[("train", 24), ("val", 8)]);
        let settings = [
            "schedule.batch=8",
            "generator.width=4",
            "generator.latent=4",
            "discriminator.width=4",
            "schedule.epochs=4",
        ];
        let settings = Settings::resolve("gan-ada", None, &settings.map(str::to_owned)).unwrap();
        let data = DataConfig {
            path: data.display().to_string(),
            split: "train".into(),
            fingerprint: "0".repeat(64),
            ..DataConfig::of_extent(8, 3)
        };
        let drawn = Self { folder, run, config: RunConfig::new("gan-ada", settings, 5, data) };
        drawn.configure();
        drawn
    }

    /// With a line an epoch of four, sheets, a checkpoint, and something in every other log.
    fn whole(name: &str) -> Self {
        let drawn = Self::bare(name);
        let of = |pictures: u64| json!({"protocol": "torch-fidelity", "weights_sha256": "ab".repeat(32), "pictures": pictures});
        let epoch = |epoch: u64, kid: Option<f64>| {
            let mut line = json!({
                "epoch": epoch, "step": 3 * epoch, "kimg": 0.024 * epoch as f64, "g_loss": 1.25, "d_loss": 0.5, "real_acc": 0.75,
                "gen_acc": 0.875, "aug_p": 0.125, "kid": kid, "img_per_s": 48.0, "seconds": 1900.0 * epoch as f64,
            });
            if kid.is_some() {
                // The last two are the ones that can be compared.
                line["kid_of"] = of(if epoch < 3 { 99 } else { 100 });
            }
            line
        };
        let stats =
            [epoch(1, None), epoch(2, Some(0.011)), epoch(3, Some(0.222)), epoch(4, Some(0.333))];
        drawn.log("stats", &stats);
        let measured = |count: u64, value: f64| {
            json!({
                "metric": "kid", "protocol": "keras", "value": value, "std": 0.002, "generated": "run", "generated_count": count,
                "real": "x/birds", "real_count": count, "subsets": 2, "subset_size": 4, "seed": 0, "step": 9, "fledge": "0.1.0",
            })
        };
        drawn.log("metrics", &[measured(8, 0.444), measured(16, 0.555)]);
        drawn.log(
            "alarms",
            &[json!({"step": 6, "epoch": 2, "kind": "augmentation-at-cap", "what": "p is at its cap", "advice": "less width"})],
        );
        let change = json!({"key": "schedule.epochs", "was": "2", "now": "4"});
        drawn.log(
            "starts",
            &[
                json!({"step": 0, "time": "2026-01-31T12:00:00Z", "device": "CPU", "threads": 2, "version": "0.1.0", "changes": []}),
                json!({"step": 6, "time": "2026-02-01T12:00:00Z", "device": "CPU", "threads": 2, "version": "0.1.0", "changes": [change]}),
            ],
        );
        drawn.checkpoint(9);
        drawn.run.point(Which::Best, 9).unwrap();
        for epoch in 0..=20 {
            let sheet = Picture::filled(20, 20, 3, epoch as u8 * 10);
            fs::write(drawn.run.sheet(epoch), &sheet.to_png().unwrap()).unwrap();
        }
        fs::write(
            drawn.run.file("samples/reals.png"),
            &Picture::filled(20, 20, 3, 7).to_png().unwrap(),
        )
        .unwrap();
        drawn
    }

    fn configure(&self) {
        fs::write(self.run.file("config.toml"), toml::to_string(&self.config).unwrap().as_bytes())
            .unwrap();
    }

    fn log(&self, name: &str, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.run.file(&format!("{name}.jsonl")), text.as_bytes()).unwrap();
    }

    fn checkpoint(&self, step: u64) {
        let generator = self.config.generator(&Device::flex());
        let (version, config, state) = (CHECKPOINT_VERSION, self.config.clone(), Value::Null);
        let meta =
            Meta { version, step, epoch: step / 3, config, state, files: Default::default() };
        checkpoint::save(&self.run.checkpoint_folder(step), meta, &[("ema", &generator)]).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn report(&self) -> String {
        report::write(&self.run).unwrap();
        String::from_utf8(fs::read(self.run.file(report::FILE)).unwrap()).unwrap()
    }

    /// The program, on this run.
    fn program(&self, flags: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_train"))
            .arg("report")
            .arg(self.run.folder())
            .args(flags)
            .output()
            .unwrap()
    }
}

/// What stands between the heading of a section and the next section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let start =
        page.find(&format!("<section id=\"{id}\">")).unwrap_or_else(|| panic!("no section {id}"));
    let rest = &page[start..];
    &rest[..rest.find("</section>").unwrap()]
}

fn assert_holds(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn a_report_is_one_file_that_asks_for_nothing_outside_it() {
    let page = Drawn::whole("one-file").report();
    for (attribute, allowed) in
        [("src=\"", &["data:image/png;base64,"][..]), ("href=\"", &["#", "data:,\""])]
    {
        let values: Vec<&str> = page.split(attribute).skip(1).collect();
        assert!(!values.is_empty());
        for value in values {
            let start: String = value.chars().take(40).collect();
            assert!(allowed.iter().any(|prefix| value.starts_with(prefix)), "{attribute}{start}");
        }
    }
    for outside in
        ["<script", "://", "url(", "@import", "javascript:", "<object", "<iframe", "<form"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src &#39;none&#39;"), "the browser is told so, too");
}

#[test]
fn every_section_tells_what_the_run_folder_holds() {
    let drawn = Drawn::whole("sections");
    let page = drawn.report();
    assert_holds(
        &page,
        &["gan-ada on data", "8×8 in colour", "seed 5", "finished", "width=device-width"],
    );
    // Not 0.011, which was measured with other pictures.
    assert_holds(
        section(&page, "figures"),
        &["0.2220", "after step 9", "of 12", "epoch 4", "2 h 6 min", "over 2 starts", "48 img/s"],
    );
    assert_eq!(section(&page, "curves").matches("<img").count(), PANELS);
    let sheets = section(&page, "sheets");
    assert_eq!(sheets.matches("<img").count(), 9, "8 of 21 sheets, and the reals");
    assert_holds(
        sheets,
        &["Before the first step", "Epoch 2, step 6", "Epoch 20", "Real pictures"],
    );
    let nearest = section(&page, "nearest");
    assert_eq!(nearest.matches("<img").count(), 16 * 6, "16 samples with 5 training pictures each");
    assert_holds(nearest, &["after step 9 (KID 0.2220)", "all 24 pictures", "seed 15", "held-out"]);
    assert_holds(
        section(&page, "alarms"),
        &["augmentation at cap", "epoch 2, step 6", "p is at its cap", "Try: less width"],
    );
    assert_holds(section(&page, "starts"), &["2026-01-31 12:00:00", "schedule.epochs", "2 → 4"]);
    let settings = section(&page, "settings");
    let (changed, all) = settings.split_once("<details>").unwrap();
    assert_holds(changed, &["generator.width", "schedule.epochs", "400"]);
    assert!(
        !changed.contains("schedule.ema<") && all.contains("schedule.ema<"),
        "settings of the preset are folded away"
    );
    assert_holds(section(&page, "versions"), &[env!("CARGO_PKG_VERSION"), &"0".repeat(64)]);
    assert!(!page.contains("Not readable"));
}

#[test]
fn values_of_different_conventions_never_stand_in_one_table() {
    let page = Drawn::whole("conventions").report();
    let quality = section(&page, "quality");
    let tables: Vec<&str> = quality.split("<table>").skip(1).collect();
    let values = |table: &str| {
        ["0.01100", "0.2220", "0.3330", "0.4440", "0.5550"].map(|value| table.contains(value))
    };
    let expected = [
        [true, false, false, false, false],
        [false, true, true, false, false],
        [false, false, false, true, false],
        [false, false, false, false, true],
    ];
    assert_eq!(tables.iter().map(|table| values(table)).collect::<Vec<_>>(), expected);
    assert_holds(
        quality,
        &[
            "99 pictures",
            "weights abababab…",
            "8 samples · 8 of birds",
            "2 × 4",
            "untrained network",
            "± 0.0020",
        ],
    );
}

#[test]
fn two_classes_or_two_real_sets_never_share_a_table_and_each_metric_has_its_own_best() {
    let drawn = Drawn::bare("quality");
    let line = |metric: &str, value: f64, step: u64, class: Option<&str>, content: &str| {
        let mut line = json!({"metric": metric, "protocol": "torch-fidelity", "value": value, "generated_count": 8, "real": "birds",
            "real_content": content, "real_count": 8, "seed": 0, "step": step});
        line["class"] = class.into();
        line
    };
    let (one, other) =
        (format!("generated-{}", "0".repeat(64)), format!("generated-{}1", "0".repeat(63)));
    drawn.log(
        "metrics",
        &[
            line("recall_vgg16", 0.25, 3, None, &one),
            line("recall_vgg16", 0.5, 6, None, &one),
            line("ct", -7.0, 3, None, &one),
            line("ct", 2.0, 6, None, &one),
            line("ct", -3.0, 9, Some("wren"), &one),
            line("ct", -4.0, 9, Some("owl"), &one),
            line("ct", -5.0, 9, None, &other),
        ],
    );
    let page = drawn.report();
    let quality = section(&page, "quality");
    let tables: Vec<&str> = quality.split("<table>").skip(1).collect();
    assert_eq!(
        tables.iter().map(|table| table.matches("<tr>").count()).collect::<Vec<_>>(),
        [3, 3, 2, 2, 2],
        "{quality}"
    );
    let best =
        |table: &str| table.split("<tr>").find(|row| row.contains("best")).map(str::to_owned);
    assert!(best(tables[0]).is_some_and(|row| row.contains("0.5")), "{}", tables[0]);
    assert!(best(tables[1]).is_some_and(|row| row.contains("2.0")), "{}", tables[1]);
    assert_holds(
        quality,
        &["RECALL, vgg16", "higher is better", "best near 0", "class wren", "content …00000001"],
    );
}

#[test]
fn no_text_of_a_run_becomes_markup() {
    let mut drawn = Drawn::whole("markup");
    let hostile = "<script>alert(1)</script>\"><img src=x onerror=y>'";
    drawn.config.data.path = hostile.into();
    drawn.config.data.split = hostile.into();
    drawn.config.preset = hostile.into();
    drawn.configure();
    drawn.log("alarms", &[json!({"kind": hostile, "what": hostile, "advice": hostile})]);
    drawn.log(
        "starts",
        &[json!({"device": hostile, "version": hostile, "changes": [{"key": hostile, "was": hostile, "now": hostile}]})],
    );
    drawn.log("metrics", &[json!({"metric": hostile, "protocol": hostile, "real": hostile, "real_count": 1, "value": 1.0})]);
    drawn.log("stats", &[json!({"epoch": 1, "step": 1, "kid": 0.5, "kid_of": {"protocol": hostile, "weights_sha256": hostile}})]);
    let page = drawn.report();
    assert!(
        !page.contains("<script")
            && !page.contains("<img src=x")
            && !page.to_lowercase().contains("<script>alert")
    );
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;").count() >= 10);
}

#[test]
fn a_run_that_has_nothing_yet_has_a_report_that_says_so() {
    let drawn = Drawn::bare("nothing");
    let page = drawn.report();
    assert_holds(section(&page, "figures"), &["none was measured"]);
    assert_holds(section(&page, "curves"), &["No epoch is done yet"]);
    assert_holds(section(&page, "sheets"), &["There are no sheets"]);
    assert_holds(section(&page, "nearest"), &["No samples", "no checkpoint"]);
    assert_holds(section(&page, "quality"), &["Nothing was measured"]);
    assert_holds(section(&page, "alarms"), &["None was raised"]);
    assert_holds(section(&page, "starts"), &["No start is recorded"]);
    fs::remove(drawn.run.file("samples")).unwrap();
    assert_holds(section(&drawn.report(), "sheets"), &["cannot be listed"]);
    fs::remove(drawn.run.file("config.toml")).unwrap();
    let error = report::write(&drawn.run).unwrap_err().to_string();
    assert!(error.contains("config.toml"), "{error}");
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_shown() {
    let drawn = Drawn::whole("damage");
    let path = drawn.run.file("stats.jsonl");
    let mut stats = fs::read(&path).unwrap();
    // The second line no longer begins with a brace; after the last one hangs a torn one.
    let second = stats.iter().position(|&b| b == b'\n').unwrap() + 1;
    stats[second] = 0xff;
    stats.extend_from_slice(b"{\"epoch\":5,\"st");
    fs::write(&path, &stats).unwrap();
    fs::write(drawn.run.sheet(20), b"no picture").unwrap();
    fs::write(drawn.run.checkpoint_folder(9).join("ema.safetensors"), b"no tensors").unwrap();
    let page = drawn.report();
    assert_holds(section(&page, "damage"), &["stats.jsonl: skipped damaged lines: 2"]);
    assert_holds(section(&page, "sheets"), &["fakes-000020.png", "Epoch 17"]);
    assert_holds(section(&page, "nearest"), &["ema.safetensors"]);
    assert_holds(section(&page, "figures"), &["0.2220", "epoch 4"]);
}

#[test]
fn a_sample_that_is_a_training_picture_is_shown_beside_it_at_distance_0() {
    let drawn = Drawn::whole("copy");
    let (sampler, _) = Sampler::open(drawn.run.folder(), Which::Best, &Device::flex()).unwrap();
    let copied = sampler.pictures(&[3]).remove(0).pixels;
    fs::remove(drawn.data()).unwrap();
    util::dataset_of(&drawn.data(), 8, 8, &[("train", 24)], |_, i| {
        if i == 17 { copied.clone() } else { vec![0; 8 * 8 * 3] }
    });
    let page = drawn.report();
    let of_seed_3 = section(&page, "nearest").split("<div class=\"row\">").nth(4).unwrap();
    assert_holds(of_seed_3, &["seed 3", ">0.00<", ">#17<"]);
}

#[test]
fn a_data_set_that_is_gone_or_another_one_is_told_and_never_searched() {
    let drawn = Drawn::whole("data");
    let moved = drawn.folder.join("moved");
    fs::rename(drawn.data(), &moved).unwrap();
    let page = drawn.report();
    let nearest = section(&page, "nearest");
    assert_holds(nearest, &["nearest training pictures are not shown", "--data", "seed 15"]);
    assert_eq!(nearest.matches("<img").count(), 16, "the samples alone");
    let out = drawn.folder.join("elsewhere.html");
    report::write_to(&drawn.run, &out, Some(&moved)).unwrap();
    assert_holds(&String::from_utf8(fs::read(&out).unwrap()).unwrap(), &["all 24 pictures"]);
    let manifest = moved.join("dataset.json");
    let mut value: shared::dataset::Manifest = shared::dataset::read_manifest(&moved).unwrap();
    value.fingerprint = "1".repeat(64);
    shared::sealed::write(&manifest, &value).unwrap();
    let error = report::write_to(&drawn.run, &out, Some(&moved)).unwrap_err().to_string();
    assert!(error.contains("--data") && error.contains("another source"), "{error}");
    fs::rename(&moved, drawn.data()).unwrap();
    assert_holds(section(&drawn.report(), "nearest"), &["another source"]);
}

#[test]
fn the_program_writes_beside_the_run_or_elsewhere_and_knows_whether_it_trains() {
    let drawn = Drawn::whole("program");
    let state = |path: &Path| {
        let page = String::from_utf8(fs::read(path).unwrap()).unwrap();
        page.split("class=\"state ").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let output = drawn.program(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = drawn.run.file(report::FILE);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", file.display()));
    assert_eq!(state(&file), "finished");
    let out = drawn.folder.join("x.html");
    let owner = drawn.run.own().unwrap();
    assert!(drawn.program(&["--out", out.to_str().unwrap()]).status.success());
    assert_eq!(state(&out), "running");
    util::give_up(&drawn.run, owner);
    drawn.log("stats", &[json!({"epoch": 2, "step": 6})]);
    assert!(drawn.program(&[]).status.success());
    assert_eq!(state(&file), "stopped");
    fs::write(drawn.run.file("train.log"), b" INFO epoch 2\nERROR the disk <b>is</b> full\n")
        .unwrap();
    assert!(drawn.program(&[]).status.success());
    assert_eq!(state(&file), "failed");
    assert_holds(&drawn.report(), &["the disk &lt;b&gt;is&lt;/b&gt; full"]);
    assert_eq!(drawn.program(&["--data", "nowhere"]).status.code(), Some(3));
    assert_eq!(
        Command::new(env!("CARGO_BIN_EXE_train"))
            .args(["report", "nowhere"])
            .status()
            .unwrap()
            .code(),
        Some(1)
    );
}

/// The first browser of Chromium's family that answers.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("FLEDGE_CHROMIUM").map(PathBuf::from);
    let usual = ["chromium-headless-shell", "chromium", "google-chrome", "chrome-headless-shell"]
        .map(PathBuf::from);
    let answers = |path: &PathBuf| {
        Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let found = named.into_iter().chain(usual).find(answers);
    if found.is_none() {
        skip("no Chromium is found (FLEDGE_CHROMIUM names one)");
    }
    found
}

#[test]
fn the_page_is_as_wide_as_a_telephone_and_as_a_screen() {
    let Some(chromium) = chromium() else { return };
    let mut drawn = Drawn::whole("browser");
    drawn.config.data.path =
        "a/very/long/path/without/any/place/where/it/could/be/broken/".repeat(4);
    drawn.configure();
    drawn.report();
    // A frame as wide as the device, and a script outside it that measures what is inside.
    let measure = "<script>onload=()=>{document.title=[...document.querySelectorAll('iframe')].map(frame=>{\
                   let page=frame.contentDocument;page.querySelectorAll('details').forEach(d=>d.open=true);\
                   let root=page.documentElement;return [root.scrollWidth-root.clientWidth,page.querySelectorAll('img').length,\
                   [...page.images].filter(i=>i.naturalWidth==0).length].join(' ')}).join(',')}</script>";
    let frame = |width: u32| {
        format!(
            "<iframe src=run/report.html style='border:0;width:{width}px;height:800px'></iframe>"
        )
    };
    let page = drawn.folder.join("frames.html");
    fs::write(&page, format!("{measure}{}{}", frame(400), frame(1280)).as_bytes()).unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--virtual-time-budget=10000",
        ])
        .arg(format!("--user-data-dir={}", drawn.folder.join("profile").display()))
        .args(["--window-size=1400,1800", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title = title.unwrap_or_else(|| panic!("{dom}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(
        title,
        format!("0 {0} 0,0 {0} 0", PANELS + 9 + 16),
        "what sticks out in pixels, pictures, broken ones"
    );
}
