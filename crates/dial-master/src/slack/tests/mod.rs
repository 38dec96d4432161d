//! What the app shows: pinned, within Slack's limits, inert whatever an event holds.

mod manifest;
mod second_opinion;
mod shown;
