//! The scripts that prepare a build for NVIDIA GPUs, each on a machine made of folders: another
//! home, another LLVM, no network.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shared::fs;
use shared::testing::{Scratch, write_program};

/// A machine: a home, an LLVM of two libraries, and programs that shadow the real ones.
struct Machine(Scratch);

/// What Debian's `llvm-config` prints: one library of the system by its path, then two next to each
/// other.
const LLVM_CONFIG: &str = "#!/bin/sh
here=$(dirname \"$0\")/..
case \"$*\" in
*--libdir*) echo \"$here/lib\" ;;
*--system-libs*) echo '-lrt -ldl /usr/lib/x86_64-linux-gnu/libz3.so /usr/lib/x86_64-linux-gnu/libxml2.so -lzstd' ;;
*--libs*) echo '-lLLVMCore -lLLVMSupport' ;;
*--version*) echo 22.1.4 ;;
esac
";

impl Machine {
    fn new(name: &str) -> Self {
        let root = Scratch::new(&format!("machine-{name}"));
        for folder in ["home", "llvm/lib", "llvm/bin", "bin"] {
            fs::create_folder(root.join(folder)).unwrap();
        }
        let machine = Self(root);
        machine.program("llvm/bin/llvm-config", LLVM_CONFIG);
        for library in ["LLVMCore", "LLVMSupport"] {
            fs::write(machine.0.join(format!("llvm/lib/lib{library}.a")), b"!<arch>\n").unwrap();
        }
        // Nothing answers: no network, no GPU.
        for program in ["curl", "wget", "nvidia-smi"] {
            machine.program(&format!("bin/{program}"), "#!/bin/sh\nexit 1\n");
        }
        // What links LLVM is there on every one.
        machine.program("bin/c++", "#!/bin/sh\nexit 0\n");
        machine
    }

    fn program(&self, name: &str, text: &str) {
        write_program(&self.0.join(name), text).unwrap();
    }

    /// Runs a script of `tools/` on this machine.
    fn run(&self, script: &str, flags: &[&str], llvm: &Path) -> Output {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(tools.join(script));
        command.args(flags).env("HOME", self.0.join("home")).env("LLVM", llvm).env("PATH", path);
        command.env_remove("XDG_DATA_HOME").env_remove("CUDA_PATH").output().unwrap()
    }

    fn llvm(&self) -> PathBuf {
        self.0.join("llvm")
    }

    /// The folder in which CubeCL's build script looks for LLVM.
    fn prefix(&self) -> PathBuf {
        let folder = self.0.join("home/.local/share/tracel");
        std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn another_llvm_serves_where_the_build_script_looks() {
    let machine = Machine::new("serves");
    let made = machine.run("offline-llvm.sh", &[], &machine.llvm());
    assert!(made.status.success(), "{}", text(&made));
    let prefix = machine.prefix();
    assert!(prefix.file_name().unwrap().to_str().unwrap().starts_with("tracel-llvm-"));
    assert!(prefix.join(".tracel-llvm-installed").is_file());
    assert!(machine.run("offline-llvm.sh", &["--check"], &machine.llvm()).status.success());

    let libraries = Command::new(prefix.join("bin/llvm-config"))
        .args(["--link-static", "--system-libs"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&libraries.stdout).trim(), "-lrt -ldl -lz3 -lxml2 -lzstd");

    assert!(machine.run("offline-llvm.sh", &["--remove"], &machine.llvm()).status.success());
    assert!(!prefix.exists());
}

#[test]
fn an_llvm_without_all_libraries_is_refused_and_leaves_nothing() {
    let machine = Machine::new("incomplete");
    fs::remove(machine.llvm().join("lib/libLLVMCore.a")).unwrap();
    let refused = machine.run("offline-llvm.sh", &[], &machine.llvm());
    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("libLLVMCore.a")
            && text(&refused).contains("apt-get install llvm-22-dev"),
        "{}",
        text(&refused)
    );
    assert!(!machine.run("offline-llvm.sh", &["--check"], &machine.llvm()).status.success());
    assert_eq!(std::fs::read_dir(machine.0.join("home/.local/share/tracel")).unwrap().count(), 0);
}

#[test]
fn a_downloaded_llvm_is_left_alone() {
    let machine = Machine::new("downloaded");
    machine.run("offline-llvm.sh", &[], &machine.llvm());
    let prefix = machine.prefix();
    fs::remove(prefix.join("offline")).unwrap();
    fs::write(prefix.join("bin/llvm-config"), b"downloaded").unwrap();
    assert!(text(&machine.run("offline-llvm.sh", &[], &machine.llvm())).contains("downloaded"));
    assert!(machine.run("offline-llvm.sh", &["--remove"], &machine.llvm()).status.success());
    assert_eq!(fs::read(prefix.join("bin/llvm-config")).unwrap(), b"downloaded");
}

#[test]
fn a_machine_that_cannot_build_says_what_to_install() {
    let machine = Machine::new("cannot");
    let nothing = machine.run("cuda-ready.sh", &[], &machine.0.join("nothing"));
    let said = text(&nothing);
    assert_eq!(nothing.status.code(), Some(1), "{said}");
    assert!(
        said.contains("llvm       MISSING: github.com cannot be reached")
            && said.contains("apt-get install llvm-22-dev"),
        "{said}"
    );
    assert!(said.contains("driver     none"), "{said}");

    let able = machine.run("cuda-ready.sh", &[], &machine.llvm());
    assert!(able.status.success(), "{}", text(&able));
    assert!(text(&able).contains("serves as"), "{}", text(&able));
}
