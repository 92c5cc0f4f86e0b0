//! The handler: takes the lock, puts it into the queue with its job, and answers at once.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use redsync_queue::{HandOverError, hand_over};
use redsync_redis_rs::{ErrorKind, Redsync, connect};
use tokio::{net::TcpListener, time::timeout};
use tracing::{Instrument as _, info_span};

use crate::{
    BoxError,
    args::{Handler, Place},
    broker::Outbox,
    stop::Stop,
};

struct Desk {
    redsync: Redsync,
    outbox: Outbox,
    ttl: Duration,
    wait: Duration,
}

/// What a client is told.
#[derive(Clone, Copy)]
enum Answer {
    Accepted,
    /// The report is being written, or waits to be.
    Taken,
    Unavailable,
}

pub(crate) async fn run(place: Place, options: Handler) -> Result<(), BoxError> {
    let stop = Stop::on_signals()?;
    let redsync = connect(&place.locks).await?;
    let (ttl, wait) = (place.ttl, options.wait);
    let outbox = Outbox::new(place, redsync.clone());
    let desk = Arc::new(Desk { redsync: redsync.clone(), outbox, ttl, wait });
    let router = Router::new().route("/reports/{id}", post(order)).with_state(desk);
    let listener = TcpListener::bind(options.listen).await?;
    println!("handler: listens on http://{}", listener.local_addr()?);
    axum::serve(listener, router).with_graceful_shutdown(stop.wait()).await?;
    if timeout(ttl, redsync.shutdown()).await.is_err() {
        eprintln!("handler: some locks are left to their TTL");
    }
    println!("handler: has ended");
    Ok(())
}

async fn order(State(desk): State<Arc<Desk>>, Path(report): Path<u64>) -> Response {
    let span = info_span!("POST /reports/{id}", report, otel.kind = "server");
    let answer = desk.order(report).instrument(span).await;
    println!("handler: report {report}: {}", answer.status());
    // Who has the lock, and for how long, is nobody's business: in this time it is over if its holder is gone.
    let retry_after = [(RETRY_AFTER, desk.ttl.as_secs_f64().ceil().to_string())];
    match answer {
        Answer::Accepted => answer.status().into_response(),
        Answer::Taken | Answer::Unavailable => (answer.status(), retry_after).into_response(),
    }
}

// ANCHOR: desk
impl Desk {
    async fn order(&self, report: u64) -> Answer {
        let mutex = self.redsync.mutex(format!("report:{report}")).ttl(self.ttl).fenced();
        let guard = match mutex.try_lock().await {
            Ok(guard) => guard,
            Err(error) if error.kind() == ErrorKind::Taken => return Answer::Taken,
            Err(error) => {
                eprintln!("handler: report {report}: {error}");
                return Answer::Unavailable;
            }
        };
        match hand_over(guard, self.wait, |token| self.outbox.publish(token, report)).await {
            Ok(()) => Answer::Accepted,
            Err(error) => {
                eprintln!("handler: report {report}: {error}");
                self.after(error).await
            }
        }
    }

    /// What is not in the queue for certain leaves no lock behind.
    async fn after(&self, error: HandOverError<BoxError>) -> Answer {
        let guard = match error {
            HandOverError::NotHandedOver(error) => error.into_guard(),
            HandOverError::NotPublished { lock: Ok(guard), .. }
            | HandOverError::Unknown { lock: Ok(guard), .. }
            | HandOverError::Unheard { lock: Ok(guard) } => guard,
            // The job has arrived, and a worker is at it.
            HandOverError::Unknown { lock: Err(why), .. } | HandOverError::Unheard { lock: Err(why) }
                if why.kind() == ErrorKind::AlreadyAdopted =>
            {
                return Answer::Accepted;
            }
            HandOverError::NotPublished { lock: Err(_), .. }
            | HandOverError::Unknown { lock: Err(_), .. }
            | HandOverError::Unheard { lock: Err(_) } => {
                return Answer::Unavailable;
            }
        };
        // What has failed goes on in the background.
        drop(guard.release().await);
        Answer::Unavailable
    }
}
// ANCHOR_END: desk

impl Answer {
    fn status(self) -> StatusCode {
        match self {
            Self::Accepted => StatusCode::ACCEPTED,
            Self::Taken => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
