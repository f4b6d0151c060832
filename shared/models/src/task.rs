//! Tasks: the roles that networks have in a run, and the named numbers that its steps measure.
//! What a task does in a step is the training program's business; everything that saves, logs,
//! draws or exports goes by what is named here.

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

/// The tasks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskName {
    /// Latent vectors → pictures: one generator, one discriminator.
    #[default]
    Adversarial,
    /// For tests: two generators that translate pictures into each other's kind, and back.
    #[cfg(feature = "toys")]
    ToyCycle,
}

/// Which settings a role's network and optimizer go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `[generator]`, `[optimizer.generator]`.
    Generator,
    /// `[discriminator]`, `[optimizer.discriminator]`.
    Discriminator,
}

/// A network of a run, with its average and its optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name of its file in a checkpoint, and of its weights' random streams.
    pub name: &'static str,
    /// Short for it in the keys of logs: `lr_g`, `g_norm`.
    pub short: &'static str,
    /// The name of its average's file; `None` where no average is kept.
    pub average: Option<&'static str>,
    /// The name of its optimizer's file.
    pub optimizer: &'static str,
    /// The settings that it goes by.
    pub part: Part,
}

/// The kind of number that a measure is: how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A loss that a network lowers.
    Loss,
    /// A term of a loss that is drawn by itself where it is not 0.
    Term,
    /// The share of pictures that a discriminator tells right, 0 to 1.
    Accuracy,
    /// A probability, 0 to 1.
    Probability,
}

/// How the values that a step leaves on the device become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Their mean.
    Mean,
    /// The mean of their sums with the values of another name.
    MeanWith(&'static str),
    /// The share of them above 0.
    Positive,
    /// The share of them below 0.
    Negative,
    /// The mean of σ.
    Sigmoid,
}

/// A number that a step measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its key in `stats.jsonl`.
    pub key: &'static str,
    /// Its tag for TensorBoard.
    pub tag: &'static str,
    /// A short name for people; numbers without one are in the logs alone.
    pub label: Option<&'static str>,
    /// How it is shown.
    pub kind: Kind,
    /// The values that it is made of, by the name under which a task leaves them.
    pub values: &'static str,
    /// How they become one number.
    pub reduce: Reduce,
}

/// A discriminator, by the measures that show whether it wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Its role.
    pub role: &'static str,
    /// Its loss, with the penalties.
    pub loss: &'static str,
    /// The penalties.
    pub penalty: &'static str,
    /// The shares of real and of generated pictures that it tells right.
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

/// What is known of a task.
struct Facts {
    name: &'static str,
    /// The first is the generator whose pictures are shown, measured and exported by default.
    roles: &'static [Role],
    measures: &'static [Measure],
    contests: &'static [Contest],
}

const ADVERSARIAL: Facts = Facts {
    name: "adversarial",
    roles: &[
        // Files of the first versions have these names.
        generator("generator", "g", "ema", "optimizer.generator"),
        discriminator("discriminator", "d", "optimizer.discriminator"),
    ],
    measures: &[
        measure("g_loss", "loss/g", Some("G"), Kind::Loss, "g_loss", Reduce::Mean),
        measure("d_loss", "loss/d", Some("D"), Kind::Loss, "d_loss", Reduce::MeanWith("penalty")),
        measure("penalty", "loss/penalty", Some("penalties"), Kind::Term, "penalty", Reduce::Mean),
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

#[cfg(feature = "toys")]
const TOY_CYCLE: Facts = Facts {
    name: "toy-cycle",
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

/// Every task.
pub const TASKS: &[TaskName] = &[
    TaskName::Adversarial,
    #[cfg(feature = "toys")]
    TaskName::ToyCycle,
];

impl TaskName {
    const fn facts(self) -> &'static Facts {
        match self {
            Self::Adversarial => &ADVERSARIAL,
            #[cfg(feature = "toys")]
            Self::ToyCycle => &TOY_CYCLE,
        }
    }

    /// The name that settings have for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Its generators turn pictures into pictures.
    #[must_use]
    pub const fn translates(self) -> bool {
        match self {
            Self::Adversarial => false,
            #[cfg(feature = "toys")]
            Self::ToyCycle => true,
        }
    }

    /// Its roles. The first is the generator whose pictures are shown, measured and exported.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        self.facts().roles
    }

    /// The role whose pictures are shown, measured and exported.
    #[must_use]
    pub const fn shown(self) -> &'static Role {
        &self.roles()[0]
    }

    /// The generator of this name.
    ///
    /// # Errors
    /// If it has none; the error lists those that it has.
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

    /// The numbers that its steps measure, in the order of the logs.
    #[must_use]
    pub const fn measures(self) -> &'static [Measure] {
        self.facts().measures
    }

    /// The measures of one kind that have a name for people.
    pub fn shown_measures(
        self,
        kind: Kind,
    ) -> impl Iterator<Item = (&'static str, &'static Measure)> {
        self.measures().iter().filter(move |m| m.kind == kind).filter_map(|m| Some((m.label?, m)))
    }

    /// The discriminators that may win.
    #[must_use]
    pub const fn contests(self) -> &'static [Contest] {
        self.facts().contests
    }
}
