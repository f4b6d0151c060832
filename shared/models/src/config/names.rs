//! Looking up settings by a word: a key without its table, a name from another trainer, a misspelt
//! key.
//!
//! ```
//! use fledge_models::config::{Settings, names};
//!
//! let keys = Settings::resolve("gan-ada", None, &[])?.keys();
//! assert_eq!(names::nearest("batch_size", &keys), ["schedule.batch"]);
//! assert_eq!(names::nearest("scedule.batch", &keys), ["schedule.batch"]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::foreign::folded;

/// Names that other trainers use for our settings, folded by [`folded`], with our keys.
pub const SYNONYMS: &[(&[&str], &[&str])] = &[
    (&["lr", "baselr", "initlr", "stepsize"], &["optimizer.learning_rate"]),
    (&["glr", "lrg", "genlr", "generatorlr"], &["optimizer.generator.learning_rate"]),
    (
        &["dlr", "lrd", "disclr", "discriminatorlr", "lrdiscr"],
        &["optimizer.discriminator.learning_rate"],
    ),
    (&["b1", "beta1", "adambeta1"], &["optimizer.beta_1"]),
    (&["b2", "beta2", "adambeta2"], &["optimizer.beta_2"]),
    (&["eps", "adameps"], &["optimizer.epsilon"]),
    (&["optim", "opt", "optimizer", "optimizername"], &["optimizer.name"]),
    (&["wd", "decayweight"], &["optimizer.weight_decay"]),
    (&["gradclip", "clip", "maxgradnorm", "clipgradnorm"], &["optimizer.clip_norm"]),
    (
        &["batchsize", "bs", "bsize", "batchsz", "minibatch", "minibatchsize", "trainbatchsize"],
        &["schedule.batch"],
    ),
    (
        &[
            "gradientaccumulateevery",
            "gradaccum",
            "accum",
            "gradientaccumulationsteps",
            "accumulationsteps",
        ],
        &["schedule.accumulate"],
    ),
    (&["nepochs", "nepoch", "numepochs", "maxepochs", "niter", "epoch"], &["schedule.epochs"]),
    (
        &["numtrainsteps", "maxsteps", "numsteps", "totalsteps", "maxiter", "iters", "iterations"],
        &["schedule.steps"],
    ),
    (&["totalkimg"], &["schedule.kimg"]),
    (
        &["ncritic", "dsteps", "numdsteps", "dupdates", "criticiters"],
        &["schedule.discriminator_steps"],
    ),
    (&["gsteps", "numgsteps"], &["schedule.generator_steps"]),
    (&["emadecay", "emabeta"], &["schedule.ema"]),
    (&["emakimg"], &["schedule.ema_half_life_kimg"]),
    (&["emarampup"], &["schedule.ema_ramp_up"]),
    (
        &["latentdim", "latentsize", "zdim", "zsize", "nz", "noisedim", "codesize", "noisesize"],
        &["generator.latent"],
    ),
    (&["ngf", "gdim", "gchannels"], &["generator.width"]),
    (&["ndf", "ddim", "dchannels"], &["discriminator.width"]),
    (
        &["channels", "networkcapacity", "capacity", "ch", "basechannels"],
        &["generator.width", "discriminator.width"],
    ),
    (
        &["attn", "attention", "attnlayers", "attnreslayers"],
        &["generator.attention", "discriminator.attention"],
    ),
    (&["mbstd", "mbstdgroup", "minibatchstd"], &["discriminator.minibatch_stddev"]),
    (&["specnorm", "sn"], &["discriminator.spectral_norm"]),
    (&["loss", "ganmode", "losstype", "ganloss"], &["loss.name"]),
    (&["labelsmoothing", "smooth"], &["loss.real_label"]),
    (
        &["gp", "gpweight", "lambdagp", "gradientpenalty", "gradientpenaltyweight"],
        &["penalty.gradient"],
    ),
    (&["r1gamma", "r1weight"], &["penalty.r1"]),
    (&["dregevery", "dreginterval"], &["penalty.interval"]),
    (&["clipvalue", "weightclip"], &["penalty.weight_clip"]),
    (&["lambdal1", "l1weight", "lambdapixel"], &["translate.l1"]),
    (&["lambdaa"], &["translate.cycle_a"]),
    (&["lambdab"], &["translate.cycle_b"]),
    (&["lambdacyc", "lambdacycle"], &["translate.cycle_a", "translate.cycle_b"]),
    (&["lambdaidentity", "lambdaidt", "lambdaid"], &["translate.identity"]),
    (&["poolsize"], &["translate.pool"]),
    (&["lambdance"], &["translate.nce"]),
    (&["lambdagan"], &["translate.gan"]),
    (&["ncet"], &["translate.nce_temperature"]),
    (&["nceidt"], &["translate.nce_identity"]),
    (&["numpatches"], &["translate.nce_patches"]),
    (&["netfnc"], &["translate.nce_width"]),
    (&["augpipe", "augment", "aug", "augmentation"], &["augment.pipeline"]),
    (&["p", "augprob", "augp"], &["augment.probability"]),
    (&["target", "adatarget", "aimaccuracy"], &["augment.target_accuracy"]),
    (&["adakimg"], &["augment.ramp_kimg"]),
    (&["adainterval"], &["augment.interval"]),
    (&["init", "inittype", "initializer"], &["initializer.name"]),
    (&["initgain"], &["initializer.gain"]),
    (&["lrpolicy", "scheduler", "lrscheduler", "rate"], &["rate.schedule"]),
    (&["warmup", "lrwarmup", "warmupsteps"], &["rate.warmup_steps"]),
    (&["amp", "fp16", "dtype", "mixedprecision"], &["schedule.precision"]),
    (&["syncbn", "syncbatchnorm"], &["schedule.sync_batch_norm"]),
    (&["conditional", "conditioning", "condgan"], &["cond"]),
];

/// The largest number of differing letters for which a key is taken to be misspelt.
const MISSPELT: usize = 2;

/// The keys that `word` means in this or another trainer; empty if unknown. If the word contains
/// dots, keys of the tables it names come first.
#[must_use]
pub fn meant(word: &str, all: &[String]) -> Vec<String> {
    let (tables, last) = word.rsplit_once('.').unwrap_or(("", word));
    let (name, whole) = (folded(last), folded(word));
    let synonyms = SYNONYMS
        .iter()
        .filter(|(theirs, _)| theirs.contains(&name.as_str()) || theirs.contains(&whole.as_str()));
    // A key of both networks' optimizers is resolved to one key per network, so that a table can
    // choose.
    let each = |key: &&str| match key.strip_prefix("optimizer.") {
        Some(rest) if !rest.contains('.') => all
            .iter()
            .filter(|key| key.starts_with("optimizer.") && last_of(key) == rest)
            .cloned()
            .collect(),
        _ => vec![(*key).to_owned()],
    };
    let mut found: Vec<String> =
        synonyms.flat_map(|(_, ours)| ours.iter()).flat_map(each).collect();
    let called = |key: &&String| folded(last_of(key)) == name || folded(key) == whole;
    found.extend(all.iter().filter(called).cloned());
    let tables: Vec<&str> = tables.split('.').filter(|table| !table.is_empty()).collect();
    let within =
        |key: &String| tables.iter().all(|table| key.split('.').any(|part| part == *table));
    if found.iter().any(within) {
        found.retain(within);
    }
    together(found)
}

/// The result of [`meant`], or else the keys that differ from `word` in few letters, the nearest
/// ones only.
#[must_use]
pub fn nearest(word: &str, all: &[String]) -> Vec<String> {
    let found = meant(word, all);
    if !found.is_empty() {
        return found;
    }
    let (tables, last) = word.rsplit_once('.').unwrap_or(("", word));
    let away = |key: &String| match tables {
        "" => letters_apart(&folded(last), &folded(last_of(key))),
        // Compares the whole key, for words whose table alone is misspelt.
        _ => letters_apart(&folded(word), &folded(key))
            .min(letters_apart(&folded(word), &folded(&for_both(key)))),
    };
    let least = all.iter().map(away).min().unwrap_or(usize::MAX);
    // In a word of three letters, two differences would match nearly every key.
    if least > MISSPELT.min(folded(last).len() / 3) {
        return Vec::new();
    }
    together(all.iter().filter(|key| away(key) == least).cloned().collect())
}

/// The settings meant by a table's name used like a setting: `loss=hinge`.
#[must_use]
pub(super) fn of_table(table: &str) -> &'static [&'static str] {
    SYNONYMS.iter().find(|(theirs, _)| theirs.contains(&table)).map_or(&[], |(_, ours)| ours)
}

fn last_of(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The key that sets `key` for both networks if there is one, else `key`.
fn for_both(key: &str) -> String {
    key.replacen("optimizer.generator.", "optimizer.", 1).replacen(
        "optimizer.discriminator.",
        "optimizer.",
        1,
    )
}

/// Removes duplicates, and replaces a pair of both networks' optimizer keys by the shared key.
fn together(keys: Vec<String>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for key in &keys {
        let both = for_both(key);
        let is_both = both != *key
            && ["generator", "discriminator"].iter().all(|network| {
                keys.contains(&both.replacen("optimizer.", &format!("optimizer.{network}."), 1))
            });
        let key = if is_both { both } else { key.clone() };
        if !list.contains(&key) {
            list.push(key);
        }
    }
    list
}

/// Edit distance of two words: one letter inserted, deleted or replaced, or two transposed.
fn letters_apart(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let other = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let one = other.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if swapped { one.min(rows[i - 2][j - 2] + 1) } else { one }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset;

    fn keys() -> Vec<String> {
        preset::PRESETS[0].settings().expect("preset").keys()
    }

    #[test]
    fn every_synonym_stands_for_settings_that_there_are() {
        let all = keys();
        for (theirs, ours) in SYNONYMS {
            for key in *ours {
                let is_key = |known: &String| {
                    for_both(known) == *key || known == key || known.starts_with(&format!("{key}."))
                };
                assert!(all.iter().any(is_key), "{key}");
            }
            theirs.iter().for_each(|name| assert_eq!(folded(name), *name));
        }
    }

    #[test]
    fn a_key_without_its_table_or_misspelt_is_known_by_its_whole_name() {
        for (word, expected) in [
            ("batch", &["schedule.batch"][..]),
            ("batch_size", &["schedule.batch"]),
            ("lr", &["optimizer.learning_rate"]),
            ("optimizer.lr", &["optimizer.learning_rate"]),
            ("generator.lr", &["optimizer.generator.learning_rate"]),
            ("learning_rate", &["optimizer.learning_rate"]),
            ("width", &["discriminator.width", "generator.width"]),
            ("generator.widht", &["generator.width"]),
            ("latent", &["generator.latent"]),
            ("z_dim", &["generator.latent"]),
            ("schedule.bach", &["schedule.batch"]),
            ("bacth", &["schedule.batch"]),
            ("epoch", &["schedule.epochs"]),
            ("schedule.epoch", &["schedule.epochs"]),
            ("optimizer.beta1", &["optimizer.beta_1"]),
            ("scedule.batch", &["schedule.batch"]),
            ("generator.upsampel", &["generator.upsample"]),
            ("nonsense", &[]),
            ("optimizer.speed", &[]),
        ] {
            assert_eq!(nearest(word, &keys()), expected, "{word}");
        }
    }
}
