//! The alarm of a room thread: one timer wakes all rooms of the thread whose tick is due.
//!
//! Each room runs its own tick in its own actor. A timer per room would be made and dropped at every tick.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use actix::fut::ActorFuture;
use actix::{AsyncContext, Context};
use actix_web::rt;
use futures_util::future::{Either, select};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::clock::Clock;
use super::room::RoomActor;

thread_local! {
    static ALARM: Rc<Alarm> = Rc::default();
}

/// The deadlines of the rooms of a thread.
#[derive(Default)]
struct Alarm {
    deadlines: RefCell<BinaryHeap<Deadline>>,
    /// What the timer waits for: `None` when it waits for any deadline.
    armed: Cell<Option<Instant>>,
    earlier: Notify,
    is_running: Cell<bool>,
}

/// A deadline of a room, which counts unless the room has another one by now.
struct Deadline {
    at: Instant,
    bell: Rc<Ring>,
}

/// What the alarm and one room share.
#[derive(Default)]
struct Ring {
    due: Cell<Option<Instant>>,
    rung: Cell<bool>,
    sleeper: RefCell<Option<Waker>>,
}

/// A room's part of the alarm of its thread.
#[derive(Default)]
pub struct Bell(Rc<Ring>);

impl Bell {
    /// Lets `ctx` poll [`RoomActor::on_alarm`] whenever the bell has rung.
    pub fn hang(&self, ctx: &mut Context<RoomActor>) {
        ctx.spawn(Listening(self.0.clone()));
    }

    /// Rings now, instead of when it would have rung. The timer would be late by a millisecond or two.
    pub fn ring(&self) {
        self.0.ring();
    }

    /// Rings at `at`, instead of when it would have rung.
    pub fn set(&self, at: Instant) {
        ALARM.with(|alarm| {
            alarm.add(&self.0, at);
            if !alarm.is_running.replace(true) {
                rt::spawn(ring(Running(alarm.clone())));
            } else if alarm.armed.get().is_none_or(|armed| at < armed) {
                alarm.earlier.notify_one();
            }
        });
    }
}

impl Ring {
    fn ring(&self) {
        self.due.set(None);
        self.rung.set(true);
        self.sleeper.borrow().iter().for_each(Waker::wake_by_ref);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.due.set(None);
    }
}

/// Runs the room's ticks for as long as it lives.
struct Listening(Rc<Ring>);

impl ActorFuture<RoomActor> for Listening {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        room: &mut RoomActor,
        ctx: &mut Context<RoomActor>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        {
            let mut sleeper = self.0.sleeper.borrow_mut();
            if !sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(task.waker())) {
                *sleeper = Some(task.waker().clone());
            }
        }
        if self.0.rung.replace(false) {
            room.woken(ctx);
        }
        Poll::Pending
    }
}

/// While this lives, deadlines are heeded.
struct Running(Rc<Alarm>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.is_running.set(false);
        self.0.deadlines.borrow_mut().clear();
    }
}

async fn ring(running: Running) {
    let alarm = &running.0;
    loop {
        let next = alarm.ring_due(Clock::instant());
        alarm.armed.set(next);
        let earlier = alarm.earlier.notified();
        match next {
            None => earlier.await,
            Some(next) => match select(pin!(sleep_until(next)), pin!(earlier)).await {
                Either::Left(_) | Either::Right(_) => {}
            },
        }
    }
}

impl Alarm {
    fn add(&self, bell: &Rc<Ring>, at: Instant) {
        bell.due.set(Some(at));
        self.deadlines.borrow_mut().push(Deadline { at, bell: bell.clone() });
    }

    /// Wakes all rooms whose deadline is `now` or was before. Returns the next deadline.
    fn ring_due(&self, now: Instant) -> Option<Instant> {
        let mut deadlines = self.deadlines.borrow_mut();
        while let Some(Deadline { at, bell }) = deadlines.peek() {
            let counts = bell.due.get() == Some(*at);
            if counts && *at > now {
                return Some(*at);
            }
            if counts {
                bell.ring();
            }
            deadlines.pop();
        }
        None
    }
}

/// The earliest is the greatest, as the heap wants it.
impl Ord for Deadline {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Deadline {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn rooms_are_woken_once_when_they_are_due_and_by_their_newest_deadline() {
        let (alarm, now) = (Alarm::default(), Clock::instant());
        let after = |ms: u64| now + Duration::from_millis(ms);
        let rooms = [(); 3].map(|()| (Bell::default(), Arc::<Count>::default()));
        let set = |room: usize, at: Instant| alarm.add(&rooms[room].0.0, at);
        for (bell, count) in &rooms {
            *bell.0.sleeper.borrow_mut() = Some(count.clone().into());
        }
        (0..3).for_each(|room| set(room, after(50 - 10 * room as u64)));
        let woken = || rooms.each_ref().map(|(_, count)| count.0.load(Relaxed));
        assert_eq!((alarm.ring_due(after(29)), woken()), (Some(after(30)), [0, 0, 0]));
        assert_eq!((alarm.ring_due(after(40)), woken()), (Some(after(50)), [0, 1, 1]));
        set(0, after(45));
        set(1, after(90));
        assert_eq!(
            (alarm.ring_due(after(50)), woken()),
            (Some(after(90)), [1, 1, 1]),
            "the deadline at 50 does not count"
        );
        set(0, after(95));
        let [(first, _), rest @ ..] = rooms;
        drop(rest);
        assert_eq!(alarm.ring_due(after(90)), Some(after(95)), "a room that has ended is not woken");
        assert!(first.0.rung.get());
    }
}
