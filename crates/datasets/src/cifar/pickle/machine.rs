//! The stack machine. Each operation that does more than push a value has its own method.

use std::collections::HashMap;

use super::{Array, Known, Value};

/// The stack, and the values that it refers to.
#[derive(Default)]
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    stack: Vec<Value<'a>>,
    /// The stack heights at which marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    pub(super) sequences: Vec<Vec<Value<'a>>>,
    pub(super) dictionaries: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) arrays: Vec<Array<'a>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Runs the pickle to its end and returns the value on top of the stack.
    pub(super) fn run(&mut self) -> Result<Value<'a>, String> {
        loop {
            let operation = self.take(1)?[0];
            match operation {
                b'.' => return self.pop(),
                0x80 => {
                    let protocol = self.take(1)?[0];
                    if protocol > 2 {
                        return Err(format!("protocol {protocol} where 2 is expected"));
                    }
                }
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 | 0x89 => self.stack.push(Value::Bool(operation == 0x88)),
                b'K' => self.int::<1>(|bytes| bytes[0].into())?,
                b'M' => self.int::<2>(|bytes| u16::from_le_bytes(bytes).into())?,
                b'J' => self.int::<4>(|bytes| i32::from_le_bytes(bytes).into())?,
                0x8a => self.long()?,
                b'U' => self.string(1)?,
                b'T' | b'X' => self.string(4)?,
                b'}' => self.dictionary(),
                b']' | b')' => self.sequence(vec![]),
                b't' => {
                    let items = self.pop_mark()?;
                    self.sequence(items);
                }
                0x85..=0x87 => {
                    let count = usize::from(operation - 0x84);
                    let start = self.stack.len().checked_sub(count).ok_or("an empty stack")?;
                    let items = self.stack.split_off(start);
                    self.sequence(items);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set(&items)?;
                }
                b'q' => self.memoize(1)?,
                b'r' => self.memoize(4)?,
                b'h' => self.recall(1)?,
                b'j' => self.recall(4)?,
                b'c' => self.name()?,
                b'R' => self.call()?,
                b'b' => self.build()?,
                other => {
                    return Err(format!("operation 0x{other:02x}, which the official files do not have,"));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("the file ends too early")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A length or index of 1 or 4 bytes.
    fn number(&mut self, width: usize) -> Result<u32, String> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u32::from(byte)))
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        // Values below a mark must not be taken until the mark is removed.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            Err("an empty stack".into())
        } else {
            self.stack.pop().ok_or_else(String::new)
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn int<const N: usize>(&mut self, value: impl Fn([u8; N]) -> i64) -> Result<(), String> {
        let bytes = self.take(N)?.try_into().map_err(|_| "the file ends too early")?;
        self.stack.push(Value::Int(value(bytes)));
        Ok(())
    }

    /// A number of any width. Some systems wrote shapes so.
    fn long(&mut self) -> Result<(), String> {
        let width = self.take(1)?[0].into();
        let bytes = self.take(width)?;
        let Some((last, rest)) = bytes.split_last().filter(|_| bytes.len() <= 8) else {
            return Err("a number of another size than the official files have".into());
        };
        let high = i64::from(last.cast_signed());
        self.stack
            .push(Value::Int(rest.iter().rev().fold(high, |number, &byte| (number << 8) | i64::from(byte))));
        Ok(())
    }

    fn string(&mut self, width: usize) -> Result<(), String> {
        let length = self.number(width)? as usize;
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn dictionary(&mut self) {
        self.stack.push(Value::Dictionary(self.dictionaries.len()));
        self.dictionaries.push(vec![]);
    }

    fn sequence(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Sequence(self.sequences.len()));
        self.sequences.push(items);
    }

    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Sequence(index)) => self.sequences[*index].extend(items),
            _ => return Err("no list to add to".into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Value<'a>]) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Dictionary(index)) if items.len().is_multiple_of(2) => {
                self.dictionaries[*index].extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err("no dictionary to add pairs to".into()),
        }
        Ok(())
    }

    fn memoize(&mut self, width: usize) -> Result<(), String> {
        let index = self.number(width)?;
        let value = *self.stack.last().ok_or("an empty stack")?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let index = self.number(width)?;
        let value = self.memo.get(&index).ok_or("an unknown memo index")?;
        self.stack.push(*value);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("the file ends too early")?;
        let line = self.take(length)?;
        self.take(1)?;
        Ok(line)
    }

    fn name(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        let known = match (module, name) {
            // NumPy renamed its inner modules once.
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Known::Reconstruct,
            (b"numpy", b"ndarray") => Known::NdArray,
            (b"numpy", b"dtype") => Known::DType,
            _ => {
                let [module, name] = [module, name].map(|bytes| bytes.escape_ascii().to_string());
                return Err(format!("the name {module}.{name}, which the official files do not have,"));
            }
        };
        self.stack.push(Value::Name(known));
        Ok(())
    }

    /// Creates what the call would return: an array that is still empty, or an element type.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Sequence(arguments) = arguments else { return Err("a call without arguments".into()) };
        let first = self.sequences[arguments].first();
        let made = match (function, first) {
            (Value::Name(Known::Reconstruct), Some(Value::Name(Known::NdArray))) => {
                self.arrays.push(Array::default());
                Value::Array(self.arrays.len() - 1)
            }
            (Value::Name(Known::DType), Some(Value::Bytes(kind))) => Value::Type(kind),
            _ => return Err("a call that the official files do not have".into()),
        };
        self.stack.push(made);
        Ok(())
    }

    /// Sets the state of the result of a call: shape and bytes of an array. The byte order of a type is ignored,
    /// because an element is one byte.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let Value::Sequence(state) = state else { return Err("a state that is not a tuple".into()) };
        match self.stack.last() {
            Some(Value::Type(_)) => Ok(()),
            Some(Value::Array(index)) => {
                let index = *index;
                self.arrays[index] = self.array(&self.sequences[state])?;
                Ok(())
            }
            _ => Err("a state without an object".into()),
        }
    }

    /// The array in a state, which consists of version, shape, type, whether it is stored column by column, and bytes.
    fn array(&self, state: &[Value<'a>]) -> Result<Array<'a>, String> {
        let [_, Value::Sequence(shape), Value::Type(b"u1" | b"|u1"), order, Value::Bytes(bytes)] = state
        else {
            return Err("an array whose elements are not bytes".into());
        };
        let shape = self.sequences[*shape].iter().map(|length| match length {
            Value::Int(length) => Ok(*length),
            _ => Err("a shape that does not consist of numbers".to_string()),
        });
        let shape = shape.collect::<Result<Vec<_>, _>>()?;
        let elements = shape.iter().try_fold(1i64, |product, length| product.checked_mul(*length));
        if elements != i64::try_from(bytes.len()).ok() {
            return Err(format!("an array of shape {shape:?} and {} bytes", bytes.len()));
        }
        if !matches!(order, Value::Bool(false)) {
            return Err("an array that is not stored row by row".into());
        }
        Ok(Array { shape, bytes })
    }
}
