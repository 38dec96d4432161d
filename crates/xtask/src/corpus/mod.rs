//! A seeded corpus of CloudTrail delivery files: what a busy organisation's trail looks like.
//!
//! Equal options give equal bytes. `truth.json` says what was planted, so that a scanner's hits
//! can be checked as well as timed.

mod events;

use clap::Args;
use events::Place;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What to write.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Number of events.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) events: u64,
    /// Folder to write into.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Events in one delivery file.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) per_file: u64,
    /// Share of events of known attack techniques.
    #[arg(long, default_value_t = 0.005)]
    pub(crate) suspicious: f64,
    /// Seed; equal seeds give equal bytes.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Leave out `events.jsonl`.
    #[arg(long)]
    pub(crate) no_jsonl: bool,
}

/// What was planted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Truth {
    seed: u64,
    pub(crate) events: u64,
    files: u64,
    pub(crate) raw_bytes: u64,
    compressed_bytes: u64,
    suspicious: u64,
    techniques: BTreeMap<&'static str, u64>,
    event_names: BTreeMap<String, u64>,
}

/// Writes the corpus and says how large it is.
pub(crate) fn write(options: &Options) -> anyhow::Result<()> {
    let truth = generate(options)?;
    println!(
        "{} events in {} files, {} planted, {} bytes raw, {} compressed: {}",
        truth.events,
        truth.files,
        truth.suspicious,
        truth.raw_bytes,
        truth.compressed_bytes,
        options.out.display()
    );
    Ok(())
}

/// Writes `trail/AWSLogs/…/*.json.gz`, `events.jsonl` and `truth.json`.
pub(crate) fn generate(options: &Options) -> anyhow::Result<Truth> {
    std::fs::create_dir_all(&options.out)?;
    let mut lines = if options.no_jsonl {
        None
    } else {
        let file = File::create(options.out.join("events.jsonl"))?;
        Some(BufWriter::new(file))
    };
    let mut truth = Truth {
        seed: options.seed,
        ..Truth::default()
    };
    while truth.events < options.events {
        let count = options.per_file.min(options.events - truth.events);
        delivery_file(options, count, &mut truth, lines.as_mut())?;
    }
    if let Some(lines) = &mut lines {
        lines.flush()?;
    }
    let json = serde_json::to_vec_pretty(&truth)?;
    std::fs::write(options.out.join("truth.json"), json)?;
    Ok(truth)
}

fn delivery_file(
    options: &Options,
    count: u64,
    truth: &mut Truth,
    mut lines: Option<&mut BufWriter<File>>,
) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(truth.files);
    let mut place = Place::new(&mut rng, truth.files);
    let mut records = Vec::new();
    for _ in 0..count {
        let record = one(options, &mut rng, &mut place, truth);
        if let Some(lines) = lines.as_deref_mut() {
            writeln!(lines, "{record}")?;
        }
        records.push(record);
    }
    let body = format!("{{\"Records\":[{}]}}", records.join(","));
    truth.raw_bytes += body.len() as u64;
    truth.compressed_bytes += compress(&place.path(&options.out, truth.files), &body)?;
    truth.files += 1;
    truth.events += count;
    Ok(())
}

fn one(options: &Options, rng: &mut ChaCha8Rng, place: &mut Place, truth: &mut Truth) -> String {
    let record = if rng.random_bool(options.suspicious.clamp(0.0, 1.0)) {
        let (technique, record) = events::suspicious(rng, place);
        truth.suspicious += 1;
        *truth.techniques.entry(technique).or_default() += 1;
        record
    } else {
        events::ordinary(rng, place)
    };
    let name = record["eventName"].as_str().unwrap_or_default();
    *truth.event_names.entry(name.to_owned()).or_default() += 1;
    record.to_string()
}

fn compress(path: &Path, body: &str) -> anyhow::Result<u64> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = File::create(path)?;
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    gzip.write_all(body.as_bytes())?;
    Ok(gzip.finish()?.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_and_the_truth_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str, seed| Options {
            events: 700,
            out: folder.path().join(name),
            per_file: 250,
            suspicious: 0.1,
            seed,
            no_jsonl: false,
        };
        let truth = generate(&options("a", 1)).unwrap();
        generate(&options("b", 1)).unwrap();
        generate(&options("c", 2)).unwrap();
        let lines =
            |name: &str| std::fs::read(folder.path().join(name).join("events.jsonl")).unwrap();
        assert_eq!(lines("a"), lines("b"));
        assert_ne!(lines("a"), lines("c"));
        assert_eq!((truth.events, truth.files), (700, 3));
        assert_eq!(truth.techniques.values().sum::<u64>(), truth.suspicious);
        assert_eq!(truth.event_names.values().sum::<u64>(), 700);
        assert_eq!(String::from_utf8(lines("a")).unwrap().lines().count(), 700);
    }
}
