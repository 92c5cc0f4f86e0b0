//! [`Visitor`]: loads pages, and tells what the browser says of them.

use std::{collections::BTreeSet, path::Path};

use chromiumoxide::{
    Browser, Page,
    cdp::{
        browser_protocol::log::{EnableParams, EventEntryAdded, LogEntryLevel},
        js_protocol::runtime::{ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown},
    },
    listeners::EventStream,
    page::ScreenshotParams,
};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;

use crate::{BoxError, screen::Screen, site::Site};

const SURVEY: &str = include_str!("survey.js");
/// A page for the printer asks for one as soon as it is loaded.
const NO_PRINTER: &str = "window.print = () => {};";
/// The page that is searched from, and a word that the book has. A page tells what was found in a list.
const SEARCHED: &str = "index.html";
const SEARCH: &str = "?search=fencing";
const FOUND: &str = "new Promise(done => {
    const look = () => document.querySelector('[id$=searchresults] li')
        ? done(document.querySelectorAll('[id$=searchresults] li').length)
        : document.documentElement.dataset.late ? done(0) : setTimeout(look, 20);
    setTimeout(() => { document.documentElement.dataset.late = 'yes'; }, 10000);
    look();
})";
/// The pages that pictures are kept of.
const MAIN: [&str; 5] = ["quick-start.html", "model.html", "options.html", "promises.html", "peers.html"];

/// What was seen of a page.
pub(crate) struct Seen {
    pub(crate) complaints: BTreeSet<String>,
    pub(crate) survey: Survey,
}

/// What `survey.js` knows of a page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Survey {
    pub(crate) complaints: Vec<String>,
    pub(crate) ids: Vec<String>,
    pub(crate) links: Vec<String>,
}

/// Loads pages on one screen.
pub(crate) struct Visitor<'a> {
    browser: &'a Browser,
    site: &'a Site,
    screen: Screen,
    pictures: Option<&'a Path>,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(
        browser: &'a Browser,
        site: &'a Site,
        screen: Screen,
        pictures: Option<&'a Path>,
    ) -> Self {
        Self { browser, site, screen, pictures }
    }

    pub(crate) async fn visit(&self, name: &str) -> Result<Seen, BoxError> {
        let page = self.browser.new_page("about:blank").await?;
        let mut said = Said::of(&page).await?;
        page.execute(self.screen.metrics()).await?;
        page.emulate_media_features(vec![self.screen.colours()]).await?;
        page.evaluate_on_new_document(NO_PRINTER).await?;
        page.goto(format!("{}{name}", self.site.address())).await?.wait_for_navigation().await?;
        let survey: Survey = page.evaluate(SURVEY).await?.into_value()?;
        self.keep_picture(&page, name).await?;
        let mut complaints = said.so_far();
        complaints.extend(survey.complaints.iter().cloned());
        if name == SEARCHED && !self.finds(&page).await? {
            complaints.insert("the search finds nothing".to_owned());
        }
        page.close().await?;
        Ok(Seen { complaints, survey })
    }

    async fn keep_picture(&self, page: &Page, name: &str) -> Result<(), BoxError> {
        let Some(directory) = self.pictures.filter(|_| MAIN.contains(&name)) else { return Ok(()) };
        std::fs::create_dir_all(directory)?;
        let file = format!("{}-{}.png", name.trim_end_matches(".html"), self.screen);
        page.save_screenshot(ScreenshotParams::builder().full_page(true).build(), directory.join(file))
            .await?;
        Ok(())
    }

    /// A page of a book without a search has no field for it.
    async fn finds(&self, page: &Page) -> Result<bool, BoxError> {
        page.goto(format!("{}{SEARCHED}{SEARCH}", self.site.address())).await?.wait_for_navigation().await?;
        let found: usize = page.evaluate(FOUND).await?.into_value()?;
        Ok(found > 0)
    }
}

/// What the browser says while a page is loaded.
struct Said {
    log: EventStream<EventEntryAdded>,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
}

impl Said {
    async fn of(page: &Page) -> Result<Self, BoxError> {
        let said = Self {
            log: page.event_listener().await?,
            console: page.event_listener().await?,
            exceptions: page.event_listener().await?,
        };
        page.execute(EnableParams::default()).await?;
        Ok(said)
    }

    /// What it has said before it answered last: events and answers come in their order.
    fn so_far(&mut self) -> BTreeSet<String> {
        let mut complaints = BTreeSet::new();
        while let Some(Some(event)) = self.log.next().now_or_never() {
            let entry = &event.entry;
            if matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                complaints.insert(format!(
                    "{} ({})",
                    entry.text,
                    entry.url.as_deref().unwrap_or("no address")
                ));
            }
        }
        while let Some(Some(event)) = self.console.next().now_or_never() {
            if matches!(event.r#type, ConsoleApiCalledType::Error | ConsoleApiCalledType::Warning) {
                complaints.insert(format!("on the console: {:?}", event.args));
            }
        }
        while let Some(Some(event)) = self.exceptions.next().now_or_never() {
            complaints.insert(format!("a script has failed: {:?}", event.exception_details));
        }
        complaints
    }
}
