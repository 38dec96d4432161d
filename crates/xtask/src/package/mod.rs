//! `cargo xtask package`: what is shipped, byte for byte the same from the same programs.

mod archive;
mod elf;
mod inventory;
mod licences;
mod sbom;

use crate::run::{command, root, run, succeeds, target};
use anyhow::{Context, bail};
use archive::Entry;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What ships: optimised over all crates, stripped.
pub(crate) const SHIPPED: &str = "dist";
/// The programs, as cargo names their packages.
const PACKAGES: [&str; 3] = ["dial-worker", "dial-master", "dial-cli"];
/// A configuration in which nothing is set: the built-in rules.
const NO_CONFIG: &str = "/dev/null";
/// Most bytes of the worker's zip without what `--with` adds: every cold start fetches it.
const MAX_WORKER: usize = 8_000_000;
/// Most bytes that Lambda takes in a direct upload.
const MAX_UPLOAD: usize = 50_000_000;

/// Arguments of `cargo xtask package`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Processor that the programs run on; without it, this machine's.
    #[arg(long, value_enum)]
    pub(crate) arch: Option<Arch>,
    /// Profile of the programs; only `dist` is refused where it does not fit Lambda.
    #[arg(long, default_value = SHIPPED)]
    pub(crate) profile: String,
    /// Folder for the packages.
    #[arg(long, default_value = "target/package")]
    pub(crate) out: PathBuf,
    /// Folder that goes into the worker's zip, below its own name: GeoIP databases, lists, rules.
    #[arg(long, value_name = "DIR")]
    pub(crate) with: Vec<PathBuf>,
    /// Pack what is built already.
    #[arg(long)]
    pub(crate) no_build: bool,
}

/// A processor, in Lambda's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

impl Arch {
    /// The one of this machine.
    fn host() -> anyhow::Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("Lambda has no {other}; name --arch x86_64 or --arch arm64"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name of the target.
    fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

/// Builds the programs, packs them, and writes the SBOM and the checksums beside them.
pub(crate) fn package(options: &Options) -> anyhow::Result<()> {
    let arch = options.arch.map_or_else(Arch::host, Ok)?;
    let programs = programs(arch, &options.profile);
    if !options.no_build {
        build(arch, &options.profile)?;
    }
    let crates = inventory::of(&PACKAGES, arch.triple())?;
    let notices = licences::notices(&crates)?;
    let pack = Pack {
        arch,
        strict: options.profile == SHIPPED,
        programs: &programs,
        notices: &notices,
    };
    let mut files = vec![
        (zip_name("worker", arch), pack.worker(&options.with)?),
        (zip_name("master", arch), pack.master()?),
        (format!("dial-{}.tar.gz", arch.word()), pack.dial()?),
        (
            format!("dial-{}.cdx.json", arch.word()),
            sbom::json(&crates)?,
        ),
    ];
    files.sort();
    write(&options.out, &files)
}

/// The name that the Terraform modules' READMEs use.
fn zip_name(part: &str, arch: Arch) -> String {
    format!("dial-{part}-{}.zip", arch.word())
}

/// Where cargo leaves the programs.
fn programs(arch: Arch, profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    let native = Arch::host().is_ok_and(|host| host == arch);
    let below = if native {
        target()
    } else {
        target().join(arch.triple())
    };
    below.join(folder)
}

fn build(arch: Arch, profile: &str) -> anyhow::Result<()> {
    let mut build = command(&["cargo", "build", "--locked", "--profile", profile]);
    for package in PACKAGES {
        build.args(["-p", package]);
    }
    if Arch::host().is_ok_and(|host| host != arch) {
        need_target(arch)?;
        build.args(["--target", arch.triple()]);
    }
    if profile == SHIPPED {
        build.env("CARGO_ENCODED_RUSTFLAGS", neutral_paths()?);
    }
    run(&mut build)
}

/// A program says where it panicked: without this, in whose home folder it was built.
fn neutral_paths() -> anyhow::Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.context("neither CARGO_HOME nor a home folder is set")?;
    let flags = [(root(), "/dial"), (home, "/cargo")]
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(flags.join("\x1f"))
}

fn need_target(arch: Arch) -> anyhow::Result<()> {
    let triple = arch.triple();
    if succeeds(&["rustc", "--print", "target-libdir", "--target", triple]) && has_std(triple) {
        return Ok(());
    }
    bail!(
        "Rust's standard library for {triple} is missing: `rustup target add {triple}`, \
         and a C compiler and linker for it (docs/guides/packages.md)"
    )
}

fn has_std(triple: &str) -> bool {
    let asked = command(&["rustc", "--print", "target-libdir", "--target", triple]).output();
    asked.is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir())
}

/// What all packages share.
struct Pack<'p> {
    arch: Arch,
    strict: bool,
    programs: &'p Path,
    notices: &'p str,
}

impl Pack<'_> {
    fn worker(&self, with: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
        let mut entries = self.function("dial-worker")?;
        let size = archive::zip(&entries)?.len();
        self.demand(size <= MAX_WORKER, || {
            format!("the worker's zip has {size} bytes, more than {MAX_WORKER}")
        })?;
        for folder in with {
            entries.extend(archive::folder(folder)?);
        }
        let zip = archive::zip(&entries)?;
        if zip.len() > MAX_UPLOAD {
            let advice = "put the databases into a Lambda layer, or upload the zip by S3";
            bail!("the worker's zip has {} bytes: {advice}", zip.len());
        }
        Ok(zip)
    }

    fn master(&self) -> anyhow::Result<Vec<u8>> {
        let mut entries = self.function("dial-master")?;
        entries.push(Entry::text("catalogue.json", self.catalogue()?));
        archive::zip(&entries)
    }

    /// What the dashboard says of the built-in rules, as the `dial` of this build tells it.
    fn catalogue(&self) -> anyhow::Result<Vec<u8>> {
        let own = self.programs.join("dial");
        let mut dial = if Arch::host().is_ok_and(|host| host == self.arch) {
            std::process::Command::new(own)
        } else {
            // One for another processor does not run here, and says the same.
            command(&[
                "cargo", "run", "--locked", "--quiet", "-p", "dial-cli", "--",
            ])
        };
        dial.args(["rules", "catalogue", "--config"]).arg(NO_CONFIG);
        let answer = dial.output().context("dial rules catalogue")?;
        let said = String::from_utf8_lossy(&answer.stderr);
        anyhow::ensure!(answer.status.success(), "dial rules catalogue: {said}");
        Ok(answer.stdout)
    }

    fn dial(&self) -> anyhow::Result<Vec<u8>> {
        let mut entries = vec![Entry::program("dial", self.program("dial")?)];
        entries.push(Entry::text("README.md", std::fs::read("README.md")?));
        entries.extend(self.legal()?);
        archive::tar_gz("dial", &entries)
    }

    fn function(&self, program: &str) -> anyhow::Result<Vec<Entry>> {
        let mut entries = vec![Entry::program("bootstrap", self.program(program)?)];
        entries.extend(self.legal()?);
        Ok(entries)
    }

    fn legal(&self) -> anyhow::Result<[Entry; 2]> {
        Ok([
            Entry::text("LICENSE", std::fs::read("LICENSE")?),
            Entry::text("THIRD-PARTY-LICENSES.txt", self.notices.into()),
        ])
    }

    /// A program's bytes, once they are seen to run on Lambda.
    fn program(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.programs.join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("{} to pack", path.display()))?;
        let faults = elf::faults(&bytes, self.arch).with_context(|| name.to_owned())?;
        self.demand(faults.is_empty(), || {
            format!("{name} does not run on Lambda: {}", faults.join("; "))
        })?;
        Ok(bytes)
    }

    /// An error in what ships, a warning in what is for this machine only.
    fn demand(&self, holds: bool, fault: impl Fn() -> String) -> anyhow::Result<()> {
        match (holds, self.strict) {
            (true, _) => Ok(()),
            (false, true) => bail!(fault()),
            (false, false) => {
                println!("not to be shipped: {}", fault());
                Ok(())
            }
        }
    }
}

fn write(out: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(out)?;
    let mut sums = String::new();
    for (name, bytes) in files {
        std::fs::write(out.join(name), bytes)?;
        for byte in Sha256::digest(bytes) {
            write!(sums, "{byte:02x}")?;
        }
        writeln!(sums, "  {name}")?;
        println!("{:>10} bytes  {}", bytes.len(), out.join(name).display());
    }
    std::fs::write(out.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_lie_where_cargo_puts_them() {
        let host = Arch::host().unwrap();
        let other = if host == Arch::Arm64 {
            Arch::X86_64
        } else {
            Arch::Arm64
        };
        let cases = [
            (host, "dist", target().join("dist")),
            (host, "dev", target().join("debug")),
            (other, "dist", target().join(other.triple()).join("dist")),
        ];
        for (arch, profile, expected) in cases {
            assert_eq!(programs(arch, profile), expected, "{arch:?} {profile}");
        }
    }

    #[test]
    fn what_ships_is_held_to_more_than_what_stays() {
        let pack = |strict| Pack {
            arch: Arch::X86_64,
            strict,
            programs: Path::new("."),
            notices: "",
        };
        let fault = || "too large".to_owned();
        assert!(pack(true).demand(false, fault).is_err());
        assert!(pack(true).demand(true, fault).is_ok());
        assert!(pack(false).demand(false, fault).is_ok());
    }
}
