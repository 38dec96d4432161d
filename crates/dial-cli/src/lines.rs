//! Findings as rows of a table, the same for what `scan` found and what the master lists.

use crate::table::{Cell, Column, Table};
use crate::terminal::{severity_style, severity_word};
use dial_core::store::Summary;
use std::io::{self, Write};

/// A column and what stands in it.
struct Field {
    column: Column,
    cell: fn(&Summary) -> Cell,
}

const SEVERITY: Field = field("SEVERITY", 8, 8, 0, severity);
const ID: Field = field("ID", 28, 28, 1, |line| Cell::new(line.id.as_str()));
const TIME: Field = field("TIME (UTC)", 16, 19, 3, time);
const RULE: Field = field("RULE", 22, 40, 2, |line| Cell::new(&line.rule.name));
const RESOURCE: Field = field("RESOURCE", 22, 48, 4, resource);
const ACCOUNT: Field = field("ACCOUNT", 12, 12, 5, |line| Cell::new(&line.account.id));
const STATUS: Field = field("STATUS", 6, 14, 7, |line| {
    Cell::new(status_word(line.status))
});
const PRINCIPAL: Field = field("PRINCIPAL", 14, 44, 8, principal);
const REGION: Field = field("REGION", 12, 14, 6, |line| Cell::new(&line.region));
const SOURCE: Field = field("FROM", 15, 39, 9, source);

const OWNER: Field = field("OWNER", 8, 24, 6, |line| {
    Cell::new(line.suppressed.as_ref().map_or("-", |by| &by.owner))
});
const UNTIL: Field = field("UNTIL", 10, 10, 3, |line| {
    let by = line.suppressed.as_ref();
    Cell::new(by.map_or_else(|| "-".to_owned(), |by| by.expires.to_string()))
});
const REASON: Field = field("REASON", 16, 48, 5, |line| {
    Cell::new(line.suppressed.as_ref().map_or("-", |by| &by.reason))
});

const SCANNED: &[Field] = &[
    SEVERITY, TIME, ACCOUNT, REGION, RULE, RESOURCE, PRINCIPAL, SOURCE,
];
const LISTED: &[Field] = &[
    SEVERITY, ID, TIME, STATUS, ACCOUNT, REGION, RULE, RESOURCE, PRINCIPAL, SOURCE,
];

const SUPPRESSED: &[Field] = &[
    SEVERITY, ID, TIME, ACCOUNT, REGION, RULE, RESOURCE, PRINCIPAL, OWNER, UNTIL, REASON,
];

const fn field(
    title: &'static str,
    min: usize,
    max: usize,
    rank: u8,
    cell: fn(&Summary) -> Cell,
) -> Field {
    let column = Column {
        title,
        min,
        max,
        rank,
    };
    Field { column, cell }
}

/// Findings as rows under a heading.
pub(crate) struct Lines {
    table: Table,
    fields: &'static [Field],
}

impl Lines {
    /// What `scan` found, for a terminal of that width or for a file.
    pub(crate) fn scanned(width: Option<usize>) -> Self {
        Self::new(SCANNED, width)
    }

    /// What the master lists, with ids and states.
    pub(crate) fn listed(width: Option<usize>) -> Self {
        Self::new(LISTED, width)
    }

    /// What a suppression keeps silent, with who answers for it.
    pub(crate) fn suppressed(width: Option<usize>) -> Self {
        Self::new(SUPPRESSED, width)
    }

    fn new(fields: &'static [Field], width: Option<usize>) -> Self {
        let columns = fields.iter().map(|field| field.column).collect();
        Self {
            table: Table::new(columns, width),
            fields,
        }
    }

    /// Writes the headings.
    pub(crate) fn heading(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table.heading(out)
    }

    /// Writes one finding.
    pub(crate) fn row(&self, out: &mut dyn Write, line: &Summary) -> io::Result<()> {
        let cells: Vec<Cell> = self.fields.iter().map(|field| (field.cell)(line)).collect();
        self.table.row(out, &cells)
    }
}

fn severity(summary: &Summary) -> Cell {
    Cell::new(severity_word(summary.severity)).styled(severity_style(summary.severity))
}

fn time(summary: &Summary) -> Cell {
    let whole = summary.time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    Cell::new(whole).or(summary.time.strftime("%Y-%m-%d %H:%M").to_string())
}

fn resource(summary: &Summary) -> Cell {
    named(&summary.resource)
}

fn principal(summary: &Summary) -> Cell {
    named(&summary.principal)
}

/// An ARN is shortened to `db:orders`, then to `orders`.
fn named(text: &str) -> Cell {
    let tail = without_arn(text);
    let last = tail.rsplit(['/', ':']).next().unwrap_or(tail);
    Cell::new(dash(text)).or(tail).or(last)
}

fn source(summary: &Summary) -> Cell {
    Cell::new(dash(summary.source_ip.as_deref().unwrap_or_default()))
}

/// The word of a state as JSON and the API spell it.
pub(crate) fn status_word(status: dial_core::store::Status) -> &'static str {
    use dial_core::store::Status;
    match status {
        Status::Open => "open",
        Status::Acknowledged => "acknowledged",
        Status::Resolved => "resolved",
        Status::FalsePositive => "false_positive",
        Status::Snoozed => "snoozed",
    }
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The part of an ARN after the account: `security-group/sg-1`, `db:orders`, `bucket`.
pub(crate) fn without_arn(text: &str) -> &str {
    if text.starts_with("arn:") {
        text.splitn(6, ':').nth(5).unwrap_or(text)
    } else {
        dash(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use dial_core::Severity;
    use dial_core::finding::{Account, RuleRef};
    use dial_core::id::FindingId;
    use dial_core::store::Status;

    /// A line whose texts try to steer the terminal.
    pub(crate) fn hostile() -> Summary {
        Summary {
            id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
            rule: RuleRef {
                id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".into(),
                name: "s3_bucket_policy_public".into(),
                title: "S3 bucket policy lets anyone in".into(),
                version: "2026-05-04".into(),
            },
            severity: Severity::Critical,
            title: "S3 bucket policy lets anyone in".into(),
            status: Status::Open,
            assignee: None,
            answered_at: None,
            snoozed_until: None,
            account: Account {
                id: "111122223333".into(),
                name: None,
            },
            region: "eu-central-1".into(),
            service: "s3".into(),
            attack: vec!["T1530".into()],
            time: "2026-05-04T02:19:33Z".parse().unwrap(),
            detected_at: "2026-05-04T02:19:34Z".parse().unwrap(),
            principal: "arn:aws:iam::111122223333:user/\u{1b}[31mroot\u{1b}[0m".into(),
            access_key_id: None,
            resource: "arn:aws:s3:::shop-invoices".into(),
            source_ip: Some("203.0.113.66\r\u{202e}".into()),
            suppressed: None,
        }
    }

    fn scanned(width: Option<usize>) -> String {
        let table = Lines::scanned(width);
        let mut out = Vec::new();
        table.heading(&mut out).unwrap();
        table.row(&mut out, &hostile()).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn rows_fit_the_terminal() {
        for width in [80, 120, 200] {
            let text = scanned(Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= width));
            insta::assert_snapshot!(format!("scanned_{width}"), text);
        }
        insta::assert_snapshot!("scanned_whole", scanned(None));
    }

    #[test]
    fn arns_are_shortened_to_what_names_the_thing() {
        let cases = [
            ("arn:aws:s3:::bucket", "bucket"),
            ("arn:aws:rds:eu-west-1:111122223333:db:orders", "db:orders"),
            ("arn:aws:iam::111122223333:user/a", "user/a"),
            ("AWS::IAM::User/a", "AWS::IAM::User/a"),
            ("arn:odd", "arn:odd"),
            ("", "-"),
        ];
        for (input, expected) in cases {
            assert_eq!(without_arn(input), expected);
        }
    }
}
