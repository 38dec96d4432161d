//! Operations: what may be asked, who may ask, and every answer, declared beside the handler.
//!
//! The router and the OpenAPI document are both made of these, so neither knows what the other
//! does not. Who may ask is not said here at all: it is the first argument of the handler.

use super::State;
use super::access::{Access, Asks};
use super::parameter::Parameter;
use super::problem::Problem;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::sync::Arc;

/// Media type of plain answers.
pub(super) const JSON: &str = "application/json";
/// Media type of errors (RFC 9457).
pub(super) const PROBLEM: &str = "application/problem+json";

/// Writes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
pub(super) struct Operation {
    /// In lower case.
    pub(super) method: &'static str,
    /// With `{names}`.
    pub(super) path: &'static str,
    /// Unique, for programs that make a client of the document.
    pub(super) id: &'static str,
    /// What it does, in one line.
    pub(super) summary: &'static str,
    /// Who may ask.
    pub(super) access: Access,
    /// Of query, path and headers.
    pub(super) parameters: Vec<Parameter>,
    /// What is sent.
    pub(super) body: Option<Sent>,
    /// What may be answered.
    pub(super) answers: Vec<Answer>,
    route: MethodRouter<Arc<State>>,
}

/// The body of a request.
pub(super) struct Sent {
    /// Its media type.
    pub(super) media: &'static str,
    /// What it holds; `None` for bytes that JSON Schema cannot tell of.
    pub(super) schema: Option<SchemaOf>,
    /// What else there is to know.
    pub(super) about: &'static str,
}

/// One status and what comes with it.
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// When it is given.
    pub(super) about: &'static str,
    /// Media types and what they hold; none for an empty body.
    pub(super) contents: Vec<(&'static str, Option<SchemaOf>)>,
    /// Headers that it has, and what they say.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// What can be asked with what it says.
    pub(super) links: Vec<Link>,
}

/// An operation that an answer leads to.
pub(super) struct Link {
    /// The id of that operation.
    pub(super) operation: &'static str,
    /// Its parameters, and the expression (OpenAPI 3.1, 4.8.20.3) that says where each comes from.
    pub(super) parameters: &'static [(&'static str, &'static str)],
}

/// The schema of a type.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Operation {
    /// Looks.
    pub(super) fn get<H, T>(path: &'static str, id: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<State>>,
        T: Asks + 'static,
    {
        Self::new("get", path, id, T::ACCESS, routing::get(handler))
    }

    /// Makes or does something.
    pub(super) fn post<H, T>(path: &'static str, id: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<State>>,
        T: Asks + 'static,
    {
        Self::new("post", path, id, T::ACCESS, routing::post(handler))
    }

    /// Ends something.
    pub(super) fn delete<H, T>(path: &'static str, id: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<State>>,
        T: Asks + 'static,
    {
        Self::new("delete", path, id, T::ACCESS, routing::delete(handler))
    }

    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        access: Access,
        route: MethodRouter<Arc<State>>,
    ) -> Self {
        let mut operation = Self {
            method,
            path,
            id,
            summary: "",
            access,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            route,
        };
        for (status, about) in access.refusals() {
            operation = operation.fails(*status, about);
        }
        operation
    }

    /// What it does, in one line.
    pub(super) fn does(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// Parameters; a wrong one is answered with 400.
    pub(super) fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self.fails(400, "A parameter or the body is not what is asked for.")
    }

    /// A JSON body of this type; another one is answered with 400, a larger one with 413.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Sent {
            media: JSON,
            schema: Some(schema_of::<T>),
            about: "",
        });
        self.fails(400, "A parameter or the body is not what is asked for.")
            .fails(413, "The body is too large.")
    }

    /// A body that is not plain JSON.
    pub(super) fn takes_bytes(mut self, media: &'static str, about: &'static str) -> Self {
        let schema = None;
        self.body = Some(Sent {
            media,
            schema,
            about,
        });
        self
    }

    /// Answers JSON of this type.
    pub(super) fn answers<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.answers_as(status, JSON, Some(schema_of::<T>), about)
    }

    /// Answers this media type too.
    pub(super) fn answers_as(
        mut self,
        status: u16,
        media: &'static str,
        schema: Option<SchemaOf>,
        about: &'static str,
    ) -> Self {
        let answer = self.answer(status, about);
        answer.contents.retain(|(known, _)| *known != media);
        answer.contents.push((media, schema));
        self
    }

    /// Answers an empty body.
    pub(super) fn answers_empty(mut self, status: u16, about: &'static str) -> Self {
        self.answer(status, about);
        self
    }

    /// Answers a problem document; 401 is the exception, it is always bare.
    pub(super) fn fails(self, status: u16, about: &'static str) -> Self {
        match status {
            401 => self.answers_empty(status, about),
            429 | 503 => self
                .answers_as(status, PROBLEM, Some(schema_of::<Problem>), about)
                .heads(status, "retry-after", "Seconds to wait."),
            _ => self.answers_as(status, PROBLEM, Some(schema_of::<Problem>), about),
        }
    }

    /// A header of an answer.
    pub(super) fn heads(mut self, status: u16, name: &'static str, says: &'static str) -> Self {
        let answer = self.answer(status, "");
        answer.headers.retain(|(known, _)| *known != name);
        answer.headers.push((name, says));
        self
    }

    /// Another operation that can be asked with what an answer says.
    pub(super) fn leads(
        mut self,
        status: u16,
        operation: &'static str,
        parameters: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.answer(status, "").links.push(Link {
            operation,
            parameters,
        });
        self
    }

    /// The answer of a status; whoever speaks of it last says when it is given.
    fn answer(&mut self, status: u16, about: &'static str) -> &mut Answer {
        let at = self.answers.iter().position(|a| a.status == status);
        let at = at.unwrap_or_else(|| {
            self.answers.push(Answer {
                status,
                about,
                contents: Vec::new(),
                headers: Vec::new(),
                links: Vec::new(),
            });
            self.answers.len() - 1
        });
        let answer = &mut self.answers[at];
        if !about.is_empty() {
            answer.about = about;
        }
        answer
    }
}

/// The routes of these operations.
pub(super) fn router(operations: Vec<Operation>) -> Router<Arc<State>> {
    let routes = operations.into_iter();
    routes.fold(Router::new(), |router, operation| {
        router.route(operation.path, operation.route)
    })
}
