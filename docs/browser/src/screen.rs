//! [`Screen`]: how large a page is looked at, and in which colours.

use std::fmt;

use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};

/// How large a page is looked at, and in which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    name: &'static str,
    width: i64,
    height: i64,
    is_phone: bool,
    colours: &'static str,
}

impl Screen {
    /// Each width, and each set of colours.
    pub(crate) const ALL: [Self; 3] = [
        Self { name: "desktop", width: 1280, height: 900, is_phone: false, colours: "light" },
        Self { name: "phone", width: 390, height: 844, is_phone: true, colours: "light" },
        Self { name: "phone-dark", width: 390, height: 844, is_phone: true, colours: "dark" },
    ];

    pub(crate) fn metrics(self) -> SetDeviceMetricsOverrideParams {
        SetDeviceMetricsOverrideParams::new(self.width, self.height, 1.0, self.is_phone)
    }

    pub(crate) fn colours(self) -> MediaFeature {
        MediaFeature::new("prefers-color-scheme", self.colours)
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
