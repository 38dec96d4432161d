//! Three values: what is not known may be either.

/// What is judged before a rule is built or asked: certain, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    pub(crate) fn or_unknown(self, is_known: bool) -> Self {
        if is_known { self } else { Self::Unknown }
    }
}

pub(crate) fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

pub(crate) fn negated(value: Truth) -> Truth {
    match value {
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
        Truth::True => Truth::False,
    }
}

pub(crate) fn all(parts: impl Iterator<Item = Truth>) -> Truth {
    let mut result = Truth::True;
    for part in parts {
        match part {
            Truth::False => return Truth::False,
            Truth::Unknown => result = Truth::Unknown,
            Truth::True => {}
        }
    }
    result
}

pub(crate) fn any(parts: impl Iterator<Item = Truth>) -> Truth {
    negated(all(parts.map(negated)))
}
