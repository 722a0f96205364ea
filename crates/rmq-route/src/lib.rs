//! Apache RocketMQ topic routes as values: route data, publish info, diffs, and a reader of fastjson text
#![forbid(unsafe_code)]
