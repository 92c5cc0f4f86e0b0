//! From a release to the next holder's having the lock.

use std::{pin::pin, thread, time::Duration};

use futures_util::future::{Either, LocalBoxFuture, select};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use super::{Workload, block_on};
use crate::{
    BoxError,
    args::Args,
    child::{self, Child, Parent, answer},
    figures::{Row, percentile},
    locker::{Kind, Locker, Visitor},
    machine::now_ns,
    measure::{Contestant, Entry, Setting, Turn, compete},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "d",
    name: "hand-off",
    about: "Two give a lock to each other: from when one begins to release it until the other, who waits for it, has it.",
    run,
};

/// So many times as long as others: there is a pause before each hand-off.
const TURNS: u32 = 4;
/// By when whoever is to have the lock next certainly waits for it.
const SETTLED_IN: Duration = Duration::from_millis(4);
/// After that it is released at any moment, so that those who poll are neither lucky nor unlucky.
const HELD_FOR: Duration = Duration::from_millis(6);

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        for (processes, how) in [(1, "same process"), (2, "two processes")] {
            rows.extend(measure(args, nodes, processes, how)?);
        }
    }
    Ok(rows)
}

fn measure(args: &Args, nodes: usize, processes: usize, how: &'static str) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(nodes)?;
    let mut entries = Vec::new();
    for kind in Kind::WAITING {
        let contestant = Box::new(Pair::meet(kind, &stage.urls(), processes, args.turn * TURNS)?);
        entries.push(Entry { what: kind.name(), floor: Some(kind.waiting_floor().name()), contestant });
    }
    block_on(compete(Setting { workload: WORKLOAD.letter, nodes, how }, args.rounds, entries))
}

/// Two agents, in one process or in two.
struct Pair {
    children: Vec<Child>,
    turn: Duration,
    random: StdRng,
}

impl Pair {
    fn meet(kind: Kind, urls: &[String], processes: usize, turn: Duration) -> Result<Self, BoxError> {
        let part = child::Part::HandOff(Part { kind, urls: urls.to_vec(), agents: 2 / processes });
        let children = (0..processes).map(|_| Child::start(&part)).collect::<Result<Vec<_>, _>>()?;
        let mut pair = Self { children, turn, random: StdRng::seed_from_u64(7) };
        pair.children.iter_mut().try_for_each(Child::hear::<()>)?;
        Ok(pair)
    }

    fn take_turn(&mut self) -> Result<Turn, BoxError> {
        let (mut holder, mut times) = (0, Vec::new());
        self.order(holder, Order::Take)?;
        self.hear(holder)?;
        let begun = now_ns();
        while times.is_empty() || now_ns() - begun < self.turn.as_nanos() as u64 {
            times.push(self.hand_off(holder)?);
            holder = 1 - holder;
        }
        self.order(holder, Order::Give)?;
        self.hear(holder)?;
        times.sort_unstable();
        let figures = vec![
            ("p50 µs", percentile(&times, 50.0)),
            ("p99 µs", percentile(&times, 99.0)),
            ("hand-offs", times.len() as f64),
        ];
        Ok(Turn { figures, times })
    }

    fn hand_off(&mut self, holder: usize) -> Result<Duration, BoxError> {
        let other = 1 - holder;
        self.order(other, Order::Take)?;
        thread::sleep(SETTLED_IN + self.random.random_range(Duration::ZERO..HELD_FOR));
        self.order(holder, Order::Give)?;
        match (self.hear(holder)?, self.hear(other)?) {
            (Answer::Given(from), Answer::Had(to)) | (Answer::Had(to), Answer::Given(from)) if from <= to => {
                Ok(Duration::from_nanos(to - from))
            }
            answers => Err(format!("that is no hand-off: {answers:?}").into()),
        }
    }

    fn order(&mut self, agent: usize, order: Order) -> Result<(), BoxError> {
        let processes = self.children.len();
        // In one process the second agent is the second there; in two it is the first of the other.
        self.child(agent)?.order(&(agent / processes, order))
    }

    fn hear(&mut self, agent: usize) -> Result<Answer, BoxError> {
        self.child(agent)?.hear()
    }

    fn child(&mut self, agent: usize) -> Result<&mut Child, BoxError> {
        let processes = self.children.len();
        self.children.get_mut(agent % processes).ok_or_else(|| "no such child".into())
    }
}

impl Contestant for Pair {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(async { self.take_turn() })
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Order {
    Take,
    Give,
}

/// When an order was carried out.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    /// It has the lock.
    Had(u64),
    /// It began to release the lock.
    Given(u64),
}

/// The agents of one process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    kind: Kind,
    urls: Vec<String>,
    agents: usize,
}

impl Part {
    pub(crate) async fn play(self, parent: Parent) -> Result<(), BoxError> {
        let lock = format!("handed on by {}", self.kind.name());
        self.kind.visit(&self.urls, Agents { count: self.agents, lock, parent }).await
    }
}

struct Agents {
    count: usize,
    lock: String,
    parent: Parent,
}

impl Visitor for Agents {
    type Output = ();

    async fn visit<L: Locker>(mut self, locker: L) -> Result<(), BoxError> {
        let lock = locker.named(&self.lock).await?;
        locker.give(locker.take(&lock).await?).await?;
        let (mut orders, mut agents) = (Vec::new(), JoinSet::new());
        for _ in 0..self.count {
            let (send, receive) = unbounded_channel();
            agents.spawn(act(locker.clone(), lock.clone(), receive));
            orders.push(send);
        }
        answer(&())?;
        // An agent that fails ends the child, and its parent hears nothing more.
        match select(pin!(pass_on(&mut self.parent, &orders)), pin!(agents.join_next())).await {
            Either::Left((passed_on, _)) => passed_on,
            Either::Right((ended, _)) => ended.unwrap_or(Ok(Ok(())))?,
        }
    }
}

async fn pass_on(parent: &mut Parent, orders: &[UnboundedSender<Order>]) -> Result<(), BoxError> {
    while let Some((agent, order)) = parent.order::<(usize, Order)>().await? {
        orders.get(agent).ok_or("no such agent")?.send(order)?;
    }
    Ok(())
}

async fn act<L: Locker>(
    locker: L,
    lock: L::Lock,
    mut orders: UnboundedReceiver<Order>,
) -> Result<(), BoxError> {
    let mut held = None;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Take => {
                held = Some(locker.take(&lock).await?);
                answer(&Answer::Had(now_ns()))?;
            }
            Order::Give => {
                let (held, at) = (held.take().ok_or("it has no lock to give")?, now_ns());
                locker.give(held).await?;
                answer(&Answer::Given(at))?;
            }
        }
    }
    Ok(())
}
