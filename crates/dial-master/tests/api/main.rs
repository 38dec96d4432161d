//! The API over the embedded store, in one process: attacks, batches, queries, health.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod bed;
#[cfg(test)]
mod health;
#[cfg(test)]
mod queries;
