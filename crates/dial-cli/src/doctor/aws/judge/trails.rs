//! What the state of the trails means.

use super::super::super::checks::Check;
use dial_aws::survey::Trail;

/// One trail must record all of what rules look at; `home` is where global services record.
pub(in super::super) fn trails(trails: &[Trail], reads: bool, home: bool) -> Check {
    let name = "trail";
    let on: Vec<&Trail> = trails.iter().filter(|trail| trail.logging).collect();
    let fix = "switch on a multi-region trail of all management events, best for the organisation";
    let Some(best) = on
        .iter()
        .max_by_key(|t| (t.writes, t.reads, t.multi_region))
    else {
        let said = match trails.first() {
            None => "there is none: EventBridge gets no API calls".to_owned(),
            Some(off) => format!(
                "{} is switched off: EventBridge gets no API calls",
                off.name
            ),
        };
        return Check::fail(name, said, fix);
    };
    let any = |of: fn(&Trail) -> bool| on.iter().any(|trail| of(trail));
    if !any(|trail| trail.writes) {
        let said = format!("{} leaves out management events that write", best.name);
        return Check::fail(name, said, fix);
    }
    if home && !any(|trail| trail.global_services && trail.writes) {
        let said = format!(
            "{} leaves out global services: IAM and others go unseen",
            best.name
        );
        return Check::fail(name, said, fix);
    }
    if reads && !any(|trail| trail.reads) {
        let said = format!(
            "{} leaves out reading calls, which some rules look at",
            best.name
        );
        return Check::warn(name, said, "record read events, too");
    }
    if !any(|trail| trail.multi_region) {
        let said = format!("{} records this region only", best.name);
        return Check::warn(name, said, fix);
    }
    if let Some(broken) = on.iter().find(|trail| !trail.delivery_error.is_empty()) {
        let said = format!(
            "{} does not reach its bucket: {}",
            broken.name, broken.delivery_error
        );
        return Check::warn(
            name,
            said,
            "mend the bucket's policy, or past events cannot be scanned",
        );
    }
    Check::good(name, format!("{} is on, in every region", best.name))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::checks::State;
    use super::*;

    fn trail() -> Trail {
        Trail {
            name: "main".into(),
            multi_region: true,
            global_services: true,
            logging: true,
            writes: true,
            reads: true,
            delivery_error: String::new(),
        }
    }

    #[test]
    fn a_trail_must_be_on_and_whole() {
        let off = Trail {
            logging: false,
            ..trail()
        };
        let no_writes = Trail {
            writes: false,
            ..trail()
        };
        let no_reads = Trail {
            reads: false,
            ..trail()
        };
        let one_region = Trail {
            multi_region: false,
            ..trail()
        };
        let no_globals = Trail {
            global_services: false,
            ..trail()
        };
        let broken = Trail {
            delivery_error: "AccessDenied".into(),
            ..trail()
        };
        let cases = [
            (vec![trail()], State::Ok),
            (vec![], State::Fail),
            (vec![off.clone()], State::Fail),
            (vec![off, trail()], State::Ok),
            (vec![no_writes.clone()], State::Fail),
            (vec![no_writes, trail()], State::Ok),
            (vec![no_reads], State::Warn),
            (vec![one_region], State::Warn),
            (vec![no_globals], State::Fail),
            (vec![broken], State::Warn),
        ];
        for (given, expected) in cases {
            assert_eq!(trails(&given, true, true).state, expected, "{given:?}");
        }
    }
}
