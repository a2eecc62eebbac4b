//! stub
/// stub
#[derive(Debug, Clone)]
pub struct Script;
/// stub
#[derive(Debug, Clone)]
pub struct ScriptError;
impl Script {
    /// stub
    pub fn parse(_t: &str) -> Result<Script, ScriptError> {
        Err(ScriptError)
    }
}
