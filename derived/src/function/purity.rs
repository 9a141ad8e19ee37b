//! Whether a call can leave anything behind in its instance, read from the code that it can reach.

use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

/// Whether exported functions, with all that they call, write no memory, no global and no table. The
/// module is valid; what it imports is the host's, which takes back what it writes. What is not
/// understood counts as writing.
pub fn writes_nothing(wasm: &[u8], exports: &[&str]) -> bool {
    read(wasm, exports).unwrap_or(false)
}

/// What a body does.
#[derive(Default)]
struct Body {
    writes: bool,
    calls: Vec<u32>,
}

fn read(wasm: &[u8], names: &[&str]) -> Option<bool> {
    let (mut bodies, mut waiting) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            // Functions of the host have the first numbers, and write nothing that stays.
            Payload::ImportSection(imports) => {
                for import in imports {
                    match import.ok()?.ty {
                        TypeRef::Func(_) => bodies.push(Body::default()),
                        _ => return None,
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for found in exports {
                    let found = found.ok()?;
                    if found.kind == ExternalKind::Func && names.contains(&found.name) {
                        waiting.push(found.index);
                    }
                }
            }
            Payload::CodeSectionEntry(code) => {
                let mut body = Body::default();
                for operator in code.get_operators_reader().ok()? {
                    body.take(&operator.ok()?);
                }
                bodies.push(body);
            }
            _ => {}
        }
    }
    if waiting.len() < names.len() {
        return None;
    }
    let mut seen = vec![false; bodies.len()];
    while let Some(function) = waiting.pop() {
        let place = function as usize;
        if std::mem::replace(seen.get_mut(place)?, true) {
            continue;
        }
        let body = bodies.get(place)?;
        if body.writes {
            return Some(false);
        }
        waiting.extend(&body.calls);
    }
    Some(true)
}

impl Body {
    fn take(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.calls.push(*function_index);
            }
            // Whatever the table has.
            Operator::CallIndirect { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::RefFunc { .. }
            | Operator::GlobalSet { .. }
            | Operator::I32Store { .. }
            | Operator::I64Store { .. }
            | Operator::F32Store { .. }
            | Operator::F64Store { .. }
            | Operator::I32Store8 { .. }
            | Operator::I32Store16 { .. }
            | Operator::I64Store8 { .. }
            | Operator::I64Store16 { .. }
            | Operator::I64Store32 { .. } => self.writes = true,
            other => self.writes |= !is_of_values(other),
        }
    }
}

/// Whether an instruction reads and computes values alone: by name, since those that write beside
/// plain stores are few, and those of later proposals are none of these.
fn is_of_values(operator: &Operator<'_>) -> bool {
    let said = format!("{operator:?}");
    let name = said.split([' ', '{']).next().unwrap_or_default();
    let of_numbers = ["I32", "I64", "F32", "F64", "Local", "Br"];
    let others = [
        "Unreachable",
        "Nop",
        "Block",
        "Loop",
        "If",
        "Else",
        "End",
        "Return",
        "Drop",
        "Select",
        "TypedSelect",
        "GlobalGet",
        "MemorySize",
    ];
    others.contains(&name)
        || of_numbers.iter().any(|begin| name.starts_with(begin)) && !name.contains("Atomic")
}
