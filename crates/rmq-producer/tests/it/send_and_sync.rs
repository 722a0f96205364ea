//! What may cross threads: checked by the compiler, so nothing here has to run.

use rmq_producer::*;

const fn send_and_sync<T: Send + Sync>() {}
const fn send<T: Send>() {}
const fn error<T: std::error::Error + Send + Sync + 'static>() {}

const _: () = {
    send_and_sync::<Producer>();
    send_and_sync::<ProducerBuilder>();
    send_and_sync::<ProducerConfig>();
    send_and_sync::<SendResult>();
    send_and_sync::<Message>();
    send::<SendRequest<'static>>();
    send::<SendFuture<'static>>();
    send::<OnewayRequest<'static>>();
    send::<OnewayFuture<'static>>();
    send::<EnqueueRequest<'static>>();
    send::<EnqueueFuture<'static>>();
    send_and_sync::<SendHandle>();
    send_and_sync::<CallbackExecutor>();
    error::<SendError>();
    error::<StartError>();
    error::<RouteError>();
    error::<AttemptError>();
    error::<NameServersError>();
};

#[test]
fn the_futures_of_async_functions_can_be_sent() {
    fn can_be_sent<T: Send>(_: T) {}
    can_be_sent(Producer::builder("pg").start());
    // Never called: only its types matter.
    let _unused = |producer: &'static Producer| {
        can_be_sent(producer.shutdown(std::time::Duration::ZERO));
        can_be_sent(producer.publish_queues("orders"));
    };
}

#[test]
fn an_error_is_one_pointer() {
    assert_eq!(size_of::<SendError>(), size_of::<usize>());
}
