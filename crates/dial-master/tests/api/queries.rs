//! Lists and single findings.
