//! One task takes a lock and releases it, with nobody else there.

use futures_util::future::{LocalBoxFuture, join_all};
use redis::aio::MultiplexedConnection;
use redsync_redis_rs::{Mutex, wire::Script};

use super::TTL;
use crate::{
    BoxError,
    args::Args,
    measure::{Contestant, Figures, compete},
    stage::Stage,
};

pub(crate) async fn run(args: &Args, nodes: usize) -> Result<Vec<Figures>, BoxError> {
    let stage = Stage::with(nodes)?;
    let mut floor = Bare { connections: stage.bare().await?, count: 0 };
    floor.load_script().await?;
    let mut lock = Lock(stage.redsync().await?.mutex("alone").ttl(TTL));
    compete(args, &mut [&mut floor, &mut lock]).await
}

/// `SET NX PX` and a compare-and-delete at every node at once: what nobody can do without.
struct Bare {
    connections: Vec<MultiplexedConnection>,
    count: u64,
}

impl Bare {
    async fn load_script(&mut self) -> Result<(), BoxError> {
        for connection in &mut self.connections {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(Script::RELEASE.text()).query_async::<()>(connection).await?;
        }
        Ok(())
    }
}

impl Contestant for Bare {
    fn name(&self) -> &'static str {
        "bare commands"
    }

    fn once(&mut self) -> LocalBoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            self.count += 1;
            // As long as a value of ours.
            let value = format!("{:032x}", self.count);
            let set = |connection: &MultiplexedConnection| {
                let (mut connection, value) = (connection.clone(), value.clone());
                async move {
                    let mut set = redis::cmd("SET");
                    set.arg("bare").arg(value).arg("NX").arg("PX").arg(8000);
                    set.query_async::<bool>(&mut connection).await
                }
            };
            for set in join_all(self.connections.iter().map(set)).await {
                if !set? {
                    return Err("somebody else has it".into());
                }
            }
            let delete = |connection: &MultiplexedConnection| {
                let (mut connection, value) = (connection.clone(), value.clone());
                async move {
                    let mut delete = redis::cmd("EVALSHA");
                    delete.arg(Script::RELEASE.sha1()).arg(1).arg("bare").arg(value);
                    delete.query_async::<i64>(&mut connection).await
                }
            };
            for deleted in join_all(self.connections.iter().map(delete)).await {
                if deleted? != 1 {
                    return Err("it was gone".into());
                }
            }
            Ok(())
        })
    }
}

/// The same by a lock.
pub(super) struct Lock(pub(super) Mutex);

impl Contestant for Lock {
    fn name(&self) -> &'static str {
        "lock + release"
    }

    fn once(&mut self) -> LocalBoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            self.0.lock().await?.release().await?;
            Ok(())
        })
    }
}
