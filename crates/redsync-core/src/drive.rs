//! [`Drive`]: carries out what a machine asks for, first for its caller and then in the background.

mod following;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, select};

use self::following::{Following, Telling};
use crate::{
    BoxFuture, Moment,
    call::Call,
    doubt::Ticket,
    few::Few,
    held::{Ending, Held},
    line::Place,
    lookout::Lookout,
    machine::{Action, Event, Machine, NodeSet, RequestId, WaitReason},
    redsync::World,
    wire::Command,
};

/// A machine with its unanswered requests.
///
/// It outlives its caller: when it is dropped, whatever is left to do goes on in the background, and no request
/// that was sent is dropped.
pub(crate) struct Drive<M: Machine + Send + Unpin + 'static> {
    engine: Option<Engine<M>>,
}

impl<M: Machine + Send + Unpin + 'static> Drive<M> {
    pub(crate) fn new(world: Arc<World>, name: Arc<str>, machine: M) -> Self {
        let mut ticket = world.ticket(&name);
        ticket.set(machine.in_doubt());
        let calls = Few::with_capacity(world.seats.len());
        Self {
            engine: Some(Engine {
                world,
                name,
                machine,
                ticket,
                calls,
                timer: None,
                following: None,
                telling: None,
                place: None,
                is_waited_for: true,
                waits_for: WaitReason::Replies,
            }),
        }
    }

    /// The machine's result. To be awaited to its end once, and then not again.
    pub(crate) async fn result(&mut self) -> M::Output {
        self.result_with(None).await
    }

    /// The same, and in its pauses the machine is told when the lock may be free.
    async fn result_with(&mut self, mut lookout: Option<&mut Lookout>) -> M::Output {
        poll_fn(|cx| {
            loop {
                match self.poll_result(cx) {
                    Poll::Ready(Some(result)) => return Poll::Ready(result),
                    // It has been returned before, or the lock was given back, which ends its guard's calls first.
                    Poll::Ready(None) => return Poll::Pending,
                    Poll::Pending => {}
                }
                let pausing = lookout.as_mut().filter(|_| self.is_pausing());
                if pausing.is_none_or(|lookout| lookout.poll_free(self.is_taken(), cx).is_pending()) {
                    return Poll::Pending;
                }
                self.tell(Event::MayBeFree);
            }
        })
        .await
    }

    fn is_pausing(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.waits_for == WaitReason::RetryDelay)
    }

    fn is_taken(&self) -> bool {
        self.machine().is_some_and(M::is_taken)
    }

    /// The machine's result, which it is told to come to when `stop` resolves first. In its pauses it is told when the lock
    /// may be free.
    pub(crate) async fn result_unless(
        &mut self,
        stop: impl Future,
        lookout: Option<&mut Lookout>,
    ) -> M::Output {
        let stopped = {
            let (stop, result) = (pin!(stop), pin!(self.result_with(lookout)));
            match select(stop, result).await {
                Either::Left(_) => None,
                Either::Right((result, _)) => Some(result),
            }
        };
        match stopped {
            Some(result) => result,
            None => {
                // Nobody wants the result, which is there then.
                self.tell(Event::Cancel);
                self.result().await
            }
        }
    }

    /// The machine's result, or `None` when the lock that it follows is given back first.
    pub(crate) async fn result_while_held(&mut self) -> Option<M::Output> {
        poll_fn(|cx| self.poll_result(cx)).await
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Option<M::Output>> {
        let Some(engine) = &mut self.engine else { return Poll::Ready(None) };
        match engine.poll_step(cx) {
            Poll::Ready(Step::Done(result)) => {
                engine.is_waited_for = false;
                Poll::Ready(Some(result))
            }
            // A machine that is idle has been done before.
            Poll::Ready(Step::Idle) => Poll::Ready(None),
            Poll::Pending if !engine.is_waited_for => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Goes on after the result until nothing is left to do, where the caller is a background task itself.
    pub(crate) async fn settled(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.settled().await;
        }
    }

    /// The machine, which only a destructor takes away.
    pub(crate) fn machine(&self) -> Option<&M> {
        self.engine.as_ref().map(|engine| &engine.machine)
    }

    /// The machine's number among those that follow the same lock.
    pub(crate) fn number(&self) -> u64 {
        let engine = self.engine.as_ref();
        engine.and_then(|engine| engine.following.as_ref()).map_or(0, |following| following.number)
    }

    fn tell(&mut self, event: Event) {
        if let Some(engine) = &mut self.engine {
            engine.tell(Some(event));
        }
    }

    /// Leaves this place in the line for its lock once all that there is to send has been sent.
    pub(crate) fn leave(&mut self, place: Option<Place>) {
        if let Some(engine) = &mut self.engine {
            engine.place = place;
        }
    }

    /// Tells those who keep in step with this lock what becomes of the deletes by which it is given back. At some nodes they
    /// are proof of nothing.
    pub(crate) fn tell_of_deletes(&mut self, held: Arc<Held>, unproven: NodeSet) {
        if let Some(engine) = &mut self.engine {
            engine.telling.insert(Telling::new(held, unproven)).tell(&engine.machine);
        }
    }

    /// Keeps in step with this lock from now on: reports the nodes that come to hold it, and tells the machine when
    /// it is given back.
    pub(crate) fn follow(&mut self, held: Arc<Held>) {
        self.follow_as(held.next_number(), held);
    }

    /// The same by a number that was drawn before.
    pub(crate) fn follow_as(&mut self, number: u64, held: Arc<Held>) {
        if let Some(engine) = &mut self.engine {
            let mut state = held.state();
            state.note(&engine.machine, number);
            drop(state);
            engine.following = Some(Following::new(held, number));
        }
    }
}

impl<M: Machine + Send + Unpin + 'static> Drop for Drive<M> {
    fn drop(&mut self) {
        let Some(engine) = &mut self.engine else { return };
        if engine.is_waited_for {
            engine.tell(Some(Event::Cancel));
            engine.is_waited_for = false;
        }
        if engine.leave_result() {
            return;
        }
        if let Some(engine) = self.engine.take() {
            engine.detach();
        }
    }
}

struct Engine<M> {
    world: Arc<World>,
    name: Arc<str>,
    machine: M,
    ticket: Ticket,
    calls: Few<Call>,
    /// When to wake up, and the timer once there is a task to make it in: a destructor makes none, since that
    /// can panic outside of a runtime.
    timer: Option<(Moment, Option<BoxFuture<'static, ()>>)>,
    following: Option<Following>,
    telling: Option<Telling>,
    /// In the line for the lock, to be left.
    place: Option<Place>,
    is_waited_for: bool,
    /// As of the last wait.
    waits_for: WaitReason,
}

/// After so many events other tasks get their turn: where every node fails at once and there is no delay between
/// tries, there is always another event.
const EVENTS_IN_A_ROW: usize = 64;

enum Step<T> {
    Done(T),
    Idle,
}

impl<M: Machine + Send + Unpin + 'static> Engine<M> {
    /// Goes on until the machine is done, idle, or has to wait.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step<M::Output>> {
        for _ in 0..EVENTS_IN_A_ROW {
            match self.carry_out() {
                Some(step) => return Poll::Ready(step),
                None => match self.poll_event(cx) {
                    Poll::Ready(event) => self.tell(event),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Carries out the machine's actions until it waits or there is something to return.
    fn carry_out(&mut self) -> Option<Step<M::Output>> {
        loop {
            match self.machine.poll() {
                Action::Send { id, command } => self.send(id, command),
                Action::Done(result) => return Some(Step::Done(result)),
                Action::Idle => return Some(Step::Idle),
                Action::WaitUntil(at, reason) => {
                    self.waits_for = reason;
                    self.set_timer(at);
                    return None;
                }
            }
        }
    }

    fn send(&mut self, id: RequestId, command: Command) {
        if let Some(seat) = self.world.seats.get(id.node()).map(Arc::clone) {
            self.calls.push(Call::new(id, seat, command, Arc::clone(&self.name)));
        }
    }

    fn set_timer(&mut self, at: Moment) {
        if self.timer.as_ref().is_none_or(|(set, _)| *set != at) {
            self.timer = Some((at, None));
        }
    }

    /// What happens next; `None` where the lock that the machine follows has ended.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(following) = &mut self.following
            && following.poll_ending(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Poll::Ready((id, outcome)) = self.calls.poll_next(cx) {
            // Others have heard of it as well.
            self.place = None;
            return Poll::Ready(Some(Event::Reply { id, outcome }));
        }
        // Each call has been polled by now, and what comes next over its connection is executed after it.
        self.place.as_mut().into_iter().for_each(Place::leave);
        let runtime = &self.world.runtime;
        if let Some((at, timer)) = &mut self.timer
            && timer.get_or_insert_with(|| runtime.sleep_until(*at)).as_mut().poll(cx).is_ready()
        {
            self.timer = None;
            return Poll::Ready(Some(Event::Tick));
        }
        Poll::Pending
    }

    /// Tells the machine what has happened, and before that how the lock that it follows has ended.
    fn tell(&mut self, event: Option<Event>) {
        let now = self.world.runtime.now();
        let ending = self.following.as_ref().and_then(|following| following.held.state().ending());
        tracing::trace!(
            lock = &*self.name,
            machine = M::NAME,
            waits_for = self.waits_for.name(),
            node = event.as_ref().and_then(Event::node).and_then(|node| self.world.label(node)).as_deref(),
            event = event.as_ref().or(ending.and_then(Ending::event).as_ref()).map(Event::name),
            "a call is told",
        );
        if self.is_waited_for && ending.is_some() {
            self.end_call(now);
        }
        match &mut self.following {
            Some(following) if !self.is_waited_for => following.tell(&mut self.machine, event, now),
            Some(following) => {
                // Not under the lock's state, since the machine may call a function of the user's, which is free to
                // ask the guard for its validity. A lock that is given back this very moment misses nothing: what
                // this event tells of was executed before the release was sent.
                event.into_iter().for_each(|event| self.machine.handle(event, now));
                following.report(&self.machine);
            }
            None => event.into_iter().for_each(|event| self.machine.handle(event, now)),
        }
        self.telling.iter_mut().for_each(|telling| telling.tell(&self.machine));
        self.ticket.set(self.machine.in_doubt());
    }

    /// Ends the call before its result: from then on the machine hears that the lock was given back.
    fn end_call(&mut self, now: Moment) {
        self.machine.handle(Event::Cancel, now);
        self.is_waited_for = false;
        self.leave_result();
    }

    /// Carries on past the result, which nobody wants; says whether nothing is left to do.
    fn leave_result(&mut self) -> bool {
        loop {
            match self.carry_out() {
                Some(Step::Done(_)) => {}
                Some(Step::Idle) => return true,
                None => return false,
            }
        }
    }

    /// Goes on in the background.
    fn detach(mut self) {
        let mut running = Some(self.world.tasks.start());
        let runtime = Arc::clone(&self.world.runtime);
        runtime.spawn(Box::pin(async move {
            poll_fn(|cx| {
                let settled = self.poll_settled(cx);
                // A process that ends does not wait for it.
                running = running.take().filter(|_| !self.machine.lingers());
                settled
            })
            .await;
            drop(running);
        }));
    }

    async fn settled(&mut self) {
        poll_fn(|cx| self.poll_settled(cx)).await;
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_step(cx) {
                Poll::Ready(Step::Done(_)) => {}
                Poll::Ready(Step::Idle) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
