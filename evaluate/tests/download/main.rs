//! Downloads and the kept weights, against local servers that cut the connection, are slow or silent, serve wrong bytes, ignore
//! Range, redirect, or refuse; through proxies; by several processes, of which some are killed.

mod cuts;
mod processes;
mod proxy;
mod server;
mod store;
