//! An in-process Apache RocketMQ name server and brokers with scripted faults, to test clients without a JVM
#![forbid(unsafe_code)]
