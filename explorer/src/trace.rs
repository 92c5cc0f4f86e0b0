//! A way through the worlds, in words.

use crate::{
    arena::Arena,
    client::Input,
    message::{Leg, Message, Reply, Request, What, is_of_lineage, round_of},
    world::{Happening, Renamed, World},
};

/// Goes the way again from the first world and tells it: each choice is one of what can happen, and `last` comes at the end.
pub(crate) fn tell(arena: &mut Arena<'_>, choices: &[usize], last: Option<Happening>) -> Vec<String> {
    let mut world = World::first(arena);
    let mut names = Names(Renamed {
        clients: std::array::from_fn(|client| client),
        nodes: std::array::from_fn(|node| node),
    });
    let mut lines = Vec::new();
    let mut happenings = Vec::new();
    for choice in choices {
        world.happenings(arena, &mut happenings);
        let Some(happening) = happenings.get(*choice) else { break };
        lines.push(line(&world, &names, *happening));
        world.happen(*happening, arena);
        names = names.after(world.settle(arena));
    }
    lines.extend(last.map(|happening| line(&world, &names, happening)));
    lines
}

/// What clients and nodes were called at first.
struct Names(Renamed);

impl Names {
    fn after(self, renamed: Renamed) -> Self {
        let Renamed { clients, nodes } = self.0;
        Self(Renamed {
            clients: renamed.clients.map(|before| clients.get(before).copied().unwrap_or(before)),
            nodes: renamed.nodes.map(|before| nodes.get(before).copied().unwrap_or(before)),
        })
    }

    fn client(&self, place: usize) -> char {
        let client = self.0.clients.get(place).copied().unwrap_or(place);
        "ABC".chars().nth(client).unwrap_or('?')
    }

    fn node(&self, place: usize) -> usize {
        self.0.nodes.get(place).copied().unwrap_or(place)
    }
}

fn line(world: &World, names: &Names, happening: Happening) -> String {
    let told =
        |index: usize| world.network.get(index).map_or_else(String::new, |message| about(message, names));
    match happening {
        Happening::Input { client, input } => format!("{}: {}", names.client(client), input_words(input)),
        Happening::Execute(index) => format!("{} is executed", told(index)),
        Happening::Deliver { message, cancelled: false } => format!("{} arrives", told(message)),
        Happening::Deliver { message, cancelled: true } => {
            format!("{} arrives, and the call is cancelled before its result is seen", told(message))
        }
        Happening::GiveUp(index) => format!("{} is given up and stays on its way", told(index)),
        Happening::Lose(index) => format!("{} is lost", told(index)),
        Happening::Fail(index) => format!("{} fails: not sent", told(index)),
        Happening::End(node) => format!("the key at node {} ends", names.node(node)),
        Happening::Pass => format!("tick {} begins", world.tick + 1),
    }
}

fn input_words(input: Input) -> String {
    match input {
        Input::Lock => "locks".to_owned(),
        Input::Adopt => "adopts".to_owned(),
        Input::HandOver => "hands over".to_owned(),
        Input::HandBack => "hands back".to_owned(),
        Input::Crash => "crashes".to_owned(),
        Input::KeyEnds(round) => format!("sees the time of round {round} go by"),
        Input::Extend => "extends".to_owned(),
        Input::Release => "releases".to_owned(),
        Input::Drop => "drops its guard".to_owned(),
        Input::Cancel => "drops the call".to_owned(),
        Input::Tick(process) => format!("the wait of machine {process} is over"),
        Input::Reply { reply, .. } => format!("hears {reply:?}"),
    }
}

fn about(message: &Message, names: &Names) -> String {
    let Request { what, round, node, value, .. } = message.request;
    let of = names.client(usize::from(message.client));
    let node = names.node(usize::from(node));
    let value = match value {
        0 => "the fixed value".to_owned(),
        _ if is_of_lineage(value) => format!("adopted value {}", round_of(value)),
        _ => format!("value {value}"),
    };
    let what = match what {
        What::Set => "SET",
        What::SetOrLook => "SET or look",
        What::Extend => "extend",
        What::Revive => "extend or revive",
        What::Undo => "undo",
        What::GiveBack => "release",
        What::Rotate => "rotation",
        What::SetBack => "set-back",
        What::HandBack => "handing back",
        What::Raise => "raise",
    };
    let request = format!("{of}'s {what} of {value} (round {round}) at node {node}");
    match message.leg {
        Leg::There => request,
        Leg::ThereUnheard => format!("{request}, given up,"),
        Leg::Back(reply) => format!("{:?} for {request}", ReplyWords(reply)),
    }
}

struct ReplyWords(Reply);

impl std::fmt::Debug for ReplyWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Reply::Granted | Reply::Told { fence: None, .. } => "\"done\"",
            Reply::Told { fence: Some(fence), .. } => return write!(f, "\"done, fence {fence}\""),
            Reply::Adopted => "\"adopted\"",
            Reply::Revived => "\"set anew\"",
            Reply::Taken => "\"taken\"",
            Reply::SameValue => "\"taken under this value\"",
            Reply::OtherValue => "\"another value\"",
            Reply::Missing => "\"missing\"",
            Reply::Failed => "a failure",
            Reply::Unknown => "a lost connection",
        })
    }
}
