//! Tasks: the roles of the networks in a run, and the named quantities that its steps measure. The
//! computation of a step is the training program's business; everything that saves, logs, draws or
//! exports uses the names declared here.
//!
//! ```
//! use fledge_models::task::TaskName;
//!
//! let task = TaskName::Adversarial;
//! assert_eq!(task.shown().name, "generator");
//! assert!(task.measures().iter().any(|measure| measure.key == "g_loss"));
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

/// The tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskName {
    /// Latent vectors → pictures: one generator, one discriminator.
    #[default]
    Adversarial,
    /// Pictures → pictures, by pairs: one generator, one discriminator (pix2pix).
    Paired,
    /// Pictures → pictures between two sets, in both directions: two generators, two discriminators
    /// (CycleGAN).
    Cycle,
    /// Pictures → pictures from one set to another: a generator, a discriminator, and a projector of
    /// the generator's features (CUT).
    Contrastive,
    /// For tests: two generators that translate pictures between two domains.
    #[cfg(feature = "toys")]
    ToyCycle,
}

/// The settings that a role's network and optimizer use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `[generator]`, `[optimizer.generator]`.
    Generator,
    /// `[discriminator]`, `[optimizer.discriminator]`.
    Discriminator,
    /// `[translate]`, and the generator's optimizer, with which it moves.
    Projector,
}

/// The pictures that a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Pictures of one set.
    Pictures,
    /// Pairs: a source and its target.
    Pairs,
    /// Sources of one set and targets of another, drawn independently.
    TwoSets,
}

/// A network of a run, with its average and its optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Name of its file in a checkpoint, and prefix of its weights' random streams.
    pub name: &'static str,
    /// Abbreviation in the keys of logs: `lr_g`, `g_norm`.
    pub short: &'static str,
    /// Name of the file with its average; `None` if no average is kept.
    pub average: Option<&'static str>,
    /// Name of its optimizer's file.
    pub optimizer: &'static str,
    /// The settings that it uses.
    pub part: Part,
}

/// The kind of a measure, which decides its presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A loss that a network minimises.
    Loss,
    /// A term of a loss, plotted separately if it is not 0.
    Term,
    /// The share of pictures that a discriminator classifies correctly, 0 to 1.
    Accuracy,
    /// A probability, 0 to 1.
    Probability,
}

/// Reduction of the values that a step leaves on the device to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Their mean.
    Mean,
    /// The mean of the sums with the values of another name.
    MeanWith(&'static str),
    /// The share of positive values.
    Positive,
    /// The share of negative values.
    Negative,
    /// The mean of σ.
    Sigmoid,
}

/// A quantity that a step measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its key in `stats.jsonl`.
    pub key: &'static str,
    /// Its TensorBoard tag.
    pub tag: &'static str,
    /// Short display name; quantities without one appear only in the logs.
    pub label: Option<&'static str>,
    /// Its presentation.
    pub kind: Kind,
    /// Name under which the task leaves the values it is computed from.
    pub values: &'static str,
    /// Reduction to one number.
    pub reduce: Reduce,
}

/// The measures that show whether a discriminator overpowers its opponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Its role.
    pub role: &'static str,
    /// Its loss, with the penalties.
    pub loss: &'static str,
    /// The penalties.
    pub penalty: &'static str,
    /// Its accuracies on real and on generated pictures.
    pub accuracies: [&'static str; 2],
}

/// A generator with an average; the optimizer's file is named after the role.
const fn generator(
    name: &'static str,
    short: &'static str,
    average: &'static str,
    optimizer: &'static str,
) -> Role {
    Role { name, short, average: Some(average), optimizer, part: Part::Generator }
}

const fn discriminator(name: &'static str, short: &'static str, optimizer: &'static str) -> Role {
    Role { name, short, average: None, optimizer, part: Part::Discriminator }
}

/// A network that no average is kept of, neither generator nor discriminator.
const fn projector(name: &'static str, short: &'static str, optimizer: &'static str) -> Role {
    Role { name, short, average: None, optimizer, part: Part::Projector }
}

const fn measure(
    key: &'static str,
    tag: &'static str,
    label: Option<&'static str>,
    kind: Kind,
    values: &'static str,
    reduce: Reduce,
) -> Measure {
    Measure { key, tag, label, kind, values, reduce }
}

/// Properties of a task.
struct Facts {
    name: &'static str,
    feed: Feed,
    /// The first is the main generator: its pictures are shown, measured and exported by default.
    roles: &'static [Role],
    measures: &'static [Measure],
    contests: &'static [Contest],
}

const ADVERSARIAL: Facts = Facts {
    name: "adversarial",
    feed: Feed::Pictures,
    roles: &[
        // File names of the first versions.
        generator("generator", "g", "ema", "optimizer.generator"),
        discriminator("discriminator", "d", "optimizer.discriminator"),
    ],
    measures: &[
        measure("g_loss", "loss/g", Some("G"), Kind::Loss, "g_loss", Reduce::Mean),
        measure("d_loss", "loss/d", Some("D"), Kind::Loss, "d_loss", Reduce::MeanWith("penalty")),
        measure("penalty", "loss/penalty", Some("penalties"), Kind::Term, "penalty", Reduce::Mean),
        measure(
            "path_penalty",
            "loss/path_penalty",
            Some("path length"),
            Kind::Term,
            "path_penalty",
            Reduce::Mean,
        ),
        measure(
            "real_acc",
            "accuracy/real",
            Some("real"),
            Kind::Accuracy,
            "real",
            Reduce::Positive,
        ),
        measure(
            "gen_acc",
            "accuracy/generated",
            Some("generated"),
            Kind::Accuracy,
            "fake",
            Reduce::Negative,
        ),
        measure("d_real", "probability/real", None, Kind::Probability, "real", Reduce::Sigmoid),
        measure(
            "d_fake",
            "probability/generated",
            None,
            Kind::Probability,
            "fake",
            Reduce::Sigmoid,
        ),
        measure(
            "d_fooled",
            "probability/fooled",
            None,
            Kind::Probability,
            "fooled",
            Reduce::Sigmoid,
        ),
    ],
    contests: &[Contest {
        role: "discriminator",
        loss: "d_loss",
        penalty: "penalty",
        accuracies: ["real_acc", "gen_acc"],
    }],
};

/// A term of a loss, under its own name.
const fn term(key: &'static str, tag: &'static str, label: &'static str) -> Measure {
    measure(key, tag, Some(label), Kind::Term, key, Reduce::Mean)
}

/// A loss under its own name.
const fn loss(key: &'static str, tag: &'static str, label: &'static str) -> Measure {
    measure(key, tag, Some(label), Kind::Loss, key, Reduce::Mean)
}

/// A discriminator's loss with its penalties.
const fn judged(
    key: &'static str,
    tag: &'static str,
    label: &'static str,
    penalty: &'static str,
) -> Measure {
    measure(key, tag, Some(label), Kind::Loss, key, Reduce::MeanWith(penalty))
}

const REAL_ACC: Measure =
    measure("real_acc", "accuracy/real", Some("real"), Kind::Accuracy, "real", Reduce::Positive);
const GEN_ACC: Measure = measure(
    "gen_acc",
    "accuracy/generated",
    Some("generated"),
    Kind::Accuracy,
    "fake",
    Reduce::Negative,
);
const PENALTY: Measure = term("penalty", "loss/penalty", "penalties");
const CONTEST: Contest = Contest {
    role: "discriminator",
    loss: "d_loss",
    penalty: "penalty",
    accuracies: ["real_acc", "gen_acc"],
};

const PAIRED: Facts = Facts {
    name: "paired",
    feed: Feed::Pairs,
    roles: &[
        generator("generator", "g", "ema", "optimizer.generator"),
        discriminator("discriminator", "d", "optimizer.discriminator"),
    ],
    measures: &[
        loss("g_loss", "loss/g", "G"),
        judged("d_loss", "loss/d", "D", "penalty"),
        term("gan", "loss/gan", "gan"),
        term("l1", "loss/l1", "L1"),
        PENALTY,
        REAL_ACC,
        GEN_ACC,
    ],
    contests: &[CONTEST],
};

const CYCLE: Facts = Facts {
    name: "cycle",
    feed: Feed::TwoSets,
    roles: &[
        generator("generator_ab", "g_ab", "generator_ab.ema", "optimizer.generator_ab"),
        generator("generator_ba", "g_ba", "generator_ba.ema", "optimizer.generator_ba"),
        discriminator("discriminator_a", "d_a", "optimizer.discriminator_a"),
        discriminator("discriminator_b", "d_b", "optimizer.discriminator_b"),
    ],
    measures: &[
        loss("g_loss", "loss/g", "G"),
        judged("d_a_loss", "loss/d_a", "D_A", "penalty_a"),
        judged("d_b_loss", "loss/d_b", "D_B", "penalty_b"),
        term("gan_ab", "loss/gan_ab", "gan A→B"),
        term("gan_ba", "loss/gan_ba", "gan B→A"),
        term("cycle", "loss/cycle", "cycle"),
        term("identity", "loss/identity", "identity"),
        term("penalty_a", "loss/penalty_a", "penalties of D_A"),
        term("penalty_b", "loss/penalty_b", "penalties of D_B"),
        measure(
            "real_acc_a",
            "accuracy/real_a",
            Some("real A"),
            Kind::Accuracy,
            "real_a",
            Reduce::Positive,
        ),
        measure(
            "gen_acc_a",
            "accuracy/generated_a",
            Some("generated A"),
            Kind::Accuracy,
            "fake_a",
            Reduce::Negative,
        ),
        measure(
            "real_acc_b",
            "accuracy/real_b",
            Some("real B"),
            Kind::Accuracy,
            "real_b",
            Reduce::Positive,
        ),
        measure(
            "gen_acc_b",
            "accuracy/generated_b",
            Some("generated B"),
            Kind::Accuracy,
            "fake_b",
            Reduce::Negative,
        ),
    ],
    contests: &[
        Contest {
            role: "discriminator_a",
            loss: "d_a_loss",
            penalty: "penalty_a",
            accuracies: ["real_acc_a", "gen_acc_a"],
        },
        Contest {
            role: "discriminator_b",
            loss: "d_b_loss",
            penalty: "penalty_b",
            accuracies: ["real_acc_b", "gen_acc_b"],
        },
    ],
};

const CONTRASTIVE: Facts = Facts {
    name: "contrastive",
    feed: Feed::TwoSets,
    roles: &[
        generator("generator", "g", "ema", "optimizer.generator"),
        discriminator("discriminator", "d", "optimizer.discriminator"),
        projector("projector", "f", "optimizer.projector"),
    ],
    measures: &[
        loss("g_loss", "loss/g", "G"),
        judged("d_loss", "loss/d", "D", "penalty"),
        term("gan", "loss/gan", "gan"),
        term("nce", "loss/nce", "NCE"),
        term("identity", "loss/identity", "NCE of the identity"),
        PENALTY,
        REAL_ACC,
        GEN_ACC,
    ],
    contests: &[CONTEST],
};

#[cfg(feature = "toys")]
const TOY_CYCLE: Facts = Facts {
    name: "toy-cycle",
    feed: Feed::Pictures,
    roles: &[
        generator("generator_ab", "g_ab", "generator_ab.ema", "optimizer.generator_ab"),
        generator("generator_ba", "g_ba", "generator_ba.ema", "optimizer.generator_ba"),
        discriminator("discriminator_a", "d_a", "optimizer.discriminator_a"),
        discriminator("discriminator_b", "d_b", "optimizer.discriminator_b"),
    ],
    measures: &[
        measure("g_ab_loss", "loss/g_ab", Some("G_AB"), Kind::Loss, "g_ab_loss", Reduce::Mean),
        measure("g_ba_loss", "loss/g_ba", Some("G_BA"), Kind::Loss, "g_ba_loss", Reduce::Mean),
        measure("d_a_loss", "loss/d_a", Some("D_A"), Kind::Loss, "d_a_loss", Reduce::Mean),
        measure("d_b_loss", "loss/d_b", Some("D_B"), Kind::Loss, "d_b_loss", Reduce::Mean),
        measure("cycle", "loss/cycle", Some("cycle"), Kind::Term, "cycle", Reduce::Mean),
        measure(
            "real_acc",
            "accuracy/real",
            Some("real"),
            Kind::Accuracy,
            "real",
            Reduce::Positive,
        ),
    ],
    contests: &[],
};

/// Measures' keys in the checkpoints of the first versions, and today's.
pub const RENAMED_MEASURES: [(&str, &str); 2] =
    [("real_accuracy", "real_acc"), ("generated_accuracy", "gen_acc")];

/// Every task.
pub const TASKS: &[TaskName] = &[
    TaskName::Adversarial,
    TaskName::Paired,
    TaskName::Cycle,
    TaskName::Contrastive,
    #[cfg(feature = "toys")]
    TaskName::ToyCycle,
];

impl TaskName {
    const fn facts(self) -> &'static Facts {
        match self {
            Self::Adversarial => &ADVERSARIAL,
            Self::Paired => &PAIRED,
            Self::Cycle => &CYCLE,
            Self::Contrastive => &CONTRASTIVE,
            #[cfg(feature = "toys")]
            Self::ToyCycle => &TOY_CYCLE,
        }
    }

    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Returns true if its generators translate pictures.
    #[must_use]
    pub const fn translates(self) -> bool {
        !matches!(self, Self::Adversarial)
    }

    /// The pictures that its steps take.
    #[must_use]
    pub const fn feed(self) -> Feed {
        self.facts().feed
    }

    /// Its roles. The first is the main generator, whose pictures are shown, measured and exported.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        self.facts().roles
    }

    /// The main generator, whose pictures are shown, measured and exported.
    #[must_use]
    pub const fn shown(self) -> &'static Role {
        &self.roles()[0]
    }

    /// The generators from A to B and from B to A, of tasks that have one for each direction.
    #[must_use]
    pub fn both_directions(self) -> Option<[&'static str; 2]> {
        let generators = || self.roles().iter().filter(|role| role.part == Part::Generator);
        let of = |ending| generators().map(|role| role.name).find(|name| name.ends_with(ending));
        Some([of("_ab")?, of("_ba")?])
    }

    /// Looks up the generator `name`.
    ///
    /// # Errors
    /// If it does not exist; the error lists the generators of the task.
    pub fn generator(self, name: &str) -> Result<&'static Role, UsageError> {
        let generators = || self.roles().iter().filter(|role| role.part == Part::Generator);
        generators().find(|role| role.name == name).ok_or_else(|| {
            let names: Vec<&str> = generators().map(|role| role.name).collect();
            UsageError(format!(
                "--role {name}: the generators of task = {} are {}",
                self.name(),
                names.join(", ")
            ))
        })
    }

    /// The quantities that its steps measure, in the order of the logs.
    #[must_use]
    pub const fn measures(self) -> &'static [Measure] {
        self.facts().measures
    }

    /// The measures of one kind that have a display name.
    pub fn shown_measures(
        self,
        kind: Kind,
    ) -> impl Iterator<Item = (&'static str, &'static Measure)> {
        self.measures().iter().filter(move |m| m.kind == kind).filter_map(|m| Some((m.label?, m)))
    }

    /// The discriminators to check for overpowering their opponents.
    #[must_use]
    pub const fn contests(self) -> &'static [Contest] {
        self.facts().contests
    }
}
