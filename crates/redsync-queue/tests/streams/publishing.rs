//! What is known of a message that was published.

use redsync_queue::{PublishError, streams::Fields};
use redsync_testkit::server::Proxy;

use crate::place::{Place, next};

#[tokio::test]
async fn publishing_tells_what_nobody_will_see_from_what_nobody_knows() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    let publisher = place.publisher_to(&proxy.url());
    proxy.refuse("XADD", "OOM command not allowed when used memory > 'maxmemory'.");
    let refused = publisher.publish(Fields::new(), *b"refused").await;
    assert!(matches!(refused, Err(PublishError::NotPublished(_))), "{refused:?}");
    proxy.relieve();
    proxy.lose_replies("XADD");
    let unknown = publisher.publish(Fields::new(), *b"unheard").await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    proxy.relieve();
    let nobody = place.publisher_to("redis://127.0.0.1:1").publish(Fields::new(), *b"nowhere").await;
    assert!(matches!(nobody, Err(PublishError::NotPublished(_))), "{nobody:?}");
    assert_eq!(next(&mut place.consumer("a")).await.body(), b"unheard", "and nothing else");
}
