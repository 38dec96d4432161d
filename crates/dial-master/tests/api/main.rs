//! The master over the embedded store: attacks, batches, queries, health, stream, socket.

#[cfg(test)]
mod access;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod bed;
#[cfg(test)]
mod documented;
#[cfg(test)]
mod enrol;
#[cfg(test)]
mod health;
#[cfg(test)]
mod history;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod outbox;
mod pages;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod records;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod slack;
#[cfg(test)]
mod triage;
#[cfg(test)]
mod web;
#[cfg(test)]
mod workers;
