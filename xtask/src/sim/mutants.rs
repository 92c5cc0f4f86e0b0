//! [`MUTANTS`]: faults that are put into the core on purpose, to see that the simulation finds them.

/// A fault, as edits of the source.
pub(super) struct Mutant {
    pub(super) name: &'static str,
    /// Whose library has or had it, where it is known from one.
    pub(super) seen_in: &'static str,
    /// The search of the explorer that finds it, where it is a fault of the protocol.
    pub(super) search: &'static str,
    /// Whether simulated worlds find it as well. What can only happen between two polls of one future never does there, and
    /// what takes several rare things at once too rarely.
    pub(super) is_in_worlds: bool,
    pub(super) edits: &'static [Edit],
}

/// Replaces a text that stands in a file once.
pub(super) struct Edit {
    pub(super) file: &'static str,
    pub(super) find: &'static str,
    pub(super) replace: &'static str,
}

const ACQUIRE: &str = "crates/redsync-core/src/machine/acquire.rs";
const ATTEMPT: &str = "crates/redsync-core/src/machine/attempt.rs";
const EXTEND: &str = "crates/redsync-core/src/machine/extend.rs";
const RELEASE: &str = "crates/redsync-core/src/machine/release.rs";
const SWEEP: &str = "crates/redsync-core/src/machine/sweep.rs";
const QUORUM: &str = "crates/redsync-core/src/machine/quorum.rs";
const LEASE: &str = "crates/redsync-core/src/machine/lease.rs";
const VALUES: &str = "crates/redsync-core/src/machine/values.rs";
const COMMAND: &str = "crates/redsync-core/src/wire/command.rs";
const DRIVE: &str = "crates/redsync-core/src/drive.rs";
const DOUBT: &str = "crates/redsync-core/src/doubt.rs";
const GUARD: &str = "crates/redsync-core/src/guard.rs";
const HELD: &str = "crates/redsync-core/src/held.rs";
const CALL: &str = "crates/redsync-core/src/call.rs";
const ERROR: &str = "crates/redsync-core/src/error.rs";
const REPLY: &str = "crates/redsync-core/src/wire/reply.rs";
const NATIVE: &str = "crates/redsync-core/src/wire/native.rs";
const REDSYNC: &str = "crates/redsync-core/src/redsync.rs";
const BACKGROUND: &str = "crates/redsync-core/src/background.rs";
const OPTIONS: &str = "crates/redsync-core/src/options.rs";
const TARGET: &str = "crates/redsync-core/src/target.rs";
const TRANSFER: &str = "crates/redsync-core/src/machine/transfer.rs";
const BLAME: &str = "crates/redsync-core/src/machine/transfer/blame.rs";
const ROTATION: &str = "crates/redsync-core/src/machine/rotation.rs";
const FENCING: &str = "crates/redsync-core/src/machine/fencing.rs";
const TASK: &str = "crates/redsync-core/src/machine/task.rs";
/// What servers do, as the simulation and the explorer know it.
const SERVER: &str = "crates/redsync-testkit/src/memory/scripts.rs";
const FENCED_SERVER: &str = "crates/redsync-testkit/src/memory/scripts/fenced.rs";
const NODE: &str = "explorer/src/world/node.rs";
const TERMS: &str = "crates/redsync-core/src/renew/terms.rs";
const KEEP: &str = "crates/redsync-core/src/renew/keep.rs";
const RENEWED: &str = "crates/redsync-core/src/renew/lock.rs";
const WATCH: &str = "crates/redsync-core/src/renew/watch.rs";
const PLAN: &str = "crates/redsync-core/src/plan.rs";
const PROPOSAL: &str = "crates/redsync-core/src/machine/proposal.rs";
const HAND_OVER: &str = "crates/redsync-core/src/hand_over.rs";

macro_rules! mutants {
    ($($name:literal $(($seen_in:literal))? $([$search:literal])? $(only $only:literal)?: $($file:ident: $find:literal => $replace:literal),+;)+) => {
        &[$(Mutant {
            name: $name,
            seen_in: concat!($($seen_in)?),
            search: concat!($($search)? $($only)?),
            is_in_worlds: concat!($($only)?).is_empty(),
            edits: &[$(Edit { file: $file, find: $find, replace: $replace }),+],
        }),+]
    };
}

/// All of them.
pub(super) const MUTANTS: &[Mutant] = mutants! {

    "quorum minus one" ["solo-exact-extend"]:
        QUORUM: "if tally.granted >= self.needed {" => "if tally.granted + 1 >= self.needed {";
    "all nodes needed" ("redlock 2.0") ["alone"]:
        QUORUM: "if tally.granted >= self.needed {" => "if tally.granted >= self.nodes {";
    "no drift allowance":
        LEASE: "ttl.saturating_sub(ttl.mul_f64(self.0)).saturating_sub(Self::FIXED)" => "ttl";
    "no elapsed time subtracted":
        ACQUIRE: "            valid_until: current.valid_until,\n"
            => "            valid_until: now.plus(self.plan.drift.validity(self.plan.ttl)),\n";
    "validity of an extension from the receive time":
        EXTEND: "let valid_until = round.sent_at.plus(" => "let valid_until = now.plus(";
    "granted after its validity" ("redlock 2.0, node-redlock"):
        ACQUIRE: "Verdict::Won if now < current.valid_until =>" => "Verdict::Won if true =>";
    "a refusal taken for a grant" ("redisson-rs"):
        REPLY: "Reply::Nil => Some(Outcome::Refused(Refusal::Taken))," => "Reply::Nil => Some(Outcome::GRANTED),";
    "the chosen value is ignored" ("go-redsync"):
        PLAN: "exact: settings.exact.clone()," => "exact: None,";
    "milliseconds sent as seconds" ("redis-lock"):
        COMMAND: "number(ttl.as_millis()),\n            ]),\n            Self::Release"
            => "number(ttl.as_millis() * 1000),\n            ]),\n            Self::Release";
    "no clean-up after a failed acquire" ("distributed-lock-redis") ["solo-exact"]:
        ATTEMPT: "        for node in self.round.granted().union(doubtful).iter() {\n            self.undo.want(node);\n        }\n"
            => "        let _ = doubtful;\n";
    "clean-up attached to the caller" ("go-redsync, rslock"):
        DRIVE: "            engine.detach();\n" => "            drop(engine);\n";
    "only definite grants undone" ("async-redis-lock") ["pair-lost"]:
        ATTEMPT: "let doubtful = if self.exact { NodeSet::EMPTY } else { self.round.doubtful() };"
            => "let doubtful = NodeSet::EMPTY;",
        ATTEMPT: "Outcome::Unknown(_) if !self.exact => self.undo.want(node)," => "";
    "a late grant is left" ("go-redsync") ["mixed"]:
        ATTEMPT: "Outcome::Granted(_) | Outcome::Revived => self.undo.want(node),"
            => "Outcome::Granted(_) | Outcome::Revived => {}";
    "a late grant is left to a release that came too early" ["mixed"]:
        ATTEMPT: "judged.without(deletes.done).iter()" => "judged.without(judged).iter()";
    "what the release has found taken for what an earlier round set" only "retry":
        ATTEMPT: "self.given_back |= !std::mem::replace(&mut self.abandoned, true);"
            => "(self.abandoned, self.given_back) = (true, true);";
    "what was set anew taken for what comes late" only "solo":
        RELEASE: "done: self.done.without(nodes)" => "done: { let _ = nodes; self.done }";
    "the order of unanswered requests relied on" ("go-redsync") ["mixed"]:
        SWEEP: "Stage::Sent { again, .. } => *again = true," => "Stage::Sent { .. } => {}";
    "a delete not sent again":
        SWEEP: "            (Stage::Rest, Answer::Failed(_)) => true,\n" => "",
        SWEEP: "            (Stage::Rest, Answer::Unknown(_)) => self.resend.after_lost_reply,\n" => "";
    "one value for all rounds" ("go-redsync, rslock") ["retry"]:
        VALUES: "return Ok((value.clone(), true));" => "return Ok((value.clone(), self.ahead.is_none()));",
        VALUES: "        if !self.is_fresh {\n"
            => "        if self.is_fresh {\n            self.fixed = Some(value.clone());\n            self.ahead = Some(value.clone());\n        } else {\n";
    "refused nodes deleted under a fixed value" ("go-redsync") ["exact"]:
        ATTEMPT: "for node in self.round.granted().union(doubtful).iter() {"
            => "for node in self.round.granted().union(doubtful).union(self.round.refused()).iter() {";
    "unanswered nodes undone under a fixed value" ["solo-exact"]:
        ATTEMPT: "let doubtful = if self.exact { NodeSet::EMPTY } else { self.round.doubtful() };"
            => "let doubtful = self.round.doubtful();";
    "a fixed value that stands there taken for ours" ["solo-exact"]:
        ATTEMPT: "Outcome::Refused(Refusal::SameValue) if !self.exact => Outcome::GRANTED,"
            => "Outcome::Refused(Refusal::SameValue) => Outcome::GRANTED,";
    "the delete of a fixed value sent again after a lost reply" ["solo-exact"]:
        SWEEP: "Self { after_lost_reply: false, after_rivals: false, until: Some(end) }"
            => "Self { after_lost_reply: true, after_rivals: false, until: Some(end) }";
    "a fixed value released after its validity":
        TARGET: "(true, Some(end)) => Resend::once_until(end.minus(node_timeout))," => "(true, Some(_)) => Resend::ONCE,";
    "a fixed value released at every node":
        HELD: "let nodes = if exact { state.nodes } else { all };" => "let nodes = all;";
    "doubts about a fixed value forgotten":
        DOUBT: "same.fold(NodeSet::EMPTY, |nodes, doubt| nodes.union(doubt.nodes))"
            => "same.fold(NodeSet::EMPTY, |nodes, _| nodes)";
    "a function that repeats itself taken for a generator":
        VALUES: "self.repeats |= self.ahead.as_ref() == Some(&value) || is_used(&value);"
            => "let _ = is_used(&value);";
    "a failed extension deletes the lock" ("rslock") ["solo"]:
        EXTEND: "        let answers = self.rounds.last().map(Round::answers).unwrap_or_default();\n"
            => "        let answers = self.rounds.last().map(Round::answers).unwrap_or_default();\n        self.plan.asked.iter().for_each(|node| self.undo.want(node));\n";
    "an extension's quorum over the granting nodes only" ("distributed-lock-redis"):
        HELD: "let target = Target { valid_until: Some(state.valid_until()), number, ..self.target(&state, all) };"
            => "let nodes = state.nodes;\n        let target = Target { valid_until: Some(state.valid_until()), number, nodes, ..self.target(&state, all) };",
        EXTEND: "self.plan.quorum.verdict(round.tally())"
            => "super::Quorum::majority(self.plan.asked.len()).unwrap_or(self.plan.quorum).verdict(round.tally())";
    "an extension counts after the validity":
        PLAN: "valid_until: target.valid_until," => "valid_until: None,",
        HELD: "let is_held = state.valid_until > now && " => "let is_held = state.valid_until > Moment::default() && ";
    "a guard past its validity still called valid":
        GUARD: "!self.valid_for().is_zero()" => "self.held.valid_until() > Moment::default()";
    "a lost lock valid again after an extension":
        HELD: "let is_held = state.valid_until > now && " => "let is_held = state.valid_until >= Moment::default() && ";
    "an extension takes one refusal for the loss of the lock":
        EXTEND: "self.plan.asked.len().saturating_sub(refused) < self.plan.quorum.needed()" => "refused > 0";
    "what an extension set after the release is left":
        EXTEND: "if self.given_back && self.sets_anew() && may_have_revived {"
            => "if self.given_back && self.plan.exact && may_have_revived {";
    "an extension's clean-up makes the lock look gone" only "solo":
        HELD: "self.undoing.iter().fold(NodeSet::EMPTY, |nodes, (_, more)| nodes.union(*more))"
            => "self.undoing.iter().fold(NodeSet::EMPTY, |nodes, _| nodes)";
    "a release judged over all nodes" ("a design"):
        RELEASE: "if held >= needed {" => "if held >= self.plan.quorum.nodes() {";
    "a missing key after a lost reply called gone":
        SWEEP: "(Answer::Refused(_), true) => Found::GoneNow," => "(Answer::Refused(_), true) => Found::NotHeld,";
    "a guard that is being released still called valid":
        HELD: "if self.ending.is_some() { Moment::default() } else { self.valid_until }" => "self.valid_until";
    "a late node not told of the release" ["mixed"]:
        ACQUIRE: "                self.attempts.iter_mut().for_each(Attempt::abandon_late_grants);\n" => "";
    "no end to waiting for replies":
        ACQUIRE: "Phase::Asking { until } if until <= now || call_is_over => self.decide(now, true),"
            => "Phase::Asking { until } if until <= now => self.decide(now, false),";
    "a lease that nobody has seen is forgotten" only "solo-exact":
        ACQUIRE: "let is_current = matches!(self.phase, Phase::Asking { .. }) || matches!(self.result, Some(Ok(_)));"
            => "let is_current = matches!(self.phase, Phase::Asking { .. });";
    "a dropped extension taken for a lock given back" only "solo":
        EXTEND: "            Phase::Settling { .. } if self.result.is_some() => {}\n" => "";
    "a failed release that nobody has seen is left" only "solo-exact-extend":
        RELEASE: "Event::Cancel if matches!(self.result, Some(Err(_))) => self.sweep.take_back()," => "";
    "a fixed value's delete that fails late is left" only "exact":
        RELEASE: "self.sweep.leave(not_deleted);" => "self.sweep.leave(NodeSet::first(64));";
    "every node waited for" ("go-redsync, rslock"):
        ACQUIRE: "if self.plan.wait_for_all && tally.open > 0 && !time_is_over {" => "if tally.open > 0 && !time_is_over {";
    "what an extension that was sent twice set after the release is left":
        EXTEND: "revived || has_replaced || doubtful || granted && self.plan.may_repeat.contains(id.node())"
            => "revived || has_replaced || doubtful";
    "a rejection believed where requests are sent twice":
        CALL: "as_certain_as(self.seat.node().delivery(), outcome)" => "outcome";
    "the validity is that of the extension which is done last":
        HELD: "state.valid_until = state.valid_until.max(valid_until);" => "state.valid_until = valid_until;";
    "an extension does not wait to know that the lock is lost":
        EXTEND: "&& self.may_prove_loss() => {}" => "&& self.tries == 0 => {}";
    "a release waits for what can make nothing certain":
        RELEASE: "if self.is_free() && !may_be_judged {" => "if self.is_free() && !may_be_judged && self.tries == 0 {";
    "a release that tries nearly twice as often as it may":
        RELEASE: "if self.tries >= self.plan.tries ||" => "if self.tries + 1 >= 2 * self.plan.tries ||";
    "a delete that was not sent taken for one that may have been":
        SWEEP: "matches!((&cell.stage, &cell.last), (Stage::Rest, Answer::Failed(_))) && !cell.lost_reply"
            => "matches!((&cell.stage, &cell.last), (Stage::Rest, Answer::Failed(_))) && !cell.lost_reply && !cell.may_be_deleted";
    "a fixed value locked out by a release that failed":
        SWEEP: "(Stage::Rest, Answer::Failed(_)) if cell.is_left && !cell.lost_reply => false," => "";
    "nothing deleted taken for a delete":
        NATIVE: "Reply::Integer(0) => Ok(None)," => "Reply::Integer(0) => Ok(Some(Outcome::GRANTED)),";
    "any error taken for a missing command" ("redlock4j, redis-py"):
        CALL: "if error.is_without_command() {" => "if true {";
    "a server that cannot tell its command taken for a broken one":
        NATIVE: "-1 => None," => "-1 => return Err(NodeError::unexpected(reply)),";
    "a TTL that an extension shortens" ("a design"):
        SERVER: "if (pttl(keyspace, scope.key, scope.now) as f64) < to_number(ttl)? {" => "if to_number(ttl)? > 0.0 {";
    "validity by the wall clock" ("rueidislock"):
        REDSYNC: "Builder { runtime, nodes: Vec::new(), quorum: None }"
            => "Builder { runtime: Arc::new(ByTheWall(runtime)), nodes: Vec::new(), quorum: None }",
        REDSYNC: "/// What all locks of one [`Redsync`] share.\n" => "struct ByTheWall(Arc<dyn Runtime>);\n
impl Runtime for ByTheWall {
    fn now(&self) -> crate::Moment {
        let since = self.0.wall_clock().duration_since(std::time::SystemTime::UNIX_EPOCH);
        crate::Moment::from_origin(since.unwrap_or_default())
    }
    fn sleep_until(&self, at: crate::Moment) -> crate::BoxFuture<'static, ()> {
        self.0.sleep_until(self.0.now().plus(at.since(self.now())))
    }
    fn spawn(&self, task: crate::BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
    fn wall_clock(&self) -> std::time::SystemTime {
        self.0.wall_clock()
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
}
";
    "the chosen quorum is ignored":
        REDSYNC: "Some(needed) => Quorum::new(nodes, needed).ok_or(InvalidOption::Quorum { needed, nodes })?,"
            => "Some(_) => majority,";
    "who waits is not told of the shutdown":
        REDSYNC: "        self.world.closing.notify(usize::MAX);\n" => "";
    "settled while something goes on":
        BACKGROUND: "if self.running.load(Ordering::SeqCst) == 0 {" => "if self.running.load(Ordering::SeqCst) < 2 {";
    "a lock that is taken called unreachable":
        ERROR: "if !quorum.is_blocked_by(refusals.count()) {" => "if refusals.count() < 64 {";
    "the same value taken for a rival's":
        ERROR: "} else if quorum.is_blocked_by(by_same_value.count()) {" => "} else if by_same_value.count() > 64 {";
    "a value that is not needed yet has to be there":
        VALUES: "self.ahead = self.source.value().ok();" => "self.ahead = Some(self.source.value()?);";
    "set back the wrong way round" only "adopt":
        ROTATION: "SetBack::new(turn.to.clone(), turn.from.clone()," => "SetBack::new(turn.from.clone(), turn.to.clone(),";
    "what comes late to an adopter that has released is left" only "adopt":
        TRANSFER: "        self.rotations.iter_mut().for_each(|rotation| rotation.remove(resend));\n        self.rotations.last_mut().into_iter().for_each(Rotation::undo_late_grants);\n"
            => "        self.rotations.iter_mut().for_each(|rotation| rotation.remove(resend));\n";
    "what a rival sets back after the release stays" only "adopt":
        TASK: "matches!(self, Self::Delete { former: Some(_), .. })" => "matches!(self, Self::Delete { former: None, .. })";
    "a lock that is handed back goes on without a word to its followers" only "adopt-return":
        HELD: "Self::HandedBack => Some(machine::Event::HandedBack)," => "Self::HandedBack => None,";
    "an adoption that nobody has seen is left" only "adopt-drop":
        TRANSFER: "            Phase::Settling { .. } if matches!(self.result, Some(Ok(_))) => {\n"
            => "            Phase::Settling { .. } if matches!(self.result, Some(Ok(_))) && self.tries == 0 => {\n";
    "a node that missed the handing back keeps the adopted value" only "adopt-fault":
        TRANSFER: "            current.finish();\n" => "";
    "a late extension of a lock that was handed back deletes the token's value" only "adopt-extend":
        EXTEND: "Event::HandedBack => self.on_end(self.plan.set_back(), now),"
            => "Event::HandedBack => {\n                let until = now.plus(self.plan.ttl.as_duration());\n                let former = self.plan.former.clone().map(|value| super::Former { value, until, lasting: NodeSet::EMPTY });\n                self.on_end(Task::Delete { value: self.plan.value.clone(), former }, now)\n            }";
    "an extension does not tell what it has replaced" only "adopt-extend":
        NODE: "left.map_or(Reply::Revived, |left| Reply::Told { fence: None, left: Some(left) })" => "Reply::Revived",
        FENCED_SERVER: "Ok(if is_missing { Reply::Integer(2) } else { numbers([3, left]) })" => "Ok(if is_missing || left != 0 { Reply::Integer(2) } else { numbers([3, left]) })";
    "adopted after its validity" ["adopt-ticks"]:
        TRANSFER: "Verdict::Won if now >= current.valid_until => self.lose(now)," => "";
    "a counter that could not be raised counts" only "fence-stale":
        FENCING: "        cell.stands = None;\n" => "        cell.stands = self.highest;\n";
    "an adoption draws no number of its own" only "fence-adopt":
        NODE: "            let fence = proposal.map(|proposal| self.draw(proposal));\n            self.key = Some(to);" => "            let fence = proposal.map(|_| self.counter);\n            self.key = Some(to);",
        FENCED_SERVER: "        stands if stands > 0 && !is_new => stands," => "        stands if stands > 0 || is_new => stands,";
    "the deadline is not kept":
        OPTIONS: "deadline: self.deadline," => "deadline: None,";
    // Locks that change hands.
    "a rotation that does not compare" ["adopt"]:
        NODE: "        if is_from {\n" => "        if self.key.is_some() {\n",
        FENCED_SERVER: "    let (is_from, is_to) = (held == scope.value, held == to);\n"
            => "    let is_to = held == to;\n    let is_from = !is_to;\n";
    "the same new value once more after it was set back" ["adopt-bare"]:
        TRANSFER: "        let to = self.plan.to.clone();\n"
            => "        let last = self.rotations.last().map(|rotation| rotation.value().clone());\n        let to = self.plan.to.clone().or(last);\n";
    "grants of a value that was given up counted" ["adopt-bare"]:
        TRANSFER: "match self.plan.quorum.verdict(current.tally()) {"
            => "let all = self.rotations.iter().fold(NodeSet::EMPTY, |all, rotation| all.union(rotation.granted()));\n        match self.plan.quorum.verdict(super::Tally { granted: all.len(), ..current.tally() }) {";
    "a late grant of a value that was given up is left" ["adopt"]:
        ROTATION: "Outcome::Granted(_) | Outcome::Revived | Outcome::Unknown(_) => self.undo.want(node),"
            => "Outcome::Granted(_) | Outcome::Revived | Outcome::Unknown(_) => {}";
    "what was rotated for nothing is not set back" ["adopt"]:
        ROTATION: "self.may_hold().without(waited_for).iter().for_each(|node| self.undo.want(node));" => "let _ = waited_for;";
    "a counter above the fence counts towards it" only "fence-stale-three":
        FENCING: "cell.stands.is_some() && cell.stands == self.highest"
            => "cell.stands.is_some() && cell.stands >= self.cells.iter().filter_map(|cell| cell.raising.map(|(_, to)| Some(to))).min().unwrap_or(self.highest)";
    "a counter raised under somebody else's value" only "fence-stale":
        NODE: "            What::Raise if is_same => {\n" => "            What::Raise => {\n",
        FENCED_SERVER: "        Some(held) if held != scope.value => Ok(numbers([0])),\n" => "";
    "the highest number that was drawn is the fence" ["fence"]:
        FENCING: "cell.stands.is_some() && cell.stands == self.highest" => "cell.stands.is_some()";
    "fences by the clocks alone":
        FENCED_SERVER: "Ok((counter(keyspace, scope)? + 1).max(" => "Ok(1.max(";
    "a fence as old as the call":
        PROPOSAL: "self.first.saturating_add(elapsed)" => "self.first.saturating_add(elapsed.min(0))";
    "an adoption without a fence":
        PLAN: "counting: token.fence().map_or(Counting::Off, |fence| Counting::Draw(self.proposal(fence)))," => "counting: Counting::Off,";
    "an extension that comes late cuts the TTL back" ["hand-over"]:
        NODE: "Key { ends: at.ends.max(ends), ..at }" => "Key { ends, ..at }",
        SERVER: "    if (pttl(keyspace, scope.key, scope.now) as f64) < to_number(ttl)? {\n" => "    if to_number(ttl)? > 0.0 {\n";
    "a hand-over with the TTL of the lock":
        HAND_OVER: "ExtendPlan { ttl: wait, revive: false, " => "ExtendPlan { revive: false, ";
    "a hand-over that does not fill":
        HAND_OVER: "let fills = !self.held.exact;" => "let fills = false;";
    "a hand-over that brings a lost lock back":
        EXTEND: "!self.plan.revive && self.plan.quorum.may_be_rivals(known, refused)" => "self.plan.revive && self.plan.quorum.may_be_rivals(known, refused)";
    "a hand-over that outlasts the validity":
        EXTEND: "self.is_in_time |= verdict == Verdict::Won && !self.is_expired(now);"
            => "self.is_in_time = verdict == Verdict::Won && !self.is_expired(now);";
    "what was handed over is released":
        HAND_OVER: "                self.releases_on_drop = false;\n                tracing::debug!(lock = self.name(), \"handed over\");\n" => "                tracing::debug!(lock = self.name(), \"handed over\");\n";
    "a guard valid that is handed back" ["adopt-return"]:
        HELD: "        state.ending = Some(Ending::HandedBack);\n" => "";
    "what may have been handed back called gone":
        HELD: "Some(Ending::HandedBack) => nodes," => "Some(Ending::HandedBack) => state.may_be_undone(),";
    "a hand-back takes its late grants for good":
        TRANSFER: "            self.is_given_back = true;\n            self.rotations.last_mut().into_iter().for_each(Rotation::undo_late_grants);\n            self.phase"
            => "            self.is_given_back = true;\n            self.phase";
    "only the new value released" ["adopt-fault"]:
        RELEASE: "former: plan.former.clone() };" => "former: None };";
    "validity of an adoption from the receive time" ["adopt-ticks"]:
        TRANSFER: "            valid_until: current.valid_until,\n" => "            valid_until: now.plus(self.plan.drift.validity(self.plan.ttl)),\n";
    "nobody makes room":
        TRANSFER: "if blame.is_contended() && self.plan.to.is_none() {" => "if blame.is_contended() && self.tries == 0 {";
    "a used-up token costs the time of a server that hangs":
        TRANSFER: "current.tally().open > 0 && blame.for_good().is_none() && !makes_room" => "current.tally().open > 0 && !makes_room";
    "a loss told by replies only":
        TERMS: "let end = valid_until.minus(self.margin);" => "let end = valid_until.max(now).plus(Duration::from_secs(3600));";
    "no time to stop in before a loss":
        TERMS: "let end = valid_until.minus(self.margin);" => "let end = valid_until;";
    "work is not stopped when the lock is lost":
        KEEP: "return Poll::Ready(Err(LostError::new(self.watch.name(), loss)));" => "let _ = loss;";
    "a renewal that never begins":
        TERMS: "lead: validity.saturating_sub(pace)," => "lead: pace.saturating_sub(validity),";
    "a renewal that outlives its guard":
        WATCH: "        self.held.part();\n        if let Some((id, _)) = self.entry.get() {\n            self.world.with_book(|book| book.forget(*id, self.tasks()));\n        }\n" => "";
    "a renewal that brings back what was deleted":
        RENEWED: "            extend_tries: 1,\n" => "            extend_tries: 1,\n            revive: true,\n";
    "an expired guard hands back to any token":
        HAND_OVER: "if !self.held.can_go_back(self.world.runtime.now()) {" => "if self.name().is_empty() {";
    "who comes after his validity deletes a token that waits":
        TASK: "((is_first && now < self.until) || self.lasting.contains(node))" => "(is_first || self.lasting.contains(node))";
    "who adopts what was handed back without a word is taken for a rival":
        TARGET: "            (false, _) if self.may_be_anothers => Resend::GIVEN_BACK,\n" => "";
    "what is not set back yet is taken for a rival's":
        TRANSFER: "self.ours = earlier.iter().fold(NodeSet::EMPTY, |nodes, rotation| nodes.union(rotation.in_doubt()));" => "self.ours = NodeSet::first(earlier.len()).without(NodeSet::first(64));";
    "who has no node yet is taken for late":
        BLAME: "ours == 0 && (self.adopted >= self.quorum.needed() || may_be_ours == 0)" => "ours == self.not_back";
    "another delivery taken for a stranger":
        FENCED_SERVER: "if lineage_of(held) == Some(lineage) { 3 } else { 0 }" => "if lineage_of(held) == Some(lineage) { 0 } else { 0 }";
};

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::command::root;

    #[test]
    fn every_edit_fits_in_one_place_and_changes_it() {
        for Mutant { name, edits, .. } in MUTANTS {
            for Edit { file, find, replace } in *edits {
                let text = fs::read_to_string(root().join(file)).unwrap();
                assert_eq!(text.matches(find).count(), 1, "{name}: in {file}: {find}");
                assert_ne!(find, replace, "{name}");
            }
        }
    }
}
