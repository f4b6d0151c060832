//! The head of the page and the key figures.

use shared::nn::task::Kind;

use super::html::{Html, element, leaf, text};
use crate::tell::numbers::{ABSENT, count, duration, rounded};
use crate::tell::record::Record;

/// The last component of a path.
pub(super) fn name_of(path: &std::path::Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The page's title: recipe and data set.
pub(super) fn title(record: &Record) -> String {
    format!(
        "{} on {}",
        record.config.preset,
        name_of(std::path::Path::new(&record.config.data.path))
    )
}

/// The header of the page.
pub(super) fn header(record: &Record, word: &str) -> Html {
    let error = record.failure().filter(|_| word == "failed");
    let data = &record.config.data;
    let color = if data.channels == 1 { "grey" } else { "colour" };
    let run = record.run.folder().display();
    let facts = format!("{run} · {0}×{0} in {color} · seed {1}", data.size, record.config.seed);
    let h1 = element(
        "h1",
        &[],
        [text(title(record)), text(" "), leaf("span", &format!("state {word}"), word)],
    );
    let error = error.map(|error| element("div", &[("class", "alarm")], [leaf("p", "", error)]));
    [h1, leaf("p", "subtitle", facts)].into_iter().chain(error).collect()
}

fn tile(label: &str, value: String, remark: String) -> Html {
    let remark = if remark.is_empty() { Html::none() } else { leaf("dd", "remark", remark) };
    element(
        "div",
        &[("class", "tile")],
        [leaf("dt", "", label), leaf("dd", "value", value), remark],
    )
}

/// The key figures.
pub(super) fn figures(record: &Record) -> Html {
    let absent = || ABSENT.to_owned();
    let best = record.best();
    let kid = tile(
        "Best KID during training",
        best.map_or_else(absent, |best| rounded(best.kid, 4)),
        best.map_or_else(
            || "none was measured".into(),
            |best| format!("after step {}", count(best.step)),
        ),
    );
    let last = record.stats.last();
    let of = |key: &str| last.and_then(|line| line[key].as_f64());
    let epochs = last.and_then(|line| line["epoch"].as_u64());
    let planned = record.last_step().map(|last| format!("of {}", count(last)));
    let steps = planned
        .into_iter()
        .chain(epochs.map(|n| format!("epoch {}", count(n))))
        .collect::<Vec<_>>()
        .join(" · ");
    let loss = |key: &str| of(key).map_or_else(absent, |value| rounded(value, 3));
    let share = |key: &str| of(key).map_or_else(absent, |value| format!("{value:.3}"));
    let mut tiles = vec![
        kid,
        tile("Steps", count(record.step), steps),
        tile(
            "Pictures seen",
            format!("{} kimg", rounded(record.kimg(), 4)),
            "thousands of real pictures".into(),
        ),
        tile(
            "Training time",
            record.seconds().map_or_else(absent, duration),
            starts(record.starts.len()),
        ),
        tile(
            "Speed",
            record.speed().map_or_else(absent, |s| format!("{} img/s", count(s.round() as u64))),
            waiting(of("wait")),
        ),
        tile("Alarms", record.alarms.len().to_string(), String::new()),
    ];
    if last.is_some() {
        let task = record.config.settings.task;
        let all = |kind: Kind, shown: &dyn Fn(&str) -> String| {
            let (labels, values): (Vec<_>, Vec<_>) =
                task.shown_measures(kind).map(|(label, m)| (label, shown(m.key))).unzip();
            (labels.join(" · "), values.join(" · "))
        };
        let (losses, values) = all(Kind::Loss, &loss);
        tiles.push(tile(
            &format!("Loss of {}", losses.replace(" · ", " · of ")),
            values,
            "mean of the last epoch".into(),
        ));
        let (kinds, shares) = all(Kind::Accuracy, &share);
        tiles.push(tile("Accuracy of D", shares, format!("on {kinds} pictures")));
        tiles.push(tile("Augmentation p", share("aug_p"), String::new()));
    }
    let memory = of("memory_mb")
        .map(|mb| tile("Memory", format!("{} MB", count(mb.max(0.0) as u64)), String::new()));
    element("dl", &[("class", "tiles")], tiles.into_iter().chain(memory))
}

fn starts(n: usize) -> String {
    match n {
        0 => String::new(),
        1 => "in one start".into(),
        n => format!("over {n} starts"),
    }
}

fn waiting(percent: Option<f64>) -> String {
    percent.map_or_else(String::new, |percent| format!("{}% waiting for data", rounded(percent, 2)))
}
