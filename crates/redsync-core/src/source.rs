//! Lock values and random bits for the machines.

use std::sync::Arc;

use crate::{
    Runtime, Value,
    doubt::Doubts,
    machine::{NodeSet, Source, ValueError},
    options::ValueFn,
};

/// Draws values from the user's function, or makes them of 128 random bits, with the label before them.
pub(crate) struct Generator {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) doubts: Arc<Doubts>,
    pub(crate) name: Arc<str>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) value_fn: Option<ValueFn>,
}

#[derive(Debug, thiserror::Error)]
#[error("the value function returned an empty value")]
struct EmptyValue;

impl Source for Generator {
    fn value(&mut self) -> Result<Value, ValueError> {
        if let Some(value_fn) = &self.value_fn {
            let text = value_fn().map_err(ValueError::from)?;
            return if text.is_empty() { Err(Arc::new(EmptyValue)) } else { Ok(Value::new(text)) };
        }
        let (lineage, nonce) = (self.random(), self.random());
        Ok(Value::generated(self.label.as_deref(), lineage, nonce))
    }

    fn random(&mut self) -> u64 {
        self.runtime.random()
    }

    fn in_doubt(&self, value: &Value) -> NodeSet {
        self.doubts.nodes(&self.name, value)
    }
}
