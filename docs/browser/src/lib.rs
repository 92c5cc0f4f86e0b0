//! Loads every page of a book in a browser, at the width of a desktop and of a phone, and says what is wrong: errors on
//! the console, what cannot be loaded, dead links, pages and pictures that do not fit, and a search that finds nothing.

mod links;
mod screen;
mod site;
mod visit;

use std::{
    error::Error,
    fmt, fs,
    path::{Path, PathBuf},
};

use chromiumoxide::{Browser, BrowserConfig};
use futures_util::StreamExt;

use crate::{links::Known, screen::Screen, site::Site, visit::Visitor};

/// What is wrong on any level, such as that there is no browser.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many pages there are.
    pub pages: usize,
    /// How many links they have into the book.
    pub links: usize,
    /// One line for each thing that is wrong.
    pub complaints: Vec<String>,
}

/// Looks at every page in `book`, and keeps pictures of the main ones in `pictures`.
///
/// # Errors
///
/// When there is no page, no browser, or the browser fails.
pub async fn check(book: &Path, pictures: Option<&Path>) -> Result<Report, BoxError> {
    let pages = pages(book)?;
    let site = Site::serve(book).await?;
    let profile = tempfile::tempdir()?;
    let (mut browser, mut events) = Browser::launch(config(profile.path())?).await?;
    // Carries what is asked of the browser, and ends with it.
    let carrying = tokio::spawn(async move { while events.next().await.is_some() {} });
    let looked = look(&browser, &site, &pages, pictures).await;
    browser.close().await?;
    browser.wait().await?;
    carrying.await?;
    looked
}

async fn look(
    browser: &Browser,
    site: &Site,
    pages: &[String],
    pictures: Option<&Path>,
) -> Result<Report, BoxError> {
    let mut report = Report { pages: pages.len(), ..Report::default() };
    let mut known = Known::default();
    for screen in Screen::ALL {
        let visitor = Visitor::new(browser, site, screen, pictures);
        for page in pages {
            let seen = visitor.visit(page).await?;
            report.complaints.extend(seen.complaints.iter().map(|what| format!("{page}, {screen}: {what}")));
            known.add(page, seen.survey);
        }
    }
    report.links = known.links();
    report.complaints.extend(known.dead_links(site.address()));
    Ok(report)
}

/// The names of all pages, in their order.
fn pages(book: &Path) -> Result<Vec<String>, BoxError> {
    let entries = fs::read_dir(book).map_err(|error| format!("cannot read {}: {error}", book.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>()?;
    let is_page = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "html");
    let names = paths.iter().filter(is_page).filter_map(|path| path.file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    if names.is_empty() { Err(format!("no page in {}", book.display()).into()) } else { Ok(names) }
}

/// Who is root, as in containers, gets no sandbox; what is loaded is our own.
fn config(profile: &Path) -> Result<BrowserConfig, BoxError> {
    Ok(BrowserConfig::builder().user_data_dir(profile).viewport(None).no_sandbox().build()?)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, links, complaints } = self;
        let screens = Screen::ALL.len();
        write!(
            f,
            "{pages} pages on {screens} screens, {links} links into the book: {} complaints",
            complaints.len()
        )
    }
}
