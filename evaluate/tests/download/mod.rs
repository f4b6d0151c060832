//! Downloads and stored weights, against local servers that cut the connection, are slow or silent,
//! serve wrong bytes, ignore ranges, redirect, or refuse; through proxies; by several processes,
//! some of them killed.

mod cuts;
mod processes;
mod proxy;
mod server;
mod store;
