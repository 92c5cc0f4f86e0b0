//! [`Known`]: all pages with their links, of which each has to lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::visit::Survey;

/// What is known of the pages.
#[derive(Default)]
pub(crate) struct Known {
    pages: BTreeMap<String, Page>,
}

#[derive(Default)]
struct Page {
    ids: BTreeSet<String>,
    links: BTreeSet<String>,
}

impl Known {
    pub(crate) fn add(&mut self, name: &str, survey: Survey) {
        let page = self.pages.entry(name.to_owned()).or_default();
        page.ids.extend(survey.ids);
        page.links.extend(survey.links);
    }

    /// How many different links the pages have, each.
    pub(crate) fn links(&self) -> usize {
        self.pages.values().map(|page| page.links.len()).sum()
    }

    /// Those that lead nowhere within the site at this address; what leads away is not looked at.
    pub(crate) fn dead_links(&self, address: &str) -> Vec<String> {
        let links =
            self.pages.iter().flat_map(|(name, page)| page.links.iter().map(move |link| (name, link)));
        let dead = links.filter(|(_, link)| link.strip_prefix(address).is_some_and(|rest| !self.leads(rest)));
        dead.map(|(name, link)| format!("{name}: a dead link to {link}")).collect()
    }

    fn leads(&self, link: &str) -> bool {
        let (path, id) = link.split_once('#').unwrap_or((link, ""));
        let name = match path.split('?').next() {
            Some("") | None => "index.html",
            Some(name) => name,
        };
        let has_id = |page: &Page| id.is_empty() || page.ids.contains(id) || page.ids.contains(&decoded(id));
        self.pages.get(name).is_some_and(has_id)
    }
}

/// What stands for other letters in an address.
fn decoded(id: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = id.bytes();
    while let Some(byte) = rest.next() {
        let digits =
            (byte == b'%').then(|| [rest.next(), rest.next()].into_iter().flatten().collect::<Vec<_>>());
        let code = digits.and_then(|digits| u8::from_str_radix(&String::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found_and_others_are_not() {
        let survey = |ids: &[&str], links: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            Survey { ids: owned(ids), links: owned(links), ..Survey::default() }
        };
        let mut known = Known::default();
        let links = [
            "http://a/b.html#über",
            "http://a/b.html#%C3%BCber",
            "http://a/",
            "http://b/no.html",
            "http://a/no.html",
        ];
        known.add("index.html", survey(&[], &links));
        known.add("b.html", survey(&["über"], &["http://a/b.html#other"]));
        let dead = known.dead_links("http://a/");
        assert_eq!(
            dead,
            ["b.html: a dead link to http://a/b.html#other", "index.html: a dead link to http://a/no.html"]
        );
    }
}
