//! The Apache RocketMQ remoting protocol: frames, request and response, client and server half
#![forbid(unsafe_code)]
