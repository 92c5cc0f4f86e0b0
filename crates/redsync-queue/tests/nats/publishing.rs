//! What is known of a message that was published.

use async_nats::{
    HeaderMap,
    jetstream::{
        context::PublishErrorKind,
        stream::{self, DiscardPolicy},
    },
};
use redsync_queue::{
    PublishError,
    nats::{Error, Publisher},
};
use redsync_queues::server::{Nats, Proxy};

use crate::{
    lane::{Lane, SOON, connect, is_open, next},
    sent::{BODY, LONG, publish},
};

#[tokio::test]
async fn what_is_refused_was_not_published() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let small = stream::Config {
        name: format!("{}-small", lane.stream),
        subjects: vec![format!("{}.small", lane.stream)],
        discard: DiscardPolicy::New,
        max_messages: 1,
        max_message_size: 100,
        ..Default::default()
    };
    let small = jetstream.create_stream(small).await.expect("a stream");
    let to = |subject: &str| Publisher::new(jetstream.clone(), format!("{}.{subject}", lane.stream));
    publish(&to("small"), b"the first").await.expect("there is room");
    let mut expecting = HeaderMap::new();
    expecting.insert(async_nats::header::NATS_EXPECTED_LAST_SEQUENCE, "7");
    let mut elsewhere = HeaderMap::new();
    elsewhere.insert(async_nats::header::NATS_EXPECTED_STREAM, "elsewhere");
    let closed = connect(&lane.url).await;
    closed.client().drain().await.expect("it is open");
    let is_closed = async { while closed.client().flush().await.is_ok() {} };
    tokio::time::timeout(SOON, is_closed).await.expect("it closes");
    let cases = [
        ("nobody listens", to("nowhere"), HeaderMap::new(), 1, PublishErrorKind::StreamNotFound),
        ("no subject", to("two words"), HeaderMap::new(), 1, PublishErrorKind::Other),
        (
            "too large for the server",
            to("small"),
            HeaderMap::new(),
            2 << 20,
            PublishErrorKind::MaxPayloadExceeded,
        ),
        ("too large for the stream", to("small"), HeaderMap::new(), 1000, PublishErrorKind::Other),
        ("full", to("small"), HeaderMap::new(), 1, PublishErrorKind::Other),
        ("another came before", to("small"), expecting, 1, PublishErrorKind::WrongLastSequence),
        ("another stream", to("small"), elsewhere, 1, PublishErrorKind::Other),
        ("closed", lane.publisher(&closed), HeaderMap::new(), 1, PublishErrorKind::Other),
    ];
    for (why, publisher, headers, size, kind) in cases {
        let error = publisher.publish(headers, vec![0; size]).await.expect_err(why);
        let PublishError::NotPublished(Error::Publish(error)) = error else { panic!("{why}: {error:?}") };
        assert_eq!(error.kind(), kind, "{why}: {error:?}");
    }
    assert_eq!(small.get_info().await.expect("it is there").state.messages, 1);
    assert_eq!(lane.left().await, (0, 0));
}

#[tokio::test]
async fn what_the_stream_knows_already_may_be_the_same() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let publisher = lane.publisher(&jetstream);
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, "7");
    publisher.publish(headers.clone(), BODY).await.expect("published");
    let error = publisher.publish(headers, BODY).await.expect_err("a duplicate");
    assert!(matches!(error, PublishError::Unknown(Error::Duplicate)), "{error:?}");
    assert_eq!(lane.left().await, (1, 0));
}

#[tokio::test]
async fn without_a_connection_nobody_knows() {
    let mut server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let jetstream = connect(&server.url()).await;
    server.kill();
    let error = publish(&lane.publisher(&jetstream), BODY).await.expect_err("no server");
    let PublishError::Unknown(Error::Publish(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), PublishErrorKind::TimedOut);
    // The client has kept it, and sends it when there is a server again.
    server.restart().expect("it serves again");
    let message = next(&mut lane.consumer(&connect(&server.url()).await).await).await;
    assert_eq!(message.body(), BODY);
}

#[tokio::test]
async fn without_its_confirmation_nobody_knows() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    is_open(&lane, &jetstream).await;
    proxy.lose_replies();
    let cut = async {
        lane.stored(1).await;
        proxy.cut();
    };
    let publisher = lane.publisher(&jetstream);
    let (published, ()) = tokio::join!(publish(&publisher, BODY), cut);
    assert!(matches!(published, Err(PublishError::Unknown(Error::Publish(_)))), "{published:?}");
    assert_eq!(next(&mut lane.consumer(&jetstream).await).await.body(), BODY);
    assert_eq!(lane.left().await, (1, 1));
}
