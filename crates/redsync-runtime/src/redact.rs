//! [`redact`]: how a URL is shown to people; [`has_credentials`]: what would be shown with it.

/// Returns a URL without what may be secret.
///
/// It need not be a valid one: a password with a `/` or a `#` in it is
/// the most usual fault, so everything up to the last `@` goes.
pub fn redact(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (credentials, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("***@", host));
    // A query can hold a password as well, and so can what should have been a port.
    let address = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let is_port = port.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok());
    let address = if is_port || port.is_empty() || host.starts_with('[') {
        address.to_owned()
    } else {
        format!("{host}:***")
    };
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{credentials}{address}")
}

/// Tells whether the query of a URL brings credentials in a parameter of this name, which is to be an address.
///
/// Clients quote what they cannot read there, and take the rest for the name of a host.
pub fn has_credentials(url: &str, parameter: &str) -> bool {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut addresses = pairs.filter(|(name, _)| *name == parameter);
    addresses.any(|(_, address)| address.contains('@') || address.contains("%40"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_the_addresses_of_a_query() {
        for (url, expected) in [
            ("redis-cluster://a:1?node=:secret@b:2", true),
            ("redis-cluster://a:1?node=c:3&node=redis://user:secret@b:2", true),
            ("redis-cluster://a:1?node=secret%40b:2", true),
            ("redis-cluster://user:secret@a:1?node=b:2", false),
            ("redis-sentinel://a:1?sentinelPassword=p@ss&node=b:2", false),
            ("redis://:x&node=secret@a:1", false),
            ("", false),
        ] {
            assert_eq!(has_credentials(url, "node"), expected, "{url}");
        }
    }

    #[test]
    fn redacted_urls_show_the_host_and_nothing_secret() {
        for (url, expected) in [
            ("redis://user:secret@10.0.0.1:6379/0", "redis://***@10.0.0.1:6379/0"),
            ("redis://:sec/ret#@10.0.0.1", "redis://***@10.0.0.1"),
            ("redis://:s@cret@10.0.0.1:http", "redis://***@10.0.0.1:***"),
            ("redis://:secret", "redis://:***"),
            ("user:secret@10.0.0.1", "***@10.0.0.1"),
            ("unix:///run/redis.sock?pass=secret", "unix:///run/redis.sock"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("http://10.0.0.1:6379", "http://10.0.0.1:6379"),
            ("", ""),
        ] {
            assert_eq!(redact(url), expected, "{url}");
        }
    }
}
