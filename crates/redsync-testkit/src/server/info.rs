//! What a server says about itself.

use super::{Server, ServerError};

impl Server {
    /// Returns the server's name and version, such as `Redis 7.0.15` or `Valkey 8.1.1`.
    ///
    /// # Errors
    ///
    /// Fails as [`Server::command`] does.
    pub fn version(&self) -> Result<String, ServerError> {
        let valkey = self.info("server", "valkey_version")?;
        match valkey {
            Some(version) => Ok(format!("Valkey {version}")),
            None => Ok(format!("Redis {}", self.info("server", "redis_version")?.unwrap_or_default())),
        }
    }

    /// Returns one field of a section of `INFO`.
    pub(super) fn info(&self, section: &str, field: &str) -> Result<Option<String>, ServerError> {
        let reply = self.command(&["INFO", section])?.accepted()?;
        let mut fields = reply.text().unwrap_or_default().lines().filter_map(|line| line.split_once(':'));
        Ok(fields.find(|(name, _)| *name == field).map(|(_, value)| value.trim().to_owned()))
    }
}
