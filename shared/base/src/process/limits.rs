//! Limits on the memory of a process that are lower than the machine's own: control groups and
//! `ulimit`.

use std::fmt;
use std::path::{Path, PathBuf};

/// The limit that bounds the memory of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The memory of the machine.
    Machine,
    /// This file of a control group, and the bytes in it.
    Group(PathBuf, u64),
    /// `ulimit -v`, in bytes.
    AddressSpace(u64),
    /// `ulimit -d`, in bytes.
    Data(u64),
}

/// Memory that may still be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// So much.
    pub bytes: u64,
    /// By this limit, which holds before the others.
    pub limit: Limit,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: &u64| format!("{} MiB", bytes >> 20);
        match self {
            Self::Machine => f.write_str("the machine's memory"),
            Self::Group(file, bytes) => {
                write!(f, "the limit of {} in {}", mib(bytes), file.display())
            }
            Self::AddressSpace(bytes) => write!(f, "the limit of {} by ulimit -v", mib(bytes)),
            Self::Data(bytes) => write!(f, "the limit of {} by ulimit -d", mib(bytes)),
        }
    }
}

/// The folders of the control groups that this process is in, from its own up to the root, of both
/// versions, from `/proc/self/cgroup` and `/proc/self/mountinfo`.
pub(super) fn groups(cgroup: &str, mountinfo: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in mountinfo.lines() {
        // ID, parent, device, root, mount point, options, optional fields, a hyphen, type, source,
        // options of the file system.
        let Some((mount, kind)) = line.split_once(" - ") else { continue };
        let (mount, kind): (Vec<&str>, Vec<&str>) =
            (mount.split(' ').collect(), kind.split(' ').collect());
        let (Some(root), Some(point)) = (mount.get(3), mount.get(4)) else { continue };
        let named = |line: &&str, controllers: &str| {
            line.split(':').nth(1).is_some_and(|list| list.split(',').any(|c| c == controllers))
        };
        let own = match kind.first() {
            Some(&"cgroup2") => cgroup.lines().find(|line| line.starts_with("0::")),
            Some(&"cgroup")
                if kind.last().is_some_and(|options| options.split(',').any(|o| o == "memory")) =>
            {
                cgroup.lines().find(|line| named(line, "memory"))
            }
            _ => None,
        };
        let Some(path) = own.and_then(|line| line.splitn(3, ':').nth(2)) else { continue };
        let (root, point) = (unescaped(root), PathBuf::from(unescaped(point)));
        // In a container the mount may begin further down than the path that the kernel tells; then
        // it is the group's own.
        let below = Path::new(path).strip_prefix(&root).unwrap_or(Path::new("")).to_owned();
        let mut folder =
            if below.as_os_str().is_empty() { point.to_owned() } else { point.join(below) };
        loop {
            folders.push(folder.clone());
            if folder == point || !folder.pop() {
                break;
            }
        }
    }
    folders
}

/// Spaces and the like in `/proc/self/mountinfo` are octal numbers behind a backslash.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The bytes that the control group in `folder` may still allocate, if it has a limit. The cache of
/// files that nobody waits for is given up first, so that it counts as free.
pub(super) fn of_group(folder: &Path) -> Option<Room> {
    let number =
        |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let counted = |key: &str| {
        stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok())
    };
    [
        ("memory.max", "memory.current", "inactive_file "),
        ("memory.high", "memory.current", "inactive_file "),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
    ]
    .into_iter()
    .filter_map(|(limit, used, cache)| {
        let most = number(limit)?;
        let used = number(used)?.saturating_sub(counted(cache).unwrap_or(0));
        Some(Room {
            bytes: most.saturating_sub(used),
            limit: Limit::Group(folder.join(limit), most),
        })
    })
    .min_by_key(|room| room.bytes)
}

/// The bytes that `/proc/self/limits` allows beyond the address space and the data that are `used`.
pub(super) fn of_ulimits(
    limits: &str,
    used: [Option<u64>; 2],
) -> impl Iterator<Item = Room> + use<> {
    let soft = |name: &str| {
        limits.lines().find_map(|line| {
            line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok()
        })
    };
    let room = |most: Option<u64>, used: Option<u64>, limit: fn(u64) -> Limit| {
        let most = most?;
        Some(Room { bytes: most.saturating_sub(used.unwrap_or(0)), limit: limit(most) })
    };
    let [space, data] = used;
    let rooms = [
        room(soft("Max address space"), space, Limit::AddressSpace),
        room(soft("Max data size"), data, Limit::Data),
    ];
    rooms.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs;

    #[test]
    fn groups_of_both_versions_are_found_from_the_own_up_to_the_mount() {
        let cgroup =
            "9:name=systemd:/\n4:memory:/docker/abc/job\n1:cpu,cpuacct:/x\n0::/user.slice/a b";
        let mounts = "\
36 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
37 30 0:32 /docker/abc /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
38 30 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
39 30 0:34 /other /mnt/with\\040space rw - cgroup2 cgroup2 rw";
        let found: Vec<String> =
            groups(cgroup, mounts).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            found,
            [
                "/sys/fs/cgroup/unified/user.slice/a b",
                "/sys/fs/cgroup/unified/user.slice",
                "/sys/fs/cgroup/unified",
                "/sys/fs/cgroup/memory/job",
                "/sys/fs/cgroup/memory",
                "/mnt/with space",
            ]
        );
        assert!(groups("", "").is_empty() && groups("0::/", "nonsense").is_empty());
    }

    #[test]
    fn the_room_of_a_group_is_what_its_limit_leaves_and_its_cache_counts_as_free() {
        let folder = std::env::temp_dir().join(format!("fledge-limits-{}", std::process::id()));
        fs::remove(&folder).expect("clear");
        for (name, files) in [
            (
                "two",
                &[
                    ("memory.max", "1000\n"),
                    ("memory.current", "700\n"),
                    ("memory.stat", "anon 5\ninactive_file 100\n"),
                ][..],
            ),
            ("free", &[("memory.max", "max\n"), ("memory.current", "700\n")]),
            (
                "high",
                &[("memory.max", "max\n"), ("memory.high", "900\n"), ("memory.current", "700\n")],
            ),
            (
                "one",
                &[
                    ("memory.limit_in_bytes", "500\n"),
                    ("memory.usage_in_bytes", "700\n"),
                    ("memory.stat", ""),
                ],
            ),
        ] {
            fs::create_folder(folder.join(name)).expect("folder");
            files.iter().for_each(|(file, text)| {
                fs::write(folder.join(name).join(file), text.as_bytes()).expect("file")
            });
        }
        let room = |name: &str| of_group(&folder.join(name)).map(|room| room.bytes);
        assert_eq!(
            [room("two"), room("free"), room("high"), room("one"), room("absent")],
            [Some(400), None, Some(200), Some(0), None]
        );
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn ulimits_leave_what_is_not_used_yet() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max data size             unlimited            unlimited            bytes     \n\
                    Max address space         204800000            unlimited            bytes     \n";
        let rooms: Vec<Room> = of_ulimits(text, [Some(4_800_000), Some(1)]).collect();
        assert_eq!(rooms, [Room { bytes: 200_000_000, limit: Limit::AddressSpace(204_800_000) }]);
        assert_eq!(rooms[0].limit.to_string(), "the limit of 195 MiB by ulimit -v");
        let data =
            text.replace("data size             unlimited", "data size             1000     ");
        assert!(
            of_ulimits(&data, [None, Some(2000)])
                .any(|room| room == Room { bytes: 0, limit: Limit::Data(1000) })
        );
    }
}
